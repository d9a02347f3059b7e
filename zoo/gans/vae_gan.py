"""VAE/GAN. Larsen, Sonderby, Larochelle & Winther, 2016, https://arxiv.org/abs/1512.09300

A VAE whose decoder is a GAN's generator, and which measures reconstructions not in pixels but in
what the discriminator sees.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import softplus
from torch.optim import Optimizer, RMSprop

from zoo.core.adversarial import EncodingAdversarialModule
from zoo.core.module import eval_in_chunks
from zoo.gans import dcgan
from zoo.layers.convnets import Encoder
from zoo.layers.precision import at_least_float32
from zoo.losses.adversarial import non_saturating


class Discriminator(nn.Module):
    """Images (n, channels, size, size) to logits (n,) and to features of the last hidden layer."""

    def __init__(self, width: int, size: int, channels: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(*dcgan.body(width, size, channels))
        self.head = nn.Conv2d(dcgan.widest(width, size), 1, 4, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.head(features).flatten(), features.flatten(1)


class VAEGAN(EncodingAdversarialModule):
    """`gamma` weighs likeness against realism in the generator's loss (section 2.4)."""

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent: int = 128,
        width: int = 64,
        gamma: float = 1e-3,
        lr: float = 3e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = Encoder(2 * latent, width, size, channels)
        self.generator = dcgan.Generator(latent, width, size, channels)
        self.discriminator = Discriminator(width, size, channels)
        self.to(memory_format=torch.channels_last)

    def players(self) -> dict[str, Optimizer]:
        rmsprop = partial(RMSprop, lr=self.hparams["lr"])
        return {
            "encoder": rmsprop(self.encoder.parameters()),
            "generator": rmsprop(self.generator.parameters()),
            "discriminator": rmsprop(self.discriminator.parameters()),
        }

    def posterior(self, x: Tensor) -> Normal:
        """q(z | x), each (n, latent)."""
        features = at_least_float32(self.encoder(self.validate_images(x)))
        mean, log_variance = features.chunk(2, dim=1)
        return Normal(mean, (log_variance / 2).exp(), validate_args=False)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Algorithm 1."""
        D, G = self.discriminator, self.generator
        x, _ = batch

        with self.turn("encoder") as descend:
            q = self.posterior(x)
            prior = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
            likeness = self.feature_nll(D(G(q.rsample().to(x)))[1], D(x)[1])
            descend(prior + likeness)

        z = self.posterior(x).rsample().detach().to(x)
        again, fake = G(z), G(self.prior(len(x)))

        with self.turn("generator") as descend:
            (again_logits, features), (fake_logits, _) = D(again), D(fake)
            realism = non_saturating.generator(again_logits) + non_saturating.generator(fake_logits)
            descend(self.hparams["gamma"] * self.feature_nll(features, D(x)[1]) + realism)

        with self.turn("discriminator") as descend:
            (real, _), (made, _), (drawn, _) = (D(images.detach()) for images in (x, again, fake))
            descend(softplus(-real).mean() + softplus(made).mean() + softplus(drawn).mean())

    def feature_nll(self, features: Tensor, real: Tensor) -> Tensor:
        """Minus the log-likelihood of the real images' features (n, d) under normals of variance
        one, up to a constant; in nats per image."""
        return at_least_float32(features - real).square().sum(1).mean() / 2

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to posterior means (n, latent)."""
        return eval_in_chunks(
            self.encoder, self.validate_images(x), lambda chunk: self.posterior(chunk).mean
        )
