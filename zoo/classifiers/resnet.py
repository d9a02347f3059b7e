"""ResNet. He, Zhang, Ren & Sun, 2016, https://arxiv.org/abs/1512.03385

Layers learn what is to be added to their input. These are the networks of section 4.2, for small
images. What they see last, averaged over its places, is what `fd-resnet` measures in.
"""

from itertools import pairwise

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.optim import SGD

from zoo.core.image_classifier import ImageClassifier
from zoo.layers.augment import translation


class Block(nn.Module):
    """Maps (n, a, h, w) to (n, b, h, w), or to half the size where a and b differ; what is added
    there is every other pixel, and zeros in the new maps (option A)."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.stride, self.new = 1 if a == b else 2, b - a
        self.first, self.second = convolution(a, b, self.stride), convolution(b, b)

    def forward(self, x: Tensor) -> Tensor:
        skip = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))
        return (self.second(self.first(x).relu()) + skip).relu()


def convolution(a: int, b: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(a, b, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b))


class ResNet(ImageClassifier):
    """Classifies images (n, channels, size, size) in [-1, 1]; three stages of `blocks` each, which
    are 6 * blocks + 2 layers."""

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        classes: int = 10,
        width: int = 16,
        blocks: int = 3,
        lr: float = 0.1,
        weight_decay: float = 1e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        widths = [width << stage for stage in range(3) for _ in range(blocks)]
        self.body = nn.Sequential(
            convolution(channels, width),
            nn.ReLU(),
            *(Block(a, b) for a, b in pairwise([width, *widths])),
        )
        self.head = nn.Linear(4 * width, classes)
        self.apply(initialize).to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).mean((2, 3))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """On images moved by up to four pixels of 32, as in section 4.2."""
        x, y = batch
        return super().training_step((translation(x), y), batch_idx)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        lr, decay = self.hparams["lr"], self.hparams["weight_decay"]
        return self.one_cycle(SGD(self.parameters(), lr, momentum=0.9, weight_decay=decay), lr)


def initialize(layer: nn.Module) -> None:
    """He et al., 2015, equation 10, https://arxiv.org/abs/1502.01852"""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
