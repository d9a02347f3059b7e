"""Base classes of models of series, and of their generators from noise."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from zoo.core.modality import Series, modality_of
from zoo.core.module import ZooModule, eval_in_chunks
from zoo.errors import BadRecipe
from zoo.layers.noise import normal, uniform
from zoo.layers.precision import at_least_float32


class SeriesModel(ZooModule, ABC):
    """A model of series of the arguments `length` and `ranges`, which are those of the data unless
    they are given: a subclass builds its networks in `build`."""

    @abstractmethod
    def build(self, columns: int) -> None:
        """Build the networks for a number of columns."""

    def configure_model(self) -> None:
        """Build the networks for the columns of the data, unless `ranges` are given."""
        if self.hparams["ranges"]:
            return
        modality = modality_of(self.trainer.datamodule)  # type: ignore[attr-defined]
        if not isinstance(modality, Series) or not modality.ranges:
            raise BadRecipe(
                "ranges must be given, or be those of a data module of series, got neither. Set "
                "--data zoo.data.CSVSeries"
            )
        self.hparams["ranges"] = {name: list(pair) for name, pair in modality.ranges.items()}
        self.build_if_known()

    def build_if_known(self) -> None:
        """Build the networks if there are `ranges`; raises BadRecipe for invalid ones."""
        if columns := len(self.modality.ranges):
            self.build(columns)

    @property
    def modality(self) -> Series:
        return Series(self.hparams["length"], self.hparams["ranges"] or {})


class SeriesGenerator(SeriesModel):
    """Generates series from noise at each step: a subclass also defines `generate`."""

    @abstractmethod
    def generate(self, z: Tensor) -> Tensor:
        """Noise z (n, length, latent) to series (n, length, columns) in [0, 1]."""

    @property
    @abstractmethod
    def latent_size(self) -> int:
        """Numbers of noise at each step."""

    def noise(self, n: int, seed: int | None = None) -> Tensor:
        """Noise (n, length, latent), uniform in [0, 1] and independent at each step. A seed gives
        the same noise on every device, and the first of a larger n."""
        steps = self.hparams["length"]
        z = uniform(normal(n, steps * self.latent_size, seed, self.device))
        return z.unflatten(1, (steps, self.latent_size)).to(self.parameter_dtype)

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Series (n, length, columns) in [0, 1], the range of each column; a seed fixes the
        noise. `modality.store` converts them to units of the data."""
        if not n:
            return torch.empty(0, self.hparams["length"], len(self.hparams["ranges"]))
        z = self.noise(n, seed)
        return at_least_float32(eval_in_chunks(self, z, self.generate))
