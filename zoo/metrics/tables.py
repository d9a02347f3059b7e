"""Measures of synthetic tables against real ones: rows (n, columns) in float64 with their columns.

`columns` has the categories of a column, or the kind of its numbers, which are NaN where missing.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from zoo.layers.mode_normalization import Columns
from zoo.metrics.checks import NotEnough

BINS = 10  # of numbers, beside a category, by quantiles of the real ones
ROWS = 256  # of a matrix of distances at once


class Closeness(NamedTuple):
    """Whether synthetic rows are nearer to training rows than to held-out rows."""

    share: float  # 0.5 without memorization
    copies: float  # share of rows that equal a training row


def column_shapes(columns: Columns, real: Tensor, fake: Tensor) -> dict[str, float]:
    """The similarity of each column in [0, 1]: 1 minus the total variation distance of categories,
    or 1 minus the Kolmogorov-Smirnov distance of numbers."""
    found = {}
    for i, (name, kind) in enumerate(columns.items()):
        a, b = real[:, i], fake[:, i]
        distance = (
            total_variation(a.long(), b.long(), len(kind))
            if isinstance(kind, list)
            else kolmogorov_smirnov(a, b)
        )
        found[name] = 1 - distance
    return found


def total_variation(a: Tensor, b: Tensor, n: int) -> float:
    """Half of the sum of absolute differences of two distributions, of indices below n."""
    one, two = (x.bincount(minlength=n).double() / max(1, len(x)) for x in (a, b))
    return float((one - two).abs().sum() / 2)


def kolmogorov_smirnov(a: Tensor, b: Tensor) -> float:
    """The largest difference of two distribution functions; missing numbers come first."""
    a, b = (x.nan_to_num(nan=-torch.inf).sort().values for x in (a, b))
    places = torch.cat([a, b])
    one, two = (torch.searchsorted(x, places, right=True).double() / len(x) for x in (a, b))
    return float((one - two).abs().max())


def pair_trends(columns: Columns, real: Tensor, fake: Tensor) -> float:
    """The mean similarity of all pairs of columns in [0, 1]: 1 minus half the difference of the
    correlations of two columns of numbers, else 1 minus the total variation distance of both
    columns together, with numbers in ten bins. Raises NotEnough for a single column."""
    kinds = list(columns.values())
    if len(kinds) < 2:
        raise NotEnough("a table must have two columns for pair trends, got one")
    binned = [binned_column(kind, real[:, i], fake[:, i]) for i, kind in enumerate(kinds)]
    similarities = []
    for i, j in combinations(range(len(kinds)), 2):
        if isinstance(kinds[i], str) and isinstance(kinds[j], str):
            one, two = (correlation(x[:, i], x[:, j]) for x in (real, fake))
            similarities.append(1 - abs(one - two) / 2)
            continue
        (a, c, n), (b, d, m) = binned[i], binned[j]
        similarities.append(1 - total_variation(a * m + b, c * m + d, n * m))
    return float(np.mean(similarities))


def binned_column(kind: str | list[str], real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, int]:
    """Indices of a column of real and of synthetic rows, and their number; the last bin is that of
    missing numbers."""
    if isinstance(kind, list):
        return real.long(), fake.long(), len(kind)
    known = real[~real.isnan()]
    points = torch.linspace(0, 1, BINS + 1, dtype=real.dtype)[1:-1]
    edges = known.quantile(points) if len(known) else points
    one, two = (
        torch.bucketize(x.contiguous(), edges).masked_fill(x.isnan(), BINS) for x in (real, fake)
    )
    return one, two, BINS + 1


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's correlation of numbers, without rows with a missing one; 0 for constants."""
    known = ~(a.isnan() | b.isnan())
    if known.sum() < 2:
        return 0.0
    return float(torch.corrcoef(torch.stack([a[known], b[known]]))[0, 1].nan_to_num())


def efficacy(columns: Columns, target: str, train: Tensor, test: Tensor) -> float:
    """The score on test rows of gradient-boosted trees that were trained on other rows: the mean
    over the classes of F1 for categories, R squared for numbers. Raises NotEnough for one class."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.metrics import f1_score, r2_score

    i, kind = list(columns).index(target), columns[target]
    train, test = (x[~x[:, i].isnan()] for x in (train, test))
    inputs = [j for j in range(len(columns)) if j != i]
    if not inputs or len(train) < 2 or len(test) < 2 or len(train[:, i].unique()) < 2:
        raise NotEnough("the target must have two values and another column, got fewer")
    known = [isinstance(k, list) and len(k) <= 255 for name, k in columns.items() if name != target]
    fitted = HistGradientBoostingClassifier if isinstance(kind, list) else (
        HistGradientBoostingRegressor
    )  # fmt: skip
    trees = fitted(categorical_features=known, random_state=0, early_stopping=False)
    trees.fit(train[:, inputs].numpy(), train[:, i].numpy())
    truth, predicted = test[:, i].numpy(), trees.predict(test[:, inputs].numpy())
    if isinstance(kind, list):
        return float(f1_score(truth, predicted, average="macro"))
    return float(r2_score(truth, predicted))


def closest_records(columns: Columns, fake: Tensor, train: Tensor, held_out: Tensor) -> Closeness:
    """How many synthetic rows are nearer to training rows than to as many held-out rows; half of
    the ties count. The distance is the sum over the columns: 1 for another category, else the
    difference of numbers divided by their range in the training rows."""
    n = min(len(train), len(held_out))
    if n < 1 or not len(fake):
        raise NotEnough("there must be training, held-out and synthetic rows, got none")
    rows = [distance_features(columns, x, train) for x in (fake, train[:n], held_out[:n], train)]
    fakes, trains, others, everything = rows
    near = torch.cat([torch.cdist(x, trains, 1).amin(1) for x in fakes.split(ROWS)])
    far = torch.cat([torch.cdist(x, others, 1).amin(1) for x in fakes.split(ROWS)])
    copies = torch.cat([torch.cdist(x, everything, 1).amin(1) < 1e-9 for x in fakes.split(ROWS)])
    wins = (near < far).double() + (near == far).double() / 2
    return Closeness(float(wins.mean()), float(copies.double().mean()))


def distance_features(columns: Columns, rows: Tensor, scale: Tensor) -> Tensor:
    """Features whose L1 distance is that of rows; a missing number is 1 from all others."""
    parts = []
    for i, kind in enumerate(columns.values()):
        x = rows[:, i]
        if isinstance(kind, list):
            parts.append(one_hot(x.long(), len(kind)).double() / 2)
            continue
        low, high = (float(v) for v in scale[:, i].nan_to_num(nan=0.0).aminmax())
        missing = x.isnan()[:, None].double()
        parts += [
            ((x.nan_to_num() - low) / max(high - low, 1e-12))[:, None] * (1 - missing),
            missing,
        ]
    return torch.cat(parts, 1)
