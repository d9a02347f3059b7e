"""Recurrent VAE. Fabius & van Amersfoort, 2014, https://arxiv.org/abs/1412.6581

A recurrent network reads a series into a latent; another one, started from the latent, generates
the series. Series unlike those of the training are reconstructed worse, which detects anomalies.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from zoo.core.arguments import Count, Width
from zoo.core.modality.series import Ranges
from zoo.core.module import eval_in_chunks
from zoo.core.series_models import SeriesModel
from zoo.errors import BadRecipe
from zoo.layers.precision import at_least_float32
from zoo.layers.recurrent import LSTM
from zoo.vaes.annealed import AnnealedVAE
from zoo.vaes.vae import diagonal_normal

FREQUENCIES = (1, 2, 4, 8, 16)  # half periods in a series, by which the decoder knows the step


class SeriesEncoder(nn.Module):
    """Map series (n, t, columns) to the means and log-variances (n, 2 * latent) of a posterior."""

    def __init__(self, columns: int, width: int, latent: int) -> None:
        super().__init__()
        self.lstm = LSTM(columns, width, batch_first=True)
        self.head = nn.Linear(width, 2 * latent)

    def forward(self, x: Tensor) -> Tensor:
        _, (last, _) = self.lstm(x)
        return self.head(last[-1])


class SeriesDecoder(nn.Module):
    """Map latents (n, latent) to series (n, length, columns) in (0, 1)."""

    def __init__(self, latent: int, width: int, length: int, columns: int) -> None:
        super().__init__()
        self.length = length
        self.start = nn.Linear(latent, 2 * width)
        self.lstm = LSTM(latent + 2 * len(FREQUENCIES), width, batch_first=True)
        self.head = nn.Linear(width, columns)

    def forward(self, z: Tensor) -> Tensor:
        h, c = (state.contiguous() for state in self.start(z).tanh()[None].chunk(2, 2))
        latents = z[:, None].expand(-1, self.length, -1)
        positions = self.positions().to(z).expand(len(z), -1, -1)
        features, _ = self.lstm(torch.cat([latents, positions], 2), (h, c))
        return self.head(features).sigmoid()

    def positions(self) -> Tensor:
        """Sines and cosines (length, 2 * frequencies) of the steps."""
        angles = torch.linspace(0, math.pi, self.length)[:, None] * torch.tensor(FREQUENCIES)
        return torch.cat([angles.sin(), angles.cos()], 1)


class RecurrentVAE(AnnealedVAE, SeriesModel):
    """VAE of series (n, length, columns) in [0, 1], the range of each column; `length` and `ranges`
    are those of the data.

    LSTMs stand in place of the paper's tanh units. At each step the decoder sees the latent and the
    position in place of its last output, or it learns the shape of long series too slowly. The
    likelihood is a normal density with standard deviation `noise`; `warm_up` is the share of the
    training in which the weight of the KL divergence rises to 1. Raises BadRecipe for other shares,
    and for a deviation that is not positive.
    """

    def __init__(
        self,
        length: Count = 24,
        ranges: Ranges | None = None,
        latent: Count = 8,
        width: Width = 64,
        noise: float = 0.05,
        warm_up: float = 0.2,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if noise <= 0 or not 0 <= warm_up <= 1:
            raise BadRecipe(
                f"noise must be > 0 and warm_up from 0 to 1, got {noise} and {warm_up}. The "
                "defaults are 0.05 and 0.2"
            )
        self.build_if_known()

    def build(self, columns: int) -> None:
        latent, width = self.hparams["latent"], self.hparams["width"]
        self.encoder = SeriesEncoder(columns, width, latent)
        self.decoder = SeriesDecoder(latent, width, self.hparams["length"], columns)

    def posterior(self, x: Tensor) -> Normal:
        """Approximate posterior q(z | x) (n, latent) of series (n, length, columns) in [0, 1]."""
        self.modality.check(x)
        return diagonal_normal(self.encoder(x.to(self.parameter_dtype)))

    def likelihood(self, z: Tensor) -> Normal:
        """Distribution p(x | z) of series (n, length, columns) for latents (n, latent)."""
        mean = at_least_float32(self.decoder(z.to(self.parameter_dtype)))
        return Normal(mean, self.hparams["noise"], validate_args=False)

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and KL divergence of each series, two tensors (n,) in nats."""
        q = self.posterior(x)
        log_likelihood = self.likelihood(q.rsample()).log_prob(at_least_float32(x)).sum((1, 2))
        return log_likelihood, kl_divergence(q, Normal(0.0, 1.0)).sum(1)

    def encode(self, x: Tensor) -> Tensor:
        """Posterior means (n, latent) of series (n, length, columns) in [0, 1]."""
        self.modality.check(x)
        return eval_in_chunks(self, x, lambda part: self.posterior(part).mean)

    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to series (n, length, columns) in [0, 1], the likelihood's means."""
        if not len(z):
            return torch.empty(0, self.hparams["length"], len(self.hparams["ranges"]))
        return at_least_float32(eval_in_chunks(self, self.validate_latents(z), self.decoder))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Decode the posterior means of series (n, length, columns) in [0, 1]."""
        return self.decode(self.encode(x))
