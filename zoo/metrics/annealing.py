"""Partition functions of RBMs, by annealed importance sampling.

Salakhutdinov & Murray, 2008, https://www.cs.toronto.edu/~rsalakhu/papers/dbn_ais.pdf; Neal, 2001,
https://arxiv.org/abs/physics/9803008. Gibbs steps pass through a sequence of RBMs, from one without
weights, whose partition function is known, to the one of interest.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus
from tqdm import tqdm

from zoo.layers.visible_units import Units, bernoulli

CHAINS = 100
SCHEDULE = ((0.0, 500), (0.5, 4_000), (0.9, 10_000))  # section 5: steps from each beta to the next
MOST_EXACT = 20  # hidden units, of which all states are summed


class Parameters(NamedTuple):
    """Weights (hidden, visible) and biases (visible,) and (hidden,) of an RBM."""

    weight: Tensor
    visible: Tensor
    hidden: Tensor


class LogPartition(NamedTuple):
    """The logarithm of a partition function, with its standard error; 0 where it is exact."""

    value: float
    standard_error: float


class KeptPartition:
    """A partition function that is computed again only after one of its tensors has changed."""

    def __init__(self) -> None:
        self.version: object = None
        self.found = LogPartition(0.0, 0.0)

    def get(self, tensors: Iterable[Tensor], compute: Callable[[], LogPartition]) -> LogPartition:
        """That of the tensors, by `compute` if they are others than at the call before."""
        version = [(tensor.data_ptr(), tensor._version) for tensor in tensors]
        if self.version != version:
            with torch.no_grad():
                self.found = compute()
            self.version = version
        return self.found


def exact_log_partition(rbm: Parameters, units: Units) -> LogPartition:
    """The sum over all states of the hidden units, of which there are at most 20."""
    count = len(rbm.hidden)
    assert count <= MOST_EXACT
    logs = []
    for index in torch.arange(2**count, device=rbm.hidden.device).split(2**12):
        bits = index[:, None] >> torch.arange(count, device=index.device) & 1
        h = bits.to(rbm.weight)  # (states, hidden)
        logs.append((h @ rbm.hidden).double() + units.log_normalizer(rbm.visible + h @ rbm.weight))
    return LogPartition(float(torch.cat(logs).logsumexp(0)), 0.0)


def betas(schedule: tuple[tuple[float, int], ...] = SCHEDULE) -> Tensor:
    """Inverse temperatures from 0 to 1 in float64."""
    ends = [beta for beta, _ in schedule[1:]] + [1.0]
    parts = [
        torch.linspace(low, high, count + 1, dtype=torch.float64)[:-1]
        for (low, count), high in zip(schedule, ends, strict=True)
    ]
    return torch.cat([*parts, torch.ones(1, dtype=torch.float64)])


@torch.no_grad()
def annealed_log_partition(
    rbm: Parameters, units: Units, base: Tensor, temperatures: Tensor, chains: int = CHAINS
) -> LogPartition:
    """An estimate by `chains` runs from an RBM whose weights are 0 and whose visible biases are
    `base` (visible,), section 4.1; the same at every call."""
    generator = torch.Generator().manual_seed(0)
    v = units.draw(units.mean(base).expand(chains, -1), generator)
    weights = torch.zeros(chains, dtype=torch.float64, device=v.device)
    features = v @ rbm.weight.T + rbm.hidden
    steps = zip(temperatures[:-1].tolist(), temperatures[1:].tolist(), strict=True)
    for before, beta in tqdm(steps, "annealing", len(temperatures) - 1, leave=False, disable=None):
        slope = (v @ (rbm.visible - base)).double()  # the base measure of v is that of both RBMs
        weights += (beta - before) * slope
        weights += softplus(beta * features).double().sum(1)
        weights -= softplus(before * features).double().sum(1)
        h = bernoulli((beta * features).sigmoid(), generator)
        field = (1 - beta) * base + beta * rbm.visible + beta * (h @ rbm.weight)
        v = units.draw(units.mean(field), generator)
        features = v @ rbm.weight.T + rbm.hidden
    log_base = float(units.log_normalizer(base)) + len(rbm.hidden) * math.log(2)
    mean = float(weights.logsumexp(0)) - math.log(chains)
    relative = (weights - weights.max()).exp()
    error = float(relative.std() / relative.mean()) / math.sqrt(chains)
    return LogPartition(log_base + mean, error)


def log_partition(
    rbm: Parameters, units: Units, base: Tensor, chains: int = CHAINS
) -> LogPartition:
    """The exact sum for at most 20 hidden units, else an estimate by 14,500 temperatures."""
    if len(rbm.hidden) <= MOST_EXACT:
        return exact_log_partition(rbm, units)
    return annealed_log_partition(rbm, units, base, betas(), chains)
