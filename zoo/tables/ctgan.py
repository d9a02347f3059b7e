"""CTGAN. Xu, Skoularidou, Cuesta-Infante & Veeramachaneni, 2019, https://arxiv.org/abs/1907.00503

A WGAN-GP of table rows whose generator is conditioned on one category of one column (section 4.3),
and which sees rare categories more often than they occur: training by sampling.
"""

from collections.abc import Callable
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gumbel_softmax, one_hot
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.table_models import TableModel
from zoo.errors import BadRecipe
from zoo.layers.mode_normalization import Columns, ModeNormalization, features
from zoo.losses.adversarial import wasserstein
from zoo.losses.penalties import gradient_penalty

TEMPERATURE = 0.2  # of the Gumbel softmax


class Generator(nn.Module):
    """Map latents and conditions (n, latent + categories) to distances (n, numbers) in [-1, 1] and
    logits (n, size) for each column (section 4.4): two layers that are concatenated with their
    inputs."""

    def __init__(self, d: int, width: int, numbers: int, sizes: list[int]) -> None:
        super().__init__()
        self.sizes = [numbers, *sizes]
        self.first = nn.Sequential(nn.Linear(d, width), nn.BatchNorm1d(width), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(width + d, width), nn.BatchNorm1d(width), nn.ReLU())
        self.head = nn.Linear(2 * width + d, sum(self.sizes))

    def forward(self, z: Tensor) -> tuple[Tensor, list[Tensor]]:
        h = torch.cat([self.first(z), z], 1)
        h = torch.cat([self.second(h), h], 1)
        distances, *logits = self.head(h).split(self.sizes, dim=1)
        return distances.tanh(), logits


class Critic(nn.Sequential):
    """Map packs of rows with their conditions (m, d) to scores (m,). Rows that are judged together
    show a lack of variety: PacGAN, Lin et al., 2018, https://arxiv.org/abs/1712.04086"""

    def __init__(self, d: int, width: int) -> None:
        super().__init__(
            nn.Linear(d, width), nn.LeakyReLU(0.2), nn.Dropout(0.5),
            nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Dropout(0.5),
            nn.Linear(width, 1),
            nn.Flatten(0),
        )  # fmt: skip


class Conditions(nn.Module):
    """Samples conditions, one category of one column each, from the counts of the data."""

    counts: Tensor

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        kinds = list(columns.values())
        self.columns = [i for i, kind in enumerate(kinds) if isinstance(kind, list)]
        self.sizes = [len(kinds[i]) for i in self.columns]
        self.register_buffer("counts", torch.zeros(sum(self.sizes), dtype=torch.float64))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the counts to a device, but keep their float64: float16 ends at 65,504."""
        return super()._apply(lambda t: t.to(fn(t).device), recurse)

    def fit(self, rows: Tensor) -> None:
        """Count the categories of rows (n, columns)."""
        pairs = zip(self.columns, self.sizes, strict=True)
        found = [rows[:, i].long().bincount(minlength=size) for i, size in pairs]
        self.counts.copy_(torch.cat(found) if found else self.counts)

    def sample(
        self, n: int, balanced: bool, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Columns (n,), uniform and counted among those with categories, and categories (n,) by
        their counts, or by the logarithms of them where `balanced`: rare ones more often."""
        column = torch.randint(len(self.sizes), (n,), generator=generator)
        category = torch.empty_like(column)
        counts = self.counts.cpu() if self.counts.any() else torch.ones(len(self.counts))
        weights = (counts + 1).log() if balanced else counts
        for i, weight in enumerate(weights.split(self.sizes)):
            chosen = column == i
            drawn = weight.multinomial(n, replacement=True, generator=generator)
            category[chosen] = drawn[chosen]
        return column, category

    def indices(self, column: Tensor, category: Tensor) -> Tensor:
        """The index (n,) of each condition among the categories of all columns."""
        return torch.tensor([0, *self.sizes]).cumsum(0)[column] + category

    def vectors(self, column: Tensor, category: Tensor) -> Tensor:
        """Conditions as one-hot vectors (n, categories)."""
        return one_hot(self.indices(column, category), sum(self.sizes))


