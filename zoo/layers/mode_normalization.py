"""Mode-specific normalization. Xu et al., 2019, https://arxiv.org/abs/1907.00503, section 4.2

A number becomes the index of the mode of its column that it belongs to, and its distance from the
center of this mode.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

Columns = dict[str, str | list[str]]  # `integer` or `number`, with ? where it may be missing, or
# the names of the categories
KINDS = ("integer", "number", "integer?", "number?")
MODES, LEAST = 10, 0.005  # most modes of a column; smallest weight of one
FIT_ROWS = 10_000  # rows on which the mixture of a column is fitted
FINEST = 3e-5  # least standard deviation of a mode, where that of the column is 1
PRIOR = 1e-4  # of the variance of a mode; 1 would blur a value that most rows have, such as 0
SPREAD = 4.0  # standard deviations at a distance of 1


def is_whole(kind: str) -> bool:
    """Whether a kind of number is an integer."""
    return kind.startswith("integer")


def is_optional(kind: str) -> bool:
    """Whether a kind of number may be missing."""
    return kind.endswith("?")


class Encoded(NamedTuple):
    """Rows: distances (n, numbers) in [-1, 1] of the numbers from their modes, and an index (n,)
    for each column, of a mode or of a category. The index MODES is that of a missing number."""

    distances: Tensor
    indices: list[Tensor]


class ModeNormalization(nn.Module):
    """Encodes and decodes rows (n, columns) of a table by mixtures of Gaussians, one for each
    column of numbers; `fit` estimates them."""

    means: Tensor
    stds: Tensor
    weights: Tensor
    limits: Tensor

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        kinds = list(columns.values())
        self.kinds = [kind if isinstance(kind, str) else "" for kind in kinds]
        self.numbers = [i for i, kind in enumerate(self.kinds) if kind]
        self.sizes = [len(k) if isinstance(k, list) else MODES + is_optional(k) for k in kinds]
        shape = len(self.numbers), MODES
        self.register_buffer("means", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("stds", torch.ones(shape, dtype=torch.float64))
        self.register_buffer("weights", torch.zeros(shape, dtype=torch.float64))  # 0: not a mode
        self.register_buffer("limits", torch.zeros(shape[0], 2, dtype=torch.float64))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the mixtures to a device, but keep their float64: float16 ends at 65,504."""
        return super()._apply(lambda t: t.to(fn(t).device), recurse)

    def fit(self, rows: Tensor) -> None:
        """Estimate the modes and the range of each column of numbers from rows (n, columns)."""
        for i, column in enumerate(self.numbers):
            found = rows[:, column]
            found = found[found.isfinite()]
            if len(found):
                self.fit_column(i, found)

    def fit_column(self, i: int, x: Tensor) -> None:
        """Fit the mixture of numbers (n,), which are standardized for that."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import BayesianGaussianMixture

        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(len(x), generator=generator)[:FIT_ROWS].to(x.device)
        center, scale = x.mean(), x.std(correction=0).clamp(min=1e-12)
        sample = ((x[chosen] - center) / scale).cpu().numpy()[:, None]
        mixture = BayesianGaussianMixture(
            n_components=min(MODES, len(sample)),
            weight_concentration_prior=0.001,
            max_iter=100,
            covariance_prior=[[PRIOR]],
            reg_covar=FINEST**2,
            random_state=0,
        )
        with warnings.catch_warnings():  # a mixture that is still improving is good enough
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(sample)
        count = len(mixture.weights_)
        weights = torch.from_numpy(mixture.weights_)
        self.means[i, :count] = torch.from_numpy(mixture.means_[:, 0]).to(x) * scale + center
        std = torch.from_numpy(mixture.covariances_[:, 0, 0]).sqrt().clamp(min=FINEST)
        self.stds[i, :count] = std.to(x) * scale
        self.weights[i, :count] = torch.where(weights > LEAST, weights, 0.0).to(x)
        self.limits[i] = torch.stack(list(x.aminmax()))

    def encode(self, rows: Tensor) -> Encoded:
        """Encode rows (n, columns); the mode of a number is sampled by its probability."""
        x = rows[:, self.numbers].to(self.means)[:, :, None]  # (n, numbers, 1)
        offsets = (x.nan_to_num() - self.means) / self.stds
        logits = self.weights.log() - self.stds.log() - offsets.square() / 2
        noise = -torch.empty_like(logits).exponential_().log()
        modes = (logits + noise).argmax(2)  # by the Gumbel-max trick: (n, numbers)
        distances = offsets.gather(2, modes[:, :, None])[:, :, 0] / SPREAD
        missing = x[:, :, 0].isnan()
        distances = distances.clamp(-1, 1).masked_fill(missing, 0)
        modes = modes.masked_fill(missing, MODES)
        indices = list(rows.nan_to_num().long().unbind(1))
        for i, column in enumerate(self.numbers):
            indices[column] = modes[:, i]
        return Encoded(distances, indices)

    def decode(self, encoded: Encoded) -> Tensor:
        """Rows (n, columns) in float64: numbers within the range of the data, integers rounded."""
        columns = [index.double() for index in encoded.indices]
        for i, column in enumerate(self.numbers):
            mode = encoded.indices[column]
            known = mode.clamp(max=MODES - 1)
            x = encoded.distances[:, i].double().clamp(-1, 1) * SPREAD * self.stds[i, known]
            x = (x + self.means[i, known]).clamp(*self.limits[i])
            x = x.round() if is_whole(self.kinds[column]) else x
            columns[column] = x.masked_fill(mode == MODES, torch.nan)
        return torch.stack(columns, 1)

    def possible(self, column: int) -> Tensor:
        """Which indices (size,) of a column occur: not those of modes without weight."""
        if column not in self.numbers:
            return self.means.new_ones(self.sizes[column], dtype=torch.bool)
        modes = self.weights[self.numbers.index(column)] > 0
        return torch.cat([modes, modes.new_ones(self.sizes[column] - MODES)])


def features(encoded: Encoded, sizes: Sequence[int]) -> Tensor:
    """Encoded rows as the input (n, numbers + sum of sizes) of a network, in float32."""
    parts = [one_hot(i, size) for i, size in zip(encoded.indices, sizes, strict=True)]
    return torch.cat([encoded.distances, *parts], dim=1).float()
