"""LeNet-5. LeCun, Bottou, Bengio & Haffner, 1998, https://doi.org/10.1109/5.726791

Two convolutions, two poolings and three dense layers on 32 x 32 pixels. The network is wider than
in 1998 and has batch norm, ReLU and dropout. The metric `fd-lenet` uses its last hidden layer (F6,
84 units).
"""

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.optim import Adam

from zoo.core.arguments import Count, Width
from zoo.core.classifier import ClassifierModule
from zoo.core.modality import Images


class LeNet(ClassifierModule):
    """LeNet-5 for images (n, channels, size, size) in [-1, 1], where size is 28 or 32.

    `forward` returns the features F6 (n, 84), `head` the logits (n, classes).
    """

    def __init__(
        self, channels: Count = 1, classes: Count = 10, width: Width = 32, lr: float = 3e-3
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.body = nn.Sequential(
            convolution(channels, width),  # C1, S2
            convolution(width, 2 * width),  # C3, S4: 5 x 5
            nn.Flatten(),
            nn.Dropout(0.25),
            dense(50 * width, 120),  # C5
            dense(120, 84),  # F6
        )
        self.head = nn.Linear(84, classes)
        self.to(memory_format=torch.channels_last)

    @property
    def modality(self) -> Images:
        channels = self.hparams["channels"]
        return Images(((channels, 28, 28), (channels, 32, 32)))

    @property
    def min_sub_batch(self) -> int:
        return 2  # batch norm of dense layers

    def forward(self, x: Tensor) -> Tensor:
        border = (32 - x.shape[-1]) // 2  # images of 28 pixels are padded with black, as in 1998
        return self.body(pad(x, (border,) * 4, value=-1))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])


def convolution(a: int, b: int) -> nn.Sequential:
    """Convolution and pooling, from maps (n, a, h, w) to (n, b, h / 2 - 2, w / 2 - 2)."""
    return nn.Sequential(nn.Conv2d(a, b, 5), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))


def dense(a: int, b: int) -> nn.Sequential:
    """Dense layer with batch norm and ReLU, from (n, a) to (n, b)."""
    return nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU())
