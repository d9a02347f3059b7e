"""Projection discriminator. Miyato & Koyama, 2018, https://arxiv.org/abs/1802.05637

The class conditions the generator through batch norm, and the discriminator through the inner
product of a class embedding with the image's features.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import ConditionalAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.layers.convnets import widening
from zoo.layers.norms import ConditionalBatchNorm2d
from zoo.layers.resnets import ResBlockUp, backbone, initialize
from zoo.layers.spectral import apply_spectral_norm, one_iteration
from zoo.losses.adversarial import hinge


class Generator(nn.Module):
    """Map latents (n, latent) and labels (n,) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, latent: int, classes: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        norm = partial(ConditionalBatchNorm2d, classes=classes)
        self.start = nn.Sequential(nn.Linear(latent, width * 16), nn.Unflatten(1, (width, 4, 4)))
        self.blocks = nn.ModuleList(ResBlockUp(width, width, norm) for _ in widening(width, size))
        self.end = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, channels, 3, padding=1), nn.Tanh()
        )
        self.apply(initialize)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        h = self.start(z)
        for block in self.blocks:
            h = block(h, labels)
        return self.end(h)


class Discriminator(nn.Module):
    """Map images (n, channels, size, size) and labels (n,) to logits (n,), by equation 4."""

    def __init__(self, classes: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        self.phi = nn.Sequential(*backbone(channels, width, size))
        self.psi = nn.Linear(width, 1)
        self.embedding = nn.Embedding(classes, width)
        nn.init.xavier_uniform_(self.embedding.weight)
        apply_spectral_norm(self.apply(initialize))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        features = self.phi(x)
        return self.psi(features).squeeze(1) + (self.embedding(labels) * features).sum(1)


class ProjectionGAN(ConditionalAdversarialModule):
    """Projection GAN with the paper's defaults for 32 pixels; the data must have labels."""

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        classes: Count = 10,
        latent: Count = 128,
        width: Width = 256,
        discriminator_width: Width = 128,
        discriminator_steps: Count = 5,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, classes, width, size, channels)
        self.discriminator = Discriminator(classes, discriminator_width, size, channels)
        self.to(memory_format=torch.channels_last)

    @property
    def sub_batches(self) -> int:
        return int(self.hparams["discriminator_steps"])

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.0, 0.9))
        return {
            "discriminator": adam(self.discriminator.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take `discriminator_steps` of D, each on its own sub-batch, then one step of G.

        The fake images have the labels of the real images.
        """
        D, G = self.discriminator, self.generator
        images, labels = (self.split_batch(part) for part in self.labeled_batch(batch))

        for real, y in zip(images, labels, strict=True):
            with self.turn("discriminator") as descend, one_iteration(D):
                fake = G(self.prior(len(real)), y)
                descend(hinge.discriminator(D(real, y), D(fake, y)))

        with self.turn("generator") as descend, one_iteration(D):
            descend(hinge.generator(D(G(self.prior(len(y)), y), y)))