class CTGAN(AdversarialModule, TableModel):
    """CTGAN with the paper's defaults. `columns` names the kind of each column, as those of TVAE.

    Raises BadRecipe for a table without a column of categories, and for a batch size that is no
    multiple of `pac`.
    """

    double_backward = True
    inference_modules = ("normalization", "conditions", "generator")

    def __init__(
        self,
        columns: Columns | None = None,
        latent: Count = 128,
        width: Width = 256,
        pac: Count = 10,
        gradient_penalty_weight: float = 10.0,
        lr: float = 2e-4,
        weight_decay: float = 1e-6,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if columns:
            self.build(columns)

    def build(self, columns: Columns) -> None:
        """Build the networks for columns."""
        width, latent = self.hparams["width"], self.hparams["latent"]
        self.normalization, self.conditions = ModeNormalization(columns), Conditions(columns)
        numbers, sizes = len(self.normalization.numbers), self.normalization.sizes
        categories = sum(self.conditions.sizes)
        if not categories:
            raise BadRecipe("columns must have categories, got numbers alone. Train a TVAE instead")
        self.generator = Generator(latent + categories, width, numbers, sizes)
        d = numbers + sum(sizes) + categories
        self.critic = Critic(self.hparams["pac"] * d, width)

    @property
    def min_sub_batch(self) -> int:
        return max(2, self.hparams["pac"])  # batch norm

    def check_batch(self, n: int) -> None:
        super().check_batch(n)
        if n % self.hparams["pac"]:
            raise BadRecipe(
                f"batch_size must be a multiple of pac, {self.hparams['pac']}, got {n}. Change one"
            )

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.collect_rows()

    def collect_rows(self) -> None:
        """Keep the training rows, and the indices of those with each category."""
        self.rows = self.training_rows()
        self.conditions.fit(self.rows)
        ordered = [self.rows[:, i].argsort(stable=True) for i in self.conditions.columns]
        self.by_category = torch.cat(ordered)  # indices of rows, for each category in turn

    def on_fit_end(self) -> None:
        del self.rows, self.by_category

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.5, 0.9))
        decay = self.hparams["weight_decay"]
        return {
            "critic": adam(self.critic.parameters()),
            "generator": adam(self.generator.parameters(), weight_decay=decay),
        }

    def real_rows(self, column: Tensor, category: Tensor) -> Tensor:
        """Random training rows (n, columns) that have the categories of conditions."""
        counts, index = (
            self.conditions.counts.long().cpu(),
            self.conditions.indices(column, category),
        )
        first = counts.cumsum(0) - counts
        chosen = first[index] + (torch.rand(len(index)) * counts[index]).long()
        return self.rows[self.by_category[chosen.to(self.device)]]

    def generate(self, condition: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Rows as features (n, d), and their logits, of conditions (n, categories)."""
        z = torch.randn(len(condition), self.hparams["latent"], device=self.device)
        distances, logits = self.generator(torch.cat([z, condition], 1))
        logits = [
            logit.float().masked_fill(~self.normalization.possible(i), -1e9)
            for i, logit in enumerate(logits)
        ]
        soft = [gumbel_softmax(logit, TEMPERATURE) for logit in logits]
        return torch.cat([distances, *soft], 1), logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of the critic and a step of the generator, each on its own conditions; the
        batch gives the number of rows, which are those of the conditions."""
        n, D = len(batch[0]), self.critic

        with self.turn("critic") as descend:
            column, category, c = self.condition(n)
            rows = self.normalization.encode(self.real_rows(column, category))
            real = self.packed(features(rows, self.normalization.sizes), c)
            fake = self.packed(self.generate(c)[0].detach(), c)
            penalty = self.hparams["gradient_penalty_weight"] * gradient_penalty(D, real, fake)
            descend(wasserstein.discriminator(D(real), D(fake)) + penalty)

        with self.turn("generator") as descend:  # which also has to draw the category it is given
            column, category, c = self.condition(n)
            fake, logits = self.generate(c)
            adversarial = wasserstein.generator(D(self.packed(fake, c)))
            descend(adversarial + self.condition_loss(logits, column, category))

    def condition(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Columns (n,), categories (n,) and one-hot vectors (n, categories) of conditions."""
        column, category = self.conditions.sample(n, balanced=True)
        c = self.conditions.vectors(column, category)
        return column, category, c.to(self.device, self.parameter_dtype)

    def packed(self, rows: Tensor, c: Tensor) -> Tensor:
        """Rows (n, d) with their conditions (n, categories), `pac` of them in a row."""
        return torch.cat([rows.to(c.dtype), c], 1).reshape(len(c) // self.hparams["pac"], -1)

    def condition_loss(self, logits: list[Tensor], column: Tensor, category: Tensor) -> Tensor:
        """The mean cross-entropy of the conditions in the columns that they are of."""
        parts = []
        for i, index in enumerate(self.conditions.columns):
            chosen = column == i
            target = category[chosen].to(self.device)
            logit = logits[index][chosen.to(self.device)]
            parts.append(cross_entropy(logit, target, reduction="sum"))
        return torch.stack(parts).sum() / len(column)

    def sample_chunk(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Rows (n, columns) of conditions as frequent as in the data, by random numbers of the
        CPU."""
        column, category = self.conditions.sample(n, balanced=False, generator=generator)
        c = self.conditions.vectors(column, category)
        z = torch.randn(n, self.hparams["latent"], generator=generator)
        z = torch.cat([z, c], 1).to(self.device, self.parameter_dtype)
        distances, logits = self.generator(z)
        return self.sample_rows(distances, logits, generator)
