"""Visible units of an RBM. Welling et al., 2004, https://papers.nips.cc/paper/2672

Exponential families: given the hidden units, each visible unit has one natural parameter.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

Kind = Literal["bernoulli", "gaussian"]


class Units(NamedTuple):
    """A family of units v (..., d) with natural parameters m (..., d): log p(v) = m v + base(v) -
    log_normalizer(m). A unit is `slope` times a pixel in [-1, 1], plus `offset`."""

    mean: Callable[[Tensor], Tensor]  # of m: (..., d)
    parameter: Callable[[Tensor], Tensor]  # the inverse of `mean`, finite for all means
    base: Callable[[Tensor], Tensor]  # of v, summed over the units: (...)
    log_normalizer: Callable[[Tensor], Tensor]  # of m, summed over the units: (...)
    draw: Callable[[Tensor, torch.Generator | None], Tensor]  # of means: (..., d)
    slope: float
    offset: float
    log_scale: float  # of the density of a pixel relative to that of a unit, in nats


def bernoulli(p: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Binary units (..., d) of probabilities; the generator is one of the CPU."""
    if generator is None:
        return torch.rand_like(p).lt(p).to(p)
    return torch.rand(p.shape, generator=generator).to(p).lt(p).to(p)


def normal(mean: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Units (..., d) of variance 1 around means."""
    if generator is None:
        return mean + torch.randn_like(mean)
    return mean + torch.randn(mean.shape, generator=generator).to(mean)


UNITS: dict[Kind, Units] = {
    "bernoulli": Units(  # white is 1, black is 0
        torch.sigmoid,
        lambda mean: mean.clamp(0.001, 0.999).logit(),
        lambda v: v.new_zeros(v.shape[:-1]),
        lambda m: softplus(m.double()).sum(-1),
        bernoulli,
        slope=0.5,
        offset=0.5,
        log_scale=0.0,
    ),
    "gaussian": Units(  # a standard deviation is a quarter of the way from gray to white
        lambda m: m,
        lambda mean: mean,
        lambda v: -v.double().square().sum(-1) / 2,
        lambda m: (m.double().square() / 2 + math.log(2 * math.pi) / 2).sum(-1),
        normal,
        slope=4.0,
        offset=0.0,
        log_scale=math.log(4.0),
    ),
}
