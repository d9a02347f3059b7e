"""VAE/GAN. Larsen, Sonderby, Larochelle & Winther, 2016, https://arxiv.org/abs/1512.09300

A VAE whose decoder is a GAN's generator. It measures reconstruction errors in the features of the
discriminator instead of in pixels.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import softplus
from torch.optim import Optimizer, RMSprop

from zoo.core.adversarial import EncodingAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.module import eval_in_chunks
from zoo.gans import dcgan
from zoo.layers.convnets import Encoder
from zoo.layers.precision import at_least_float32
from zoo.losses.adversarial import non_saturating


class Discriminator(nn.Module):
    """Map images (n, channels, size, size) to logits (n,) and features of the last hidden layer."""

    def __init__(self, width: int, size: int, channels: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(*dcgan.body(width, size, channels))
        self.head = nn.Conv2d(dcgan.widest(width, size), 1, 4, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.head(features).flatten(), features.flatten(1)


class VAEGAN(EncodingAdversarialModule):
    """VAE/GAN; `gamma` weights the reconstruction term of the generator's loss (section 2.4)."""

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        latent: Count = 128,
        width: Width = 64,
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
        """Approximate posterior q(z | x) of images x, with mean and deviation (n, latent)."""
        features = at_least_float32(self.encoder(self.validate_images(x)))
        mean, log_variance = features.chunk(2, dim=1)
        return Normal(mean, (log_variance / 2).exp(), validate_args=False)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of each player (Algorithm 1)."""
        D, G = self.discriminator, self.generator
        x, _ = batch

        with self.turn("encoder") as descend:
            q = self.posterior(x)
            divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
            _, features = D(G(q.rsample().to(x)))
            descend(divergence + self.feature_nll(features, D(x)[1]))

        z = self.posterior(x).rsample().detach().to(x)
        reconstruction, fake = G(z), G(self.prior(len(x)))

        with self.turn("generator") as descend:
            (logits, features), (fake_logits, _) = D(reconstruction), D(fake)
            adversarial = non_saturating.generator(logits) + non_saturating.generator(fake_logits)
            descend(self.hparams["gamma"] * self.feature_nll(features, D(x)[1]) + adversarial)

        with self.turn("discriminator") as descend:
            real_logits, logits, fake_logits = (
                D(images.detach())[0] for images in (x, reconstruction, fake)
            )
            descend(
                softplus(-real_logits).mean()
                + softplus(logits).mean()
                + softplus(fake_logits).mean()
            )

    def feature_nll(self, features: Tensor, real: Tensor) -> Tensor:
        """Negative log-likelihood of the real images' features (n, d), in nats per image.

        The likelihood is a normal with mean `features` and variance one; constants are left out.
        """
        return at_least_float32(features - real).square().sum(1).mean() / 2

    def encode(self, x: Tensor) -> Tensor:
        """Posterior means (n, latent) of images (n, channels, size, size) in [-1, 1]."""
        return eval_in_chunks(
            self.encoder, self.validate_images(x), lambda chunk: self.posterior(chunk).mean
        )
