"""VoxNet. Maturana & Scherer, 2015, https://doi.org/10.1109/IROS.2015.7353481

Two volumetric convolutions, a pooling and two dense layers classify shapes of voxels. The metric
`fd-voxnet` uses the last hidden layer (128 units).
"""

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.arguments import Count, Width
from zoo.core.classifier import ClassifierModule
from zoo.core.modality import Voxels
from zoo.errors import BadRecipe

FEATURES = 128
LEAST = 12  # voxels a side, which leave one after the pooling


class VoxNet(ClassifierModule):
    """Classifier of shapes (n, 1, size, size, size) in [0, 1]; `forward` returns features (n, 128),
    `head` logits (n, classes).

    In training shapes are rotated about the vertical axis by multiples of 90 degrees, and mirrored.
    Raises BadRecipe for a size below 12.
    """

    def __init__(
        self, size: Count = 32, classes: Count = 10, width: Width = 32, lr: float = 2e-3
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if size < LEAST:
            raise BadRecipe(f"size must be >= {LEAST}, got {size}. The default is 32")
        side = ((size - 5) // 2 + 1 - 2) // 2
        self.body = nn.Sequential(
            nn.Conv3d(1, width, 5, stride=2), nn.LeakyReLU(0.1), nn.Dropout(0.2),
            nn.Conv3d(width, width, 3), nn.LeakyReLU(0.1), nn.MaxPool3d(2), nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(width * side**3, FEATURES), nn.ReLU(), nn.Dropout(0.4),
        )  # fmt: skip
        self.head = nn.Linear(FEATURES, classes)

    @property
    def modality(self) -> Voxels:
        return Voxels(self.hparams["size"])

    def forward(self, x: Tensor) -> Tensor:
        return self.body(rotated(x) if self.training else x)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])


def rotated(x: Tensor) -> Tensor:
    """Shapes (n, 1, x, y, z), all rotated about z by one random multiple of 90 degrees, and
    mirrored with probability 1/2."""
    turns, mirror = int(torch.randint(4, ())), bool(torch.randint(2, ()))
    x = x.rot90(turns, (2, 3))
    return x.flip(2) if mirror else x
