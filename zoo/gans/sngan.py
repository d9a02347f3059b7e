"""SNGAN. Miyato, Kataoka, Koyama & Yoshida, 2018, https://arxiv.org/abs/1802.05957

Every weight of the discriminator is divided by its largest singular value, which makes the network
Lipschitz continuous without a penalty. The networks are residual, the loss is the hinge loss.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.layers.augment import augmented
from zoo.layers.convnets import widening
from zoo.layers.resnets import ResBlockUp, backbone, initialize
from zoo.layers.spectral import apply_spectral_norm, one_iteration
from zoo.losses.adversarial import hinge


class Generator(nn.Sequential):
    """Map latents (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, latent: int, width: int, size: int, channels: int = 3) -> None:
        super().__init__(
            nn.Linear(latent, width * 16),
            nn.Unflatten(1, (width, 4, 4)),
            *(ResBlockUp(width, width) for _ in widening(width, size)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Tanh(),
        )
        self.apply(initialize)


class Discriminator(nn.Sequential):
    """Map images (n, channels, size, size) to logits (n,) that each image is real."""

    def __init__(self, width: int, size: int, channels: int = 3) -> None:
        super().__init__(
            *backbone(channels, width, size),
            nn.Linear(width, 1),
            nn.Flatten(0),
        )
        apply_spectral_norm(self.apply(initialize))


class SNGAN(LatentAdversarialModule):
    """SNGAN with the paper's defaults for CIFAR-10.

    `augment` lists policies of zoo.layers.augment.
    """

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        latent: Count = 128,
        width: Width = 256,
        discriminator_width: Width = 128,
        discriminator_steps: Count = 5,
        lr: float = 2e-4,
        augment: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, width, size, channels)
        discriminator = Discriminator(discriminator_width, size, channels)
        self.discriminator = augmented(discriminator, augment)
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
        """Take `discriminator_steps` of D, each on its own sub-batch, then one step of G."""
        D, G = self.discriminator, self.generator
        sub_batches = self.split_batch(batch[0])

        for real in sub_batches:
            with self.turn("discriminator") as descend, one_iteration(D):
                fake = G(self.prior(len(real)))
                descend(hinge.discriminator(D(real), D(fake)))

        with self.turn("generator") as descend, one_iteration(D):  # twice the images: section 4
            descend(hinge.generator(D(G(self.prior(2 * len(sub_batches[0]))))))
