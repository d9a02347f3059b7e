"""Adversarial autoencoder. Makhzani et al., 2015, https://arxiv.org/abs/1511.05644

An autoencoder with a discriminator of codes, which matches the distribution of codes to the prior.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import EncodingAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.layers.convnets import Decoder, Encoder
from zoo.losses.adversarial import non_saturating


class Generator(nn.Sequential):
    """Map codes (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, latent: int, width: int, size: int, channels: int) -> None:
        super().__init__(Decoder(latent, width, size, channels), nn.Tanh())


class Discriminator(nn.Sequential):
    """Map codes (n, latent) to logits (n,) that a code is a sample of the prior."""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__(
            nn.Linear(latent, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 1),
            nn.Flatten(0),
        )


class AdversarialAutoencoder(EncodingAdversarialModule):
    """Adversarial autoencoder with the prior N(0, I).

    The encoder is the generator of the adversarial game. Each phase has its own learning rate
    (appendix A). All of them decay linearly to zero, because the length of Adam's steps does not
    shrink as the losses converge. The rate of the reconstruction phase also moves from `lr` to
    `adversarial_lr`: the encoder first separates the images, then matches their codes to the prior.
    The rates stay constant if the number of training steps is unknown.
    """

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        latent: Count = 8,
        width: Width = 64,
        discriminator_width: Width = 1000,
        lr: float = 1e-3,
        adversarial_lr: float = 2e-4,
        discriminator_lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = Encoder(latent, width, size, channels)
        self.generator = Generator(latent, width, size, channels)
        self.discriminator = Discriminator(latent, discriminator_width)
        self.to(memory_format=torch.channels_last)

    def players(self) -> dict[str, Optimizer]:
        both = [*self.encoder.parameters(), *self.generator.parameters()]
        adam = partial(Adam, betas=(0.5, 0.999))
        return {
            "autoencoder": Adam(both, lr=self.hparams["lr"]),
            "discriminator": adam(
                self.discriminator.parameters(), lr=self.hparams["discriminator_lr"]
            ),
            "encoder": adam(self.encoder.parameters(), lr=self.hparams["adversarial_lr"]),
        }

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        progress = self.progress()
        decay, adversarial_lr = 1.0 - progress, self.hparams["adversarial_lr"]
        lr = self.hparams["lr"] * decay + adversarial_lr * progress  # interpolated linearly
        self.update_optimizer("autoencoder", lr=lr * decay)
        self.update_optimizer("discriminator", lr=self.hparams["discriminator_lr"] * decay)
        self.update_optimizer("encoder", lr=adversarial_lr * decay)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take the step of the reconstruction phase, then both of the regularization phase.

        Section 2.
        """
        E, G, D = self.encoder, self.generator, self.discriminator
        x, _ = batch

        with self.turn("autoencoder") as descend:
            descend(mse_loss(G(E(x)), x))

        with self.turn("discriminator") as descend:
            descend(non_saturating.discriminator(D(self.prior(len(x))), D(E(x))))

        with self.turn("encoder") as descend:
            descend(non_saturating.generator(D(E(x))))
