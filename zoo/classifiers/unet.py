"""U-Net. Ronneberger, Fischer & Brox, 2015, https://arxiv.org/abs/1505.04597

Segmentation: each pixel of an image is classified, by a network that halves the image four times
and sees the maps of each size again on its way back.
"""

from itertools import pairwise

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, max_pool2d
from torch.optim import Adam

from zoo.checks import check_images
from zoo.core.arguments import Count, Width
from zoo.core.modality import LabelMaps
from zoo.core.module import ZooModule, eval_in_chunks
from zoo.errors import BadInput, BadRecipe

STRIDE = 16  # of the smallest maps


class UNet(ZooModule):
    """U-Net with the paper's widths, with batch norm, and with padding so that outputs have the
    size of inputs.

    It is trained on images of `size` pixels and takes images whose sides are multiples of 16.
    Raises BadRecipe unless `size` is one.
    """

    def __init__(
        self,
        size: Count = 256,
        labels: Count = 2,
        channels: Count = 3,
        width: Width = 64,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if size % STRIDE:
            raise BadRecipe(f"size must be a multiple of {STRIDE}, got {size}. Set 96 or 256")
        widths = [channels, *(width << level for level in range(5))]
        self.down = nn.ModuleList(convolutions(a, b) for a, b in pairwise(widths))
        ups = list(pairwise(widths[:0:-1]))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in ups)
        self.up = nn.ModuleList(convolutions(2 * b, b) for _, b in ups)
        self.head = nn.Conv2d(width, labels, 1)
        self.to(memory_format=torch.channels_last)

    @property
    def modality(self) -> LabelMaps:
        size, channels = self.hparams["size"], self.hparams["channels"]
        return LabelMaps((1, size, size), (channels, size, size), self.hparams["labels"])

    def forward(self, y: Tensor) -> Tensor:
        """Images (n, channels, h, w) to logits (n, labels, h, w)."""
        maps: list[Tensor] = []
        for level, convs in enumerate(self.down):
            y = convs(max_pool2d(y, 2) if level else y)
            maps.append(y)
        y = maps.pop()
        for enlarge, convs in zip(self.enlarge, self.up, strict=True):
            y = convs(torch.cat([maps.pop(), enlarge(y)], dim=1))
        return self.head(y)

    def segment(self, x: Tensor) -> Tensor:
        """Images (n, channels, h, w) in [-1, 1] to label maps (n, 1, h, w) in int64. Raises
        BadInput unless the sides are multiples of 16."""
        check_images(x)
        channels = self.hparams["channels"]
        if x.shape[1] != channels or x.shape[2] % STRIDE or x.shape[3] % STRIDE:
            raise BadInput(
                f"images must be (n, {channels}, h, w) with sides that are multiples of {STRIDE}, "
                f"got {tuple(x.shape)}. Resize them"
            )
        y = x.to(self.parameter_dtype)
        return eval_in_chunks(self, y, lambda some: self(some).argmax(1, keepdim=True))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        maps, y = batch
        loss = cross_entropy(self(y), maps[:, 0])
        self.log_on_interval({"cross_entropy": loss})
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        maps, y = batch
        correct = (self(y).argmax(1, keepdim=True) == maps).float()
        self.log("val/pixel_accuracy", correct.mean(), prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])


def convolutions(a: int, b: int) -> nn.Sequential:
    """Two convolutions from maps (n, a, h, w) to (n, b, h, w)."""
    pairs = ((a, b), (b, b))
    layers = [
        (nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()) for i, o in pairs
    ]
    return nn.Sequential(*(layer for some in layers for layer in some))
