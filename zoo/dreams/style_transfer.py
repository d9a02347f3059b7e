"""Neural style transfer. Gatys, Ecker & Bethge, 2016, https://doi.org/10.1109/CVPR.2016.265

An image is optimized so that its feature maps in a deep layer are those of a photograph, and the
correlations of its feature maps in five layers are those of a painting.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.optim import LBFGS

from zoo.checks import check_count
from zoo.dreams.networks import DreamNetwork, as_batch
from zoo.errors import BadInput

EVALUATIONS = 10  # steps of L-BFGS between two frames
MEMORY = 10  # updates from which L-BFGS estimates the curvature
NOISE = 0.25  # standard deviation of the initial noise
STAGES = 5  # style layers of a network without an entry below


class Layers(NamedTuple):
    """The layer of the content, and those of the style."""

    content: str
    style: tuple[str, ...]


AUTHORS = Layers(  # conv4_2; conv1_1, conv2_1, conv3_1, conv4_1 and conv5_1
    "features.21", ("features.0", "features.5", "features.10", "features.19", "features.28")
)
SQUEEZENET = Layers(
    "features.6", ("features.1", "features.4", "features.6", "features.7", "features.9")
)
LAYERS = {"vgg19": AUTHORS, "squeezenet1_0": SQUEEZENET}


class Settings(NamedTuple):
    """Frames of ten steps each, the weight of the style, and the image to start from."""

    frames: int = 30
    style_weight: float = 100.0
    start: Literal["content", "noise"] = "content"
    seed: int = 0


def default_layers(network: DreamNetwork) -> Layers:
    """The layers of the authors; for other networks five at equal distances up to two thirds of
    the depth, the last but one for the content. Raises ZooError for a network without maps."""
    if network.name in LAYERS:
        return LAYERS[network.name]
    names = network.layers()
    last = names.index(network.default_layer())
    style = [names[round(last * i / (STAGES - 1))] for i in range(STAGES)]
    return Layers(style[-2], tuple(dict.fromkeys(style)))


def gram(maps: Tensor) -> Tensor:
    """Correlations (c, c) of feature maps (1, c, h, w), averaged over the positions: equation 3,
    divided by h * w, so that images of different sizes have comparable styles."""
    f = maps[0].flatten(1)
    return f @ f.T / f.shape[1]


def error(x: Tensor, target: Tensor) -> Tensor:
    """The squared error as a share of the squared target, which makes layers and networks with
    features of different sizes comparable."""
    return (x - target).square().sum() / target.square().sum().clamp(min=1e-12)


def style_transfer(
    network: DreamNetwork,
    content: Tensor,
    style: Tensor,
    layers: Layers | None = None,
    settings: Settings | None = None,
) -> Iterator[Tensor]:
    """Yield an image of the size of `content` (3, h, w) in [-1, 1] after every ten steps of L-BFGS.

    `style` is an image (3, h', w'). Raises BadInput for invalid images and settings, UnknownName
    for a layer.
    """
    settings, layers = settings or Settings(), layers or default_layers(network)
    check_settings(settings)
    content, style = as_batch(content, "content"), as_batch(style, "style")
    loss = Loss(network, content, style, layers, settings.style_weight)
    x = start(content, settings).requires_grad_()
    optimizer = LBFGS([x], max_iter=EVALUATIONS, history_size=MEMORY, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        return value.item()

    for _ in range(settings.frames):
        optimizer.step(closure)
        with torch.no_grad():
            x.clamp_(-1, 1)
        yield x.detach()[0].clone()


class Loss:
    """Equation 7: the error of the content's maps, and the mean error of the style's Grams."""

    def __init__(
        self, network: DreamNetwork, content: Tensor, style: Tensor, layers: Layers, weight: float
    ) -> None:
        self.network, self.layers, self.weight = network, layers, weight
        for layer in (layers.content, *layers.style):
            network.check_layer(layer)
        with torch.no_grad():
            (self.maps,) = network.maps([layers.content], content)
            self.grams = [gram(maps) for maps in network.maps(layers.style, style)]

    def __call__(self, x: Tensor) -> Tensor:
        maps, *styled = self.network.maps([self.layers.content, *self.layers.style], x)
        errors = [error(gram(f), a) for f, a in zip(styled, self.grams, strict=True)]
        return error(maps, self.maps) + self.weight * torch.stack(errors).mean()


def start(content: Tensor, settings: Settings) -> Tensor:
    """The first image (1, 3, h, w): the content, or noise as in the paper."""
    if settings.start == "content":
        return content.clone(memory_format=torch.contiguous_format)  # as L-BFGS requires
    generator = torch.Generator().manual_seed(settings.seed)
    noise = torch.randn(content.shape, generator=generator)
    return (NOISE * noise).clamp(-1, 1).to(content.device)


def check_settings(settings: Settings) -> None:
    """Raise BadInput for invalid settings."""
    check_count(settings.frames, "frames", least=1)
    if not 0 <= settings.style_weight < float("inf"):
        raise BadInput(
            f"style_weight must be finite and >= 0, got {settings.style_weight}. The default is "
            f"{Settings().style_weight:g}"
        )
    if settings.start not in ("content", "noise"):
        raise BadInput(f"start must be content or noise, got {settings.start!r}. Choose one")
