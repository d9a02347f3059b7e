"""ResNet. He, Zhang, Ren & Sun, 2016, https://arxiv.org/abs/1512.03385

Residual blocks learn what to add to their input. The networks are those of section 4.2 for small
images. The metric `fd-resnet` uses the last feature map, averaged over its positions.
"""

from itertools import pairwise

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.optim import SGD

from zoo.core.arguments import Count, Width
from zoo.core.classifier import ClassifierModule, FeatureNetwork
from zoo.layers.augment import translation


class Block(nn.Module):
    """Residual block from maps (n, a, h, w) to (n, b, h, w), or to half the size if a and b differ.

    If they differ, the shortcut takes every other pixel and pads the new channels with zeros
    (option A of section 3.3).
    """

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.stride, self.new = 1 if a == b else 2, b - a
        self.first, self.second = convolution(a, b, self.stride), convolution(b, b)

    def forward(self, x: Tensor) -> Tensor:
        # `pad` counts from the last dimension: no columns, no rows, `new` channels at the end
        skip = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))
        return (self.second(self.first(x).relu()) + skip).relu()


def convolution(a: int, b: int, stride: int = 1) -> nn.Sequential:
    """Convolution with batch norm, from maps (n, a, h, w) to (n, b, h / stride, w / stride)."""
    conv = nn.Conv2d(a, b, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b))


def body(channels: int, widths: list[int]) -> nn.Sequential:
    """A convolution to widths[0] maps, and a block for each pair of neighboring widths."""
    blocks = (Block(a, b) for a, b in pairwise(widths))
    return nn.Sequential(convolution(channels, widths[0]), nn.ReLU(), *blocks)


class ResidualNetwork(FeatureNetwork):
    """The body of a residual network, averaged over its positions, and its training."""

    body: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).mean((2, 3))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Cross-entropy on images translated by up to an eighth of their size (section 4.2)."""
        x, y = batch
        return super().training_step((translation(x), y), batch_idx)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        lr, decay = self.hparams["lr"], self.hparams["weight_decay"]
        return self.one_cycle(SGD(self.parameters(), lr, momentum=0.9, weight_decay=decay), lr)


class ResNet(ResidualNetwork, ClassifierModule):
    """ResNet with 6 * blocks + 2 layers for images (n, channels, size, size) in [-1, 1].

    Three stages have `blocks` residual blocks each. `forward` returns features (n, 4 * width),
    `head` the logits (n, classes).
    """

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        classes: Count = 10,
        width: Width = 16,
        blocks: Count = 3,
        lr: float = 0.1,
        weight_decay: float = 1e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        widths = [width << stage for stage in range(3) for _ in range(blocks)]
        self.body = body(channels, [width, *widths])
        self.head = nn.Linear(4 * width, classes)
        self.apply(initialize).to(memory_format=torch.channels_last)


def initialize(layer: nn.Module) -> None:
    """Sample convolutions' weights by Kaiming initialization.

    He et al., 2015, equation 10, https://arxiv.org/abs/1502.01852
    """
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
