"""Checks of what a caller passes to a model: counts, seeds, images, latents, batches."""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor

from zoo.errors import BadInput, BadRecipe

Shape = tuple[int, int, int]

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
OVERSHOOT = 1.5  # of |x|: resizing and rounding leave [-1, 1] by less, grey levels by far more
REMEDY = "Convert grey levels from 0 to 255 by x / 127.5 - 1"


def check_count(n: int, name: str = "n", least: int = 0) -> None:
    """Raise BadInput unless n is a whole number from `least` on."""
    if not isinstance(n, Integral) or isinstance(n, bool) or n < least:
        raise BadInput(
            f"{name} must be a whole number >= {least}, got {n!r}. Request {least} or more"
        )


def check_seed(seed: int | None) -> None:
    """Raise BadInput unless a seed is none, or a whole number that torch takes as it is."""
    if seed is None:
        return
    if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise BadInput(
            f"seed must be a whole number from 0 to 2^63 - 1, got {seed!r}. Choose another seed"
        )


def check_images(
    x: Tensor, shapes: Sequence[Shape] = (), values: bool = True, limit: float = OVERSHOOT
) -> None:
    """Raise BadInput unless x is floating-point images (n, channels, size, size) of one of the
    `shapes`, any where there are none, and in [-1, 1], give or take what resizing overshoots.

    `values` says whether to look at the pixels, for which a GPU has to be waited for.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        found = x.dtype if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise BadInput(f"images must be floating-point tensors in [-1, 1], got {found}. {REMEDY}")
    if x.ndim != 4 or (shapes and tuple(x.shape[1:]) not in shapes):
        wanted = " or ".join("(n, {}, {}, {})".format(*shape) for shape in shapes)
        raise BadInput(
            f"images must be of shape {wanted or '(n, channels, size, size)'}, got "
            f"{tuple(x.shape)}. Resize them, or add the batch dimension by x[None]"
        )
    if values and x.numel():
        check_range(x, limit)


def check_range(x: Tensor, limit: float) -> None:
    """Raise BadInput unless all values are in [-limit, limit], up to rounding."""
    low, high = (float(value) for value in x.detach().aminmax())
    if -limit <= low and high <= limit:  # neither holds for NaN
        return
    found = f"values from {low:.4g} to {high:.4g}" if low <= high else "NaN"
    raise BadInput(f"images must be finite and in [-1, 1], got {found}. {REMEDY}")


def check_latents(z: Tensor, width: int) -> None:
    """Raise BadInput unless z is finite floating-point latents (n, width)."""
    if not isinstance(z, Tensor) or not z.is_floating_point():
        found = z.dtype if isinstance(z, Tensor) else f"a {type(z).__name__}"
        raise BadInput(f"latents must be floating-point tensors, got {found}. Convert by z.float()")
    if z.ndim != 2 or z.shape[1] != width:
        raise BadInput(
            f"latents must be of shape (n, {width}), got {tuple(z.shape)}. Draw them by "
            "model.prior(n), or encode images"
        )
    if not z.isfinite().all():
        raise BadInput("latents must be finite, got NaN or infinite values. Draw or encode others")


def check_features(features: Tensor, width: int) -> None:
    """Raise BadInput unless features are floating-point numbers (..., width)."""
    if not isinstance(features, Tensor) or not features.is_floating_point():
        found = features.dtype if isinstance(features, Tensor) else f"a {type(features).__name__}"
        raise BadInput(f"features must be floating-point tensors, got {found}. Compute them anew")
    if features.shape[-1:] != (width,):
        raise BadInput(
            f"features must be of shape (..., {width}), got {tuple(features.shape)}. Compute them "
            "by model.features(images)"
        )
    if not features.isfinite().all():
        raise BadInput("features must be finite, got NaN or infinite values. Compute them anew")


def checked_labels(labels: Tensor, n: int, classes: int) -> Tensor:
    """Labels (n,) as int64; raises BadInput unless they are n whole numbers below `classes`."""
    remedy = f"Give the class of each image, from 0 to {classes - 1}"
    try:
        labels = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        found = f"a {type(labels).__name__} of something else"
        raise BadInput(f"labels must be {n} whole numbers, got {found}. {remedy}") from error
    if labels.shape != (n,) or labels.dtype not in WHOLE:
        found = f"{labels.dtype} of shape {tuple(labels.shape)}"
        raise BadInput(f"labels must be {n} whole numbers, got {found}. {remedy}")
    labels = labels.long()
    if ((labels < 0) | (labels >= classes)).any():
        found = f"{int(labels.min())} to {int(labels.max())}"
        raise BadInput(f"labels must be from 0 to {classes - 1}, got {found}. {remedy}")
    return labels


def check_codes(codes: Tensor, grids: Sequence[tuple[int, int]]) -> None:
    """Raise BadInput unless codes are int64 (n, positions) of `grids`: the positions and entries of
    each, whose entries count on from those before."""
    remedy = "Compute them by model.codes(images)"
    if not isinstance(codes, Tensor) or codes.dtype != torch.int64:
        found = codes.dtype if isinstance(codes, Tensor) else f"a {type(codes).__name__}"
        raise BadInput(f"codes must be tensors of int64, got {found}. {remedy}")
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


def check_batch(n: int, parts: int, least: int, owner: str) -> None:
    """Raise BadRecipe for batches of n images that do not make `parts` equal parts of at least
    `least` images, as a training step of the model `owner` needs."""
    if parts < 1:
        raise BadRecipe(f"discriminator steps must be >= 1, got {parts}. Set one or more")
    near = parts * max(least, round(n / parts))
    if n % parts:
        raise BadRecipe(
            f"batch_size must be a multiple of {parts}, got {n}. A batch is shared by {parts} "
            f"discriminator steps: set batch_size to {near}"
        )
    if n < parts * least:
        raise BadRecipe(
            f"batch_size must be >= {parts * least}, got {n}. A training step of {owner} needs "
            f"more images: set batch_size to {near} or more, and drop a smaller last batch"
        )
