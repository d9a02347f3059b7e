"""Checks of the arguments of models: counts, seeds, images, latents, labels, batches."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor

from zoo.errors import BadInput, BadRecipe

Shape = tuple[int, int, int]

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
OVERSHOOT = 1.5  # largest |x|: more than resizing and rounding cause, less than gray levels have
REMEDY = "Convert gray levels from 0 to 255 by x / 127.5 - 1"


def check_count(n: int, name: str = "n", least: int = 0) -> None:
    """Raise BadInput unless n is a whole number >= `least`; `name` is that of the argument."""
    if not isinstance(n, Integral) or isinstance(n, bool) or n < least:
        raise BadInput(
            f"{name} must be a whole number >= {least}, got {n!r}. Request {least} or more"
        )


def check_seed(seed: int | None) -> None:
    """Raise BadInput unless a seed is None or a whole number from 0 to 2^63 - 1."""
    if seed is None:
        return
    if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise BadInput(
            f"seed must be a whole number from 0 to 2^63 - 1, got {seed!r}. Choose another seed"
        )


def check_floats(x: Tensor, name: str, remedy: str) -> None:
    """Raise BadInput unless x is a floating-point tensor; `name` says of what."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = x.dtype if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise BadInput(f"{name} must be floating-point tensors, got {got}. {remedy}")


def check_images(
    x: Tensor, shapes: Sequence[Shape] = (), values: bool = True, limit: float = OVERSHOOT
) -> None:
    """Raise BadInput unless x is floating-point images (n, channels, size, size) in [-1, 1].

    Each image must have one of the `shapes`, or any shape if there are none. Values up to `limit`
    are accepted, because resizing overshoots. Without `values` the pixels are not checked, which
    would synchronize the GPU.
    """
    check_floats(x, "images", REMEDY)
    if x.ndim != 4 or (shapes and tuple(x.shape[1:]) not in shapes):
        valid = " or ".join("(n, {}, {}, {})".format(*shape) for shape in shapes)
        raise BadInput(
            f"images must be of shape {valid or '(n, channels, size, size)'}, got "
            f"{tuple(x.shape)}. Resize them, or add the batch dimension by x[None]"
        )
    if values and x.numel():
        check_range(x, limit)


def check_range(x: Tensor, limit: float) -> None:
    """Raise BadInput unless all values are finite and in [-limit, limit]."""
    low, high = (float(value) for value in x.detach().aminmax())
    if -limit <= low and high <= limit:  # false for NaN
        return
    got = f"values from {low:.4g} to {high:.4g}" if low <= high else "NaN"
    raise BadInput(f"images must be finite and in [-1, 1], got {got}. {REMEDY}")


def check_sounds(x: Tensor, length: int) -> None:
    """Raise BadInput unless x is floating-point waveforms (n, 1, length) in [-1, 1]."""
    check_floats(x, "sounds", "Convert 16-bit PCM by x / 32768")
    if x.ndim != 3 or x.shape[1:] != (1, length):
        raise BadInput(
            f"sounds must be of shape (n, 1, {length}), got {tuple(x.shape)}. Cut or pad them, or "
            "add the batch dimension by x[None]"
        )
    if x.numel() and not bool((x.abs() <= OVERSHOOT).all()):  # false for NaN
        raise BadInput(
            f"sounds must be finite and in [-1, 1], got values up to {float(x.abs().max()):.4g}. "
            "Convert 16-bit PCM by x / 32768"
        )


def check_series(x: Tensor, length: int, columns: int) -> None:
    """Raise BadInput unless x is finite floating-point series (n, length, columns)."""
    remedy = "Scale stored values by model.modality.normalize"
    check_floats(x, "series", remedy)
    if x.ndim != 3 or x.shape[1:] != (length, columns):
        raise BadInput(
            f"series must be of shape (n, {length}, {columns}), got {tuple(x.shape)}. {remedy}"
        )
    if not bool(x.isfinite().all()):
        raise BadInput(f"series must be finite, got NaN or infinite values. {remedy}")


def check_voxels(x: Tensor, size: int) -> None:
    """Raise BadInput unless x is floating-point shapes (n, 1, size, size, size) in [0, 1]."""
    check_floats(x, "shapes", "Convert voxels by x.float()")
    if x.ndim != 5 or x.shape[1:] != (1, size, size, size):
        raise BadInput(
            f"shapes must be (n, 1, {size}, {size}, {size}), got {tuple(x.shape)}. Add the batch "
            "and channel dimensions by x[None, None]"
        )
    if x.numel() and not bool(((x >= 0) & (x <= 1)).all()):  # false for NaN
        low, high = float(x.min()), float(x.max())
        raise BadInput(
            f"shapes must be occupancies in [0, 1], got values from {low:.4g} to {high:.4g}. "
            "Convert voxels to 0 and 1"
        )


def check_clips(x: Tensor, shape: Shape) -> None:
    """Raise BadInput unless x is floating-point clips (n, frames, *shape) in [-1, 1]."""
    check_floats(x, "clips", REMEDY)
    if x.ndim != 5 or tuple(x.shape[2:]) != shape:
        wanted = ", ".join(map(str, shape))
        raise BadInput(
            f"clips must be of shape (n, frames, {wanted}), got {tuple(x.shape)}. Resize them, or "
            "add the batch dimension by x[None]"
        )
    if x.numel():
        check_range(x, OVERSHOOT)


