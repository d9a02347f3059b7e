"""pix2pix. Isola, Zhu, Zhou & Efros, 2017, https://arxiv.org/abs/1611.07004

A conditional GAN translates images to images: a U-Net that takes an image instead of a latent,
a discriminator of patches that sees input and output, and an L1 loss beside the adversarial one.
"""

from abc import abstractmethod
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.translator import ImageTranslator
from zoo.errors import BadRecipe
from zoo.layers.noise import NoiseDropout
from zoo.losses.adversarial import non_saturating


class UNet(nn.Module):
    """Map images (n, a, size, size) to images (n, b, size, size) in [-1, 1] (section 6.1.1).

    The encoder halves the image down to 1 x 1; each decoder block sees the encoder's map of its
    size beside its own. Dropout is the only noise (section 3.2.1). `size` is a power of two >= 8.
    """

    def __init__(self, size: int, a: int, b: int, width: int) -> None:
        super().__init__()
        widths = encoder_widths(size, width)  # at 256: w, 2w, 4w, 8w, 8w, 8w, 8w, 8w
        inner = widths[1:-1]
        self.encoder = nn.ModuleList(
            [
                downsample(a, width, norm=False),
                *(downsample(i, o) for i, o in pairwise([width, *inner])),
                downsample(widths[-2], widths[-1], norm=False),  # a norm of 1 x 1 would be zero
            ]
        )
        outputs = widths[-2::-1]
        inputs = [widths[-1], *(2 * w for w in outputs)]  # with the encoder's map of equal size
        blocks = enumerate(zip(inputs, outputs, strict=False))
        self.decoder = nn.ModuleList(upsample(i, o, dropout=k < 3) for k, (i, o) in blocks)
        self.output = nn.Sequential(
            nn.ConvTranspose2d(2 * width, b, 4, stride=2, padding=1), nn.Tanh()
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for block in self.encoder:
            maps.append(x := block(x))
        y = maps.pop()  # 1 x 1
        for block, skip in zip(self.decoder, reversed(maps), strict=True):
            y = torch.cat([block(y), skip], dim=1)
        return self.output(y)


class PatchGAN(nn.Sequential):
    """Map inputs and outputs, concatenated (n, a + b, h, w), to logits (n, 1, h / 8 - 2, w / 8 - 2)
    that each patch of 70 x 70 pixels is real (section 6.1.2)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(
            downsample(channels, width, norm=False),
            downsample(width, 2 * width),
            downsample(2 * width, 4 * width),
            downsample(4 * width, 8 * width, stride=1),
            nn.Conv2d(8 * width, 1, 4, padding=1),
        )


def encoder_widths(size: int, width: int) -> list[int]:
    """Channels of the encoder's maps from size / 2 down to 1; raises BadRecipe unless `size` is a
    power of two >= 8."""
    if size < 8 or size & (size - 1):
        raise BadRecipe(f"size must be a power of two >= 8, got {size}. Set 64, 128 or 256")
    return [width * min(8, 1 << level) for level in range(size.bit_length() - 1)]


def downsample(a: int, b: int, stride: int = 2, norm: bool = True) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, h / stride, w / stride)."""
    conv = nn.Conv2d(a, b, 4, stride=stride, padding=1, bias=not norm)
    return nn.Sequential(conv, *([normalization(b)] if norm else []), nn.LeakyReLU(0.2))


def upsample(a: int, b: int, dropout: bool) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, 2h, 2w)."""
    conv = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)
    noise = [NoiseDropout(0.5)] if dropout else []
    return nn.Sequential(conv, normalization(b), *noise, nn.ReLU())


def normalization(channels: int) -> nn.Module:
    """Normalization by the statistics of each image, in training and at test time: the paper's
    batch norm with a batch of one image (section 3.3)."""
    return nn.InstanceNorm2d(channels, affine=True)


def initialize(layer: nn.Module) -> None:
    """Sample weights of convolutions from N(0, 0.02^2) (section 6.2)."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, std=0.02)


class AdversarialTranslator(AdversarialModule, ImageTranslator):
    """The players and the training step of pix2pix, with the argument `l1_weight`; a subclass
    builds `generator` and `discriminator`, and says which pair a batch holds."""

    discriminator: nn.Module

    @abstractmethod
    def pair(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The inputs of the generator and their targets in a batch."""

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.5, 0.999))
        return {
            "discriminator": adam(self.discriminator.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of D and a step of G on the same output (section 3.3)."""
        D, G = self.discriminator, self.generator
        x, y = self.pair(batch)
        fake = G(x)

        with self.turn("discriminator") as descend:  # halved, as D learns faster than G
            real_and_fake = torch.cat([torch.cat([x, y], 1), torch.cat([x, fake.detach()], 1)])
            real, generated = D(real_and_fake).chunk(2)
            descend(non_saturating.discriminator(real, generated) / 2)

        with self.turn("generator") as descend:  # equation 4
            l1 = (y - fake).abs().mean()
            adversarial = non_saturating.generator(D(torch.cat([x, fake], 1)))
            descend(adversarial + self.hparams["l1_weight"] * l1)


class Pix2Pix(AdversarialTranslator):
    """pix2pix with the paper's defaults for 256 pixels.

    Raises BadRecipe unless `size` is a power of two >= 8; patches of 70 pixels need 64 or more to
    be smaller than most of the image.
    """

    def __init__(
        self,
        size: Count = 256,
        input_channels: Count = 3,
        channels: Count = 3,
        width: Width = 64,
        l1_weight: float = 100.0,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = UNet(size, input_channels, channels, width)
        self.discriminator = PatchGAN(input_channels + channels, width)
        self.apply(initialize)

    def pair(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return batch
