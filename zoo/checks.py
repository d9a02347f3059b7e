"""Checks of what a caller passes to a model: counts, seeds, images, latents, batches."""

from collections.abc import Sequence
from numbers import Integral

from torch import Tensor

from zoo.errors import BadInput, BadRecipe

Shape = tuple[int, int, int]

OVERSHOOT = 1.5  # of |x|: resizing and rounding leave [-1, 1] by less, grey levels by far more
REMEDY = "Convert grey levels from 0 to 255 by x / 127.5 - 1"


def check_count(n: int) -> None:
    """Raise BadInput unless n is a whole number from 0 on."""
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 0:
        raise BadInput(f"n must be a whole number >= 0, got {n!r}. Request 0 samples or more")


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


def mismatch(shapes: Sequence[Shape], here: tuple[int, ...]) -> tuple[str, int, int] | None:
    """The first name, value there and value here in which images of a shape differ from those of
    the first of the `shapes`; none where they are of any of these."""
    if not shapes or here in shapes:
        return None
    sides = zip(("channels", "size", "size"), shapes[0], here, strict=True)
    return next(side for side in sides if side[1] != side[2])


def check_data(shapes: Sequence[Shape], here: tuple[int, ...]) -> None:
    """Raise BadRecipe for data of another shape than those that a model was built for."""
    if found := mismatch(shapes, here):
        name, there, value = found
        if len(shapes) > 1:
            sizes = " or ".join(str(size) for _, _, size in shapes)
            raise BadRecipe(
                f"the model has {name} {there}, the data {name} {value}: set "
                f"--data.init_args.size to {sizes}, or choose other data"
            )
        raise BadRecipe(
            f"the model has {name} {there}, the data {name} {value}: set "
            f"--model.init_args.{name} {value}, or choose other data"
        )


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
