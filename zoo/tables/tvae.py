"""TVAE. Xu, Skoularidou, Cuesta-Infante & Veeramachaneni, 2019, https://arxiv.org/abs/1907.00503

A VAE of table rows (section 4.5): a number is a mode of its column and a normal distance from it, a
category a softmax.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import cross_entropy
from torch.optim import Adam, Optimizer

from zoo.core.arguments import Count, Width
from zoo.core.table_models import TableModel
from zoo.layers.mode_normalization import Columns, Encoded, ModeNormalization, features

STD = (0.01, 1.0)  # range of the standard deviation of a distance


class Encoder(nn.Module):
    """Map features (n, d) to the posterior of latents (n, latent)."""

    def __init__(self, d: int, width: int, latent: int) -> None:
        super().__init__()
        self.body = hidden(d, width)
        self.mean, self.log_variance = nn.Linear(width, latent), nn.Linear(width, latent)

    def forward(self, x: Tensor) -> Normal:
        h = self.body(x)
        return Normal(self.mean(h), (self.log_variance(h) / 2).exp(), validate_args=False)


class Decoder(nn.Module):
    """Map latents (n, latent) to the means (n, numbers) of distances, and to logits (n, size) for
    each column. `std` has a standard deviation for each number."""

    def __init__(self, latent: int, width: int, numbers: int, sizes: list[int]) -> None:
        super().__init__()
        self.body, self.sizes = hidden(latent, width), [numbers, *sizes]
        self.head = nn.Linear(width, sum(self.sizes))
        self.std = nn.Parameter(torch.full((numbers,), 0.1))

    def forward(self, z: Tensor) -> tuple[Normal, list[Tensor]]:
        means, *logits = self.head(self.body(z)).split(self.sizes, dim=1)
        return Normal(means.tanh(), self.std.clamp(*STD), validate_args=False), logits


def hidden(a: int, width: int) -> nn.Sequential:
    """Two hidden layers, from (n, a) to (n, width)."""
    widths = [a, width, width]
    layers = [nn.Sequential(nn.Linear(i, o), nn.ReLU()) for i, o in pairwise(widths)]
    return nn.Sequential(*layers)


class TVAE(TableModel):
    """TVAE with the paper's defaults. `columns` names the kind of each column: `integer`, `number`,
    either with ? where it may be missing, or the list of its categories. By default they are those
    of the data, with which training begins."""

    def __init__(
        self,
        columns: Columns | None = None,
        latent: Count = 128,
        width: Width = 128,
        reconstruction_weight: float = 2.0,
        lr: float = 1e-3,
        weight_decay: float = 1e-5,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if columns:
            self.build(columns)

    def build(self, columns: Columns) -> None:
        """Build the networks for columns."""
        width, latent = self.hparams["width"], self.hparams["latent"]
        self.normalization = ModeNormalization(columns)
        numbers, sizes = len(self.normalization.numbers), self.normalization.sizes
        self.encoder = Encoder(numbers + sum(sizes), width, latent)
        self.decoder = Decoder(latent, width, numbers, sizes)

    def log_likelihood(self, row: Encoded, z: Tensor) -> Tensor:
        """log p(row | z) of encoded rows and latents (n, latent): (n,) in nats."""
        distance, logits = self.decoder(z)
        pairs = zip(logits, row.indices, strict=True)
        of_indices = sum(-cross_entropy(l, i, reduction="none") for l, i in pairs)  # noqa: E741
        is_missing = [row.indices[c] >= 10 for c in self.normalization.numbers]
        known = ~torch.stack([*is_missing], 1) if is_missing else row.distances.bool()
        return (distance.log_prob(row.distances.float()) * known).sum(1) + of_indices

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood of the encoded rows (n, columns) and KL divergence, each (n,) in nats."""
        row = self.normalization.encode(self.validate_rows(x))
        q = self.encoder(features(row, self.normalization.sizes).to(self.parameter_dtype))
        divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        return self.log_likelihood(row, q.rsample()), divergence

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss KL(q || p) - 2 E_q log p(x | z), in nats per row."""
        log_likelihood, divergence = (term.mean() for term in self.elbo_terms(batch[0]))
        self.log_on_interval({"log_likelihood": log_likelihood, "divergence": divergence})
        return divergence - self.hparams["reconstruction_weight"] * log_likelihood

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        log_likelihood, divergence = self.elbo_terms(batch[0])
        self.log("val/elbo", (log_likelihood - divergence).mean(), prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Optimizer:
        lr, decay = self.hparams["lr"], self.hparams["weight_decay"]
        return Adam(self.parameters(), lr=lr, weight_decay=decay)

    def sample_chunk(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Rows (n, columns) from p(x | z) with z ~ N(0, I), by random numbers of the CPU."""
        z = torch.randn(n, self.hparams["latent"], generator=generator)
        distance, logits = self.decoder(z.to(self.device, self.parameter_dtype))
        noise = torch.randn(distance.mean.shape, generator=generator).to(distance.mean)
        return self.sample_rows(distance.mean + distance.stddev * noise, logits, generator)
