"""Conditional GAN. Mirza & Osindero, 2014, https://arxiv.org/abs/1411.1784

Generator and discriminator of the first GAN receive the class as an additional input.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from zoo.core.adversarial import ConditionalAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.gans.gan import Maxout, MomentumAdversarialModule, apply_max_norm_, initialize
from zoo.layers.mlp import ToUnitRange
from zoo.losses.adversarial import non_saturating


class Generator(nn.Module):
    """Map latents (n, latent) and labels (n,) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, latent: int, classes: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        self.classes, sixth = classes, max(1, width // 6)
        self.latent = nn.Sequential(nn.Linear(latent, sixth), nn.ReLU())
        self.label = nn.Sequential(nn.Linear(classes, width - sixth), nn.ReLU())
        self.joint = nn.Sequential(
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, channels * size**2),
            nn.Sigmoid(),
            nn.Unflatten(1, (channels, size, size)),
        )
        initialize(self, 0.05)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        y = one_hot(labels, self.classes).to(z)
        return 2 * self.joint(torch.cat([self.latent(z), self.label(y)], 1)) - 1


class Discriminator(nn.Module):
    """Map images (n, channels, size, size) and labels (n,) to logits (n,)."""

    def __init__(self, classes: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        self.classes, fifth = classes, math.ceil(width / 4.8)
        self.image = nn.Sequential(
            ToUnitRange(), nn.Flatten(), nn.Dropout(0.2), Maxout(channels * size**2, width)
        )
        self.label = Maxout(classes, fifth)
        self.joint = nn.Sequential(
            nn.Dropout(0.5),
            Maxout(width + fifth, width, pieces=4),
            nn.Dropout(0.5),
            nn.Linear(width, 1),
            nn.Flatten(0),
        )
        initialize(self, 0.005)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        y = one_hot(labels, self.classes).to(x)
        return self.joint(torch.cat([self.image(x), self.label(y)], 1))


class ConditionalGAN(MomentumAdversarialModule, ConditionalAdversarialModule):
    """Conditional GAN with the layers, learning rate and momentum of section 4.1.

    The generator has hidden layers of `width`, the discriminator of a fifth of that. Unlike in the
    paper, only the discriminator has dropout.
    """

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        classes: Count = 10,
        latent: Count = 100,
        width: Width = 1200,
        lr: float = 0.1,
        momentum: float = 0.5,
        final_momentum: float = 0.7,
        decay: float = 1.00004,
    ) -> None:
        super().__init__(decay, momentum, final_momentum)
        self.save_hyperparameters()
        self.generator = Generator(latent, classes, width, size, channels)
        self.discriminator = Discriminator(classes, math.ceil(width / 5), size, channels)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of each player on equation 2 (Algorithm 1 of Goodfellow et al., 2014)."""
        D, G = self.discriminator, self.generator
        real, y = self.labeled_batch(batch)
        fake = G(self.prior(len(real)), y)

        with self.turn("discriminator") as descend:
            descend(non_saturating.discriminator(D(real, y), D(fake.detach(), y)))
        apply_max_norm_(D)

        with self.turn("generator") as descend:
            descend(non_saturating.generator(D(fake, y)))
