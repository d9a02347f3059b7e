"""Adversarial autoencoder. Makhzani et al., 2015, https://arxiv.org/abs/1511.05644

An autoencoder whose codes are pushed onto the prior by a discriminator of codes.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import EncodingAdversarialModule
from zoo.layers.convnets import Decoder, Encoder
from zoo.losses.adversarial import non_saturating


class Generator(nn.Sequential):
    """Codes (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, latent: int, width: int, size: int, channels: int) -> None:
        super().__init__(Decoder(latent, width, size, channels), nn.Tanh())


class Discriminator(nn.Sequential):
    """Codes (n, latent) to logits (n,): how much they look like the prior's."""

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
    """The prior is N(0, I); the encoder is the generator of the adversarial game. Each phase has a
    learning rate of its own (appendix A). All fall evenly to zero, as under Adam a game's steps are
    no shorter when little is left to gain, and that of the reconstruction, `lr`, on its way to that
    of the encoder in the game, `adversarial_lr`: codes are first told apart, then brought onto the
    prior. Where the end of a training is not known, none falls."""

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        latent: int = 8,
        width: int = 64,
        discriminator_width: int = 1000,
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
        done = self.progress()
        left, game = 1.0 - done, self.hparams["adversarial_lr"]
        self.update_optimizer("autoencoder", lr=(self.hparams["lr"] * left + game * done) * left)
        self.update_optimizer("discriminator", lr=self.hparams["discriminator_lr"] * left)
        self.update_optimizer("encoder", lr=game * left)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Section 2: the reconstruction phase, then the two turns of the regularisation phase."""
        E, G, D = self.encoder, self.generator, self.discriminator
        x, _ = batch

        with self.turn("autoencoder") as descend:
            descend(mse_loss(G(E(x)), x))

        with self.turn("discriminator") as descend:
            descend(non_saturating.discriminator(D(self.prior(len(x))), D(E(x))))

        with self.turn("encoder") as descend:
            descend(non_saturating.generator(D(E(x))))
