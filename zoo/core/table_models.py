"""The base class of generators of table rows: columns, mixtures of numbers, samples in chunks."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from zoo.core.modality import Table, modality_of
from zoo.core.module import ZooModule, eval_mode
from zoo.errors import BadRecipe
from zoo.layers.mode_normalization import Columns, Encoded, ModeNormalization
from zoo.layers.noise import seeded

CHUNK = 10_000  # rows that are sampled at once


class TableModel(ZooModule, ABC):
    """Generates rows of a table: a subclass has the argument `columns`, builds `normalization` and
    its networks in `build`, and defines `sample_chunk`."""

    normalization: ModeNormalization

    @abstractmethod
    def build(self, columns: Columns) -> None:
        """Build the networks for columns."""

    @abstractmethod
    def sample_chunk(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Rows (n, columns), by random numbers of the CPU."""

    def configure_model(self) -> None:
        """Build the networks for the columns of the data, unless `columns` are given."""
        if self.hparams["columns"]:
            return
        modality = modality_of(self.trainer.datamodule)  # type: ignore[attr-defined]
        if not isinstance(modality, Table) or not modality.columns_:
            raise BadRecipe(
                "columns must be given, or be those of a data module of tables, got neither. Set "
                "--data zoo.data.CSVTable"
            )
        self.hparams["columns"] = dict(modality.columns_)
        self.build(self.hparams["columns"])

    def on_fit_start(self) -> None:
        """Fit the mixtures of the columns on the training rows, unless they are."""
        super().on_fit_start()
        if not self.normalization.weights.any():
            self.normalization.fit(self.training_rows())

    def training_rows(self) -> Tensor:
        """All training rows (n, columns) of the data, on the device of the model."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        rows: Tensor = data.examples("train").values
        return rows.to(self.device)

    @property
    def modality(self) -> Table:
        return Table(self.hparams["columns"] or {})

    def validate_rows(self, x: Tensor) -> Tensor:
        """Rows in float64; raises BadInput unless they are (n, columns)."""
        self.modality.check(x)
        return x.double()

    @torch.no_grad()
    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Rows (n, columns) in float64; a seed fixes them."""
        generator = seeded(n, seed)
        with eval_mode(self):
            sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
            rows = [self.sample_chunk(size, generator) for size in sizes]
        return torch.cat(rows) if rows else torch.zeros(0, len(self.normalization.sizes)).double()

    def sample_rows(
        self, distances: Tensor, logits: list[Tensor], generator: torch.Generator | None
    ) -> Tensor:
        """Rows (n, columns) of distances (n, numbers), and of logits (n, size) for each column."""
        indices = []
        for column, logit in enumerate(logits):
            possible = self.normalization.possible(column)
            uniform = torch.rand(logit.shape, generator=generator).clamp(1e-9, 1 - 1e-7).to(logit)
            gumbel = -(-uniform.log()).log()
            indices.append((logit + gumbel).masked_fill(~possible, -torch.inf).argmax(1))
        return self.normalization.decode(Encoded(distances, indices))