def check_rows(x: Tensor, columns: int) -> None:
    """Raise BadInput unless x is floating-point rows (n, columns)."""
    check_floats(x, "rows", "Convert by x.double()")
    if x.ndim != 2 or x.shape[1] != columns:
        raise BadInput(
            f"rows must be of shape (n, {columns}), got {tuple(x.shape)}. Pass all columns of the "
            "table"
        )


def check_latents(z: Tensor, width: int) -> None:
    """Raise BadInput unless z is finite floating-point latents (n, width)."""
    check_floats(z, "latents", "Convert by z.float()")
    if z.ndim != 2 or z.shape[1] != width:
        raise BadInput(
            f"latents must be of shape (n, {width}), got {tuple(z.shape)}. Sample them by "
            "model.prior(n), or encode images"
        )
    if not z.isfinite().all():
        raise BadInput(
            "latents must be finite, got NaN or infinite values. Sample them by model.prior(n)"
        )


def check_features(features: Tensor, width: int) -> None:
    """Raise BadInput unless features are finite floating-point tensors (..., width)."""
    check_floats(features, "features", "Compute them by model.features(images)")
    if features.shape[-1:] != (width,):
        raise BadInput(
            f"features must be of shape (..., {width}), got {tuple(features.shape)}. Compute them "
            "by model.features(images)"
        )
    if not features.isfinite().all():
        raise BadInput(
            "features must be finite, got NaN or infinite values. Check the images and the weights"
        )


def checked_labels(labels: Tensor, n: int, classes: int) -> Tensor:
    """Convert labels (n,) to int64; raises BadInput unless all are from 0 to `classes` - 1."""
    remedy = f"Pass the class of each image, from 0 to {classes - 1}"
    try:
        labels = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        got = f"a {type(labels).__name__}"
        raise BadInput(f"labels must be {n} whole numbers, got {got}. {remedy}") from error
    if labels.shape != (n,) or labels.dtype not in WHOLE:
        got = f"{labels.dtype} of shape {tuple(labels.shape)}"
        raise BadInput(f"labels must be {n} whole numbers, got {got}. {remedy}")
    labels = labels.long()
    if ((labels < 0) | (labels >= classes)).any():
        got = f"{int(labels.min())} to {int(labels.max())}"
        raise BadInput(f"labels must be from 0 to {classes - 1}, got {got}. {remedy}")
    return labels


def check_codes(codes: Tensor, grids: Sequence[tuple[int, int]]) -> None:
    """Raise BadInput unless codes are int64 (n, positions) of valid entries.

    `grids` lists the positions and the entries of each grid. The entries of a grid follow those of
    the grid before: with entries (4, 6) they are 0 to 3, then 4 to 9.
    """
    remedy = "Compute them by model.encode_indices(images)"
    if not isinstance(codes, Tensor) or codes.dtype != torch.int64:
        got = codes.dtype if isinstance(codes, Tensor) else f"a {type(codes).__name__}"
        raise BadInput(f"codes must be tensors of int64, got {got}. {remedy}")
    positions = sum(size for size, _ in grids)
    if codes.ndim != 2 or codes.shape[1] != positions:
        shape = tuple(codes.shape)
        raise BadInput(f"codes must be of shape (n, {positions}), got {shape}. {remedy}")
    first = 0
    for grid, (_, entries) in zip(codes.split([s for s, _ in grids], 1), grids, strict=True):
        last = first + entries - 1
        if grid.numel() and not (first <= int(grid.min()) and int(grid.max()) <= last):
            values = f"{int(grid.min())} to {int(grid.max())}"
            raise BadInput(f"codes must be from {first} to {last}, got {values}. {remedy}")
        first = last + 1


def check_tokens(x: Tensor, tokens: int) -> None:
    """Raise BadInput unless x is tokens (n, t) in int64 from 0 to `tokens` - 1."""
    remedy = "Encode texts by model.modality.encode"
    if not isinstance(x, Tensor) or x.dtype != torch.int64 or x.ndim != 2:
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise BadInput(f"tokens must be a tensor (n, t) of int64, got {got}. {remedy}")
    if x.numel() and (int(x.min()) < 0 or int(x.max()) >= tokens):
        values = f"{int(x.min())} to {int(x.max())}"
        raise BadInput(f"tokens must be from 0 to {tokens - 1}, got {values}. {remedy}")


def check_batch(n: int, parts: int, least: int, owner: str) -> None:
    """Raise BadRecipe unless a batch of n images splits into `parts` equal parts for a step.

    Each part must have at least `least` images. `owner` is the class of the model.
    """
    if parts < 1:
        raise BadRecipe(f"discriminator_steps must be >= 1, got {parts}. Set 1 or more")
    nearest = parts * max(least, round(n / parts))
    if n % parts:
        raise BadRecipe(
            f"batch_size must be a multiple of {parts}, got {n}. A batch is split into {parts} "
            f"discriminator steps: set batch_size to {nearest}"
        )
    if n < parts * least:
        raise BadRecipe(
            f"batch_size must be >= {parts * least} for {owner}, got {n}. Set batch_size to "
            f"{nearest} or more, and drop a smaller last batch"
        )
