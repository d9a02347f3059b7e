"""DCGAN. Radford, Metz & Chintala, 2015, https://arxiv.org/abs/1511.06434

Strided convolutions instead of pooling and batch norm in both players, trained with
Algorithm 1 of Goodfellow et al., 2014 (https://arxiv.org/abs/1406.2661), k = 1.
"""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.layers.augment import augmented
from zoo.layers.convnets import widening
from zoo.losses.adversarial import non_saturating


class Generator(nn.Sequential):
    """Map latents (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, latent: int, width: int, size: int, channels: int = 3) -> None:
        widths = widening(width, size)[::-1]  # at 64 pixels: 8w, 4w, 2w, w
        super().__init__(
            nn.Unflatten(1, (latent, 1, 1)),
            nn.ConvTranspose2d(latent, widths[0], 4, bias=False),  # 4 x 4
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            *(upsample(a, b) for a, b in pairwise(widths)),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        )


class Discriminator(nn.Sequential):
    """Map images (n, channels, size, size) to logits (n,) that each image is real."""

    def __init__(self, width: int, size: int, channels: int = 3) -> None:
        super().__init__(
            *body(width, size, channels),
            nn.Conv2d(widest(width, size), 1, 4, bias=False),  # 1 x 1
            nn.Flatten(0),
        )


def body(width: int, size: int, channels: int) -> list[nn.Module]:
    """Layers of the discriminator from images to its last feature map, (n, widest, 4, 4)."""
    return [
        nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=False),  # no norm at the pixels
        nn.LeakyReLU(0.2),
        *(downsample(a, b) for a, b in pairwise(widening(width, size))),  # at 64: w, 2w, 4w, 8w
    ]


def widest(width: int, size: int) -> int:
    """Number of channels of the 4 x 4 feature map."""
    return widening(width, size)[-1]


def upsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, 2h, 2w)."""
    conv = nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU())


def downsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, h / 2, w / 2)."""
    conv = nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.LeakyReLU(0.2))


def initialize(layer: nn.Module) -> None:
    """Sample every convolution's weight from N(0, 0.02^2), as in section 4."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, std=0.02)


class DCGAN(LatentAdversarialModule):
    """DCGAN with the paper's defaults for 64 pixels.

    `width` is the authors' Torch code's; figure 1 has 128. `augment` lists policies of
    zoo.layers.augment (color, translation, cutout), which help with small data sets. Raises
    UnknownName for another policy and BadRecipe unless `size` is a power of two >= 8.
    """

    loss = non_saturating

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        latent: Count = 100,
        width: Width = 64,
        lr: float = 2e-4,
        augment: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, width, size, channels)
        self.discriminator = augmented(Discriminator(width, size, channels), augment)
        self.apply(initialize).to(memory_format=torch.channels_last)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.5, 0.999))
        return {
            "discriminator": adam(self.discriminator.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Run one iteration of Algorithm 1's outer loop; both players use the same fake images."""
        D, G = self.discriminator, self.generator
        real, _ = batch  # x ~ data
        fake = G(self.prior(len(real)))

        with self.turn("discriminator") as descend:  # ascend log D(x) + log(1 - D(G(z)))
            descend(self.loss.discriminator(D(real), D(fake.detach())))

        with self.turn("generator") as descend:  # ascend log D(G(z)): section 3
            descend(self.loss.generator(D(fake)))
