"""The content loss: images are compared in the feature maps of a network, not in their pixels.

Ledig, Theis, Huszar, Caballero et al., 2017, https://arxiv.org/abs/1609.04802, section 2.2.1.
"""

from typing import Literal, NamedTuple, get_args

from torch import Tensor

from zoo.errors import UnknownName
from zoo.layers.feature_maps import FeatureNetwork, load_torchvision

ContentSpace = Literal["vgg19", "squeezenet1_0", "pixels"]


class Space(NamedTuple):
    """A layer whose maps are compared, and their scale, which makes errors as large as pixels'."""

    layer: str
    scale: float


SPACES = {
    "vgg19": Space("features.35", 1 / 12.75),  # conv5_4 after its activation, as in the paper
    "squeezenet1_0": Space("features.9", 1 / 600),
}


class ContentLoss:
    """Mean squared error of two batches of images (n, 3, h, w) in [-1, 1], a scalar, in a space:
    the feature maps of a network of torchvision, which is loaded at the first use, or pixels.

    Raises UnknownName for another space; at the first use MissingData without the network's
    weights.
    """

    def __init__(self, space: str) -> None:
        if space not in get_args(ContentSpace):
            raise UnknownName("content space", space, [*get_args(ContentSpace)])
        self.space = space
        self.network: FeatureNetwork | None = None

    def __call__(self, x: Tensor, target: Tensor) -> Tensor:
        if self.space == "pixels":
            return (x - target).square().mean()
        layer, scale = SPACES[self.space]
        if self.network is None:
            self.network = FeatureNetwork(self.space, load_torchvision(self.space, x.device))
        maps, wanted = (self.network.maps([layer], images)[0] for images in (x, target.detach()))
        return scale**2 * (maps - wanted).square().mean()
