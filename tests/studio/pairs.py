"""An image translator without latents, and pairs of digits and their negatives."""

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.modality import ImagePairs
from zoo.core.module import ZooModule
from zoo.data import Digits
from zoo.data.arrays import DatasetInfo, Examples, Split
from zoo.data.module import ZooDataModule


class Negative(ZooModule):
    """Inputs (n, 1, 8, 8) to targets (n, 1, 8, 8) by two convolutions."""

    def __init__(self, width: int = 8, lr: float = 1e-2) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 1, 1), nn.Tanh()
        )

    @property
    def modality(self) -> ImagePairs:
        return ImagePairs((1, 8, 8), (1, 8, 8))

    @torch.no_grad()
    def translate(self, x: Tensor, seed: int = 0) -> Tensor:
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        return (self.net(x) - y).abs().mean()

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), self.hparams["lr"])


class Negatives(ZooDataModule):
    """Digits and their negatives."""

    source = DatasetInfo("Negatives", "not published", "CC0-1.0", "Apache-2.0")
    modality = ImagePairs((1, 8, 8), (1, 8, 8))

    def read(self, split: Split) -> Examples:
        pixels = Digits().images(split).values
        return Examples(pixels, 255 - pixels)
