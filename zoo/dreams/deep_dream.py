"""DeepDream. Mordvintsev, Olah & Tyka, 2015, https://github.com/google/deepdream

Gradient ascent on an image strengthens what a layer of a classifier responds to. The image grows
in octaves: each one adds details to the enlarged result of the one before.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from zoo.checks import check_count
from zoo.dreams.networks import DreamNetwork, as_batch
from zoo.errors import BadInput

SMALLEST = 32  # pixels of the shorter side of an octave
SHRINK = 1.4  # from an octave to the one before
STEP = 1.5 / 127.5  # mean change of a pixel in [-1, 1]: 1.5 gray levels, as in the authors' code
JITTER = 32  # largest random shift in pixels

Objective = Callable[[Tensor], Tensor]  # feature maps (1, c, h, w) to a scalar


class Settings(NamedTuple):
    """Octaves, gradient steps of each octave, and the seed of the random shifts."""

    octaves: int = 4
    steps: int = 10
    seed: int = 0


def deep_dream(
    network: DreamNetwork,
    image: Tensor,
    layer: str,
    like: Tensor | None = None,
    settings: Settings | None = None,
) -> Iterator[Tensor]:
    """Yield an image (3, h, w) in [-1, 1] after each gradient step, from the smallest octave to the
    size of the given one.

    `layer` is a name of `network.layers()`. `like` is an image (3, h', w') whose features guide the
    dream. Octaves with a side below 32 pixels are left out. Raises BadInput for invalid images and
    counts, UnknownName for a layer.
    """
    settings = settings or Settings()
    network.check_layer(layer)
    sizes = octave_sizes(image, settings)
    objective = strengthen if like is None else guided(network.maps([layer], as_batch(like))[0])
    generator = torch.Generator().manual_seed(settings.seed)
    details = torch.zeros(1, 3, *sizes[0])
    for size in sizes:
        base = resize(as_batch(image), size)
        x = (base + resize(details, size).to(base)).clamp(-1, 1)
        for _ in range(settings.steps):
            shift = torch.randint(-JITTER, JITTER + 1, (2,), generator=generator).tolist()
            x = ascend(network, layer, objective, x, shift)
            yield x[0]
        details = x - base


def ascend(
    network: DreamNetwork, layer: str, objective: Objective, x: Tensor, shift: list[int]
) -> Tensor:
    """One gradient step on a shifted image (1, 3, h, w), which is shifted back. The shift keeps the
    grid of the network's strides from showing."""
    x = x.roll(shift, dims=(2, 3)).requires_grad_()
    (maps,) = network.maps([layer], x)
    (gradient,) = torch.autograd.grad(objective(maps), x)
    size = gradient.abs().mean().clamp(min=1e-12)
    x = (x.detach() + STEP / size * gradient).clamp(-1, 1)
    return x.roll([-shift[0], -shift[1]], dims=(2, 3))


def strengthen(maps: Tensor) -> Tensor:
    """Half of the squared norm of feature maps, whose gradient is the maps themselves."""
    return maps.square().sum() / 2


def guided(guide: Tensor) -> Objective:
    """The objective of a guide's feature maps (1, c, h', w'): the sum over positions of the product
    with the guide's feature that fits best."""
    features = guide.detach()[0].flatten(1)  # (c, positions)

    def objective(maps: Tensor) -> Tensor:
        own = maps[0].flatten(1)
        nearest = (own.T @ features).argmax(1)  # of each position of the image
        return (own * features[:, nearest]).sum()

    return objective


def octave_sizes(image: Tensor, settings: Settings) -> list[tuple[int, int]]:
    """Heights and widths of the octaves, from the smallest."""
    for name in ("octaves", "steps"):
        check_count(getattr(settings, name), name, least=1)
    height, width = as_batch(image).shape[2:]
    if min(height, width) < SMALLEST:
        raise BadInput(
            f"sides of the image must be >= {SMALLEST} pixels, got {width} x {height}. Enlarge it"
        )
    factors = [SHRINK**-k for k in range(settings.octaves)]
    sizes = [(round(height * factor), round(width * factor)) for factor in factors]
    return [size for size in sizes if min(size) >= SMALLEST][::-1]


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (n, c, *size), bilinear with antialiasing."""
    return interpolate(x, size=size, mode="bilinear", antialias=True)
