"""SAGAN. Zhang, Goodfellow, Metaxas & Odena, 2019, https://arxiv.org/abs/1805.08318

Self-attention models dependencies between distant parts of an image. Both players have spectral
norm and their own learning rate.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.layers.attention import SelfAttention
from zoo.layers.convnets import widening
from zoo.layers.resnets import ResBlockUp, backbone, initialize
from zoo.layers.spectral import apply_spectral_norm, one_iteration
from zoo.losses.adversarial import hinge


class Generator(nn.Sequential):
    """Map latents (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, latent: int, width: int, size: int, channels: int = 3) -> None:
        first, *later = (ResBlockUp(width, width) for _ in widening(width, size))
        super().__init__(
            nn.Linear(latent, width * 16),
            nn.Unflatten(1, (width, 4, 4)),
            first,
            *later[:-1],
            SelfAttention(width),  # at half the image's size
            *later[-1:],
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Tanh(),
        )
        apply_spectral_norm(self.apply(initialize))


class Discriminator(nn.Sequential):
    """Map images (n, channels, size, size) to logits (n,) that each image is real."""

    def __init__(self, width: int, size: int, channels: int = 3) -> None:
        first, *later = backbone(channels, width, size)
        super().__init__(
            first,
            SelfAttention(width),
            *later,
            nn.Linear(width, 1),
            nn.Flatten(0),
        )
        apply_spectral_norm(self.apply(initialize))


class SAGAN(LatentAdversarialModule):
    """SAGAN without the paper's class conditioning; the learning rates are section 4.2's."""

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        latent: Count = 128,
        width: Width = 256,
        discriminator_width: Width = 128,
        lr: float = 1e-4,
        discriminator_lr: float = 4e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, width, size, channels)
        self.discriminator = Discriminator(discriminator_width, size, channels)
        self.to(memory_format=torch.channels_last)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, betas=(0.0, 0.9))
        return {
            "discriminator": adam(
                self.discriminator.parameters(), lr=self.hparams["discriminator_lr"]
            ),
            "generator": adam(self.generator.parameters(), lr=self.hparams["lr"]),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of each player; with two learning rates one is enough (section 3.2)."""
        D, G = self.discriminator, self.generator
        real, _ = batch
        with one_iteration(G):
            fake = G(self.prior(len(real)))

        with self.turn("discriminator") as descend, one_iteration(D):
            descend(hinge.discriminator(D(real), D(fake.detach())))

        with self.turn("generator") as descend, one_iteration(D):
            descend(hinge.generator(D(fake)))
