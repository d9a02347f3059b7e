"""Metrics of latent variable models: likelihood bounds and the use of latents and codes."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from zoo.metrics.checks import NotEnough, require_finite, require_images


def importance_weighted(log_weights: Tensor) -> Tensor:
    """Importance-weighted bound on log p(x), a scalar in nats per image, the mean over images.

    The log-weights (k, n) are log p(x, z) - log q(z | x) of k samples of z for each of n images;
    the bound is log((w_1 + ... + w_k) / k). For k = 1 it is the evidence lower bound; as k grows it
    tends to log p(x). Burda et al., 2016, section 3, https://arxiv.org/abs/1509.00519. Raises
    NotEnough for k < 1 or n < 1, and NotFinite except in a training step.
    """
    bounds = log_mean_weights(log_weights)
    require_images("a likelihood bound", 1, bounds)
    return bounds.mean()


def log_mean_weights(log_weights: Tensor) -> Tensor:
    """Importance-weighted bound (n,) of each image, in nats, from log-weights (k, n).

    Raises NotEnough for k < 1. Raises NotFinite unless the log-weights require a gradient, as in a
    training step, where other checks stop on NaN.
    """
    if not len(log_weights):
        raise NotEnough("k must be >= 1, got 0. Use at least one sample of z for each image")
    if not log_weights.requires_grad:
        require_finite("a likelihood bound", log_weights)
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def bits_per_dimension(nats: Tensor, dimensions: int, levels: int = 256) -> Tensor:
    """Bits per dimension of images with log-densities `nats` of any shape, such as ELBOs.

    The pixel x = 2 v / (levels - 1) - 1 in [-1, 1] stands for the integer v from 0 to levels - 1,
    an interval of width 2 / (levels - 1). Its probability is about p(x) times that width in every
    dimension. The uniform density gives log2(levels), which is 8 for bytes. Bernoulli likelihoods
    are not densities and have no bits per dimension. A density that is sharper than an interval
    can give a probability above one; the result is then NaN. Raises NotFinite, and ValueError
    unless dimensions >= 1 and levels >= 2.
    """
    if not (dimensions >= 1 and levels >= 2):
        raise ValueError(f"dimensions must be >= 1 and levels >= 2, got {dimensions} and {levels}")
    require_finite("bits per dimension", nats)
    width = 2 / (levels - 1)
    bits = -(nats / dimensions + math.log(width)) / math.log(2)
    return bits.where(bits >= 0, math.nan)


def active_units(means: Tensor) -> float:
    """Fraction of latents whose posterior means (n, latent) have a variance above 0.01 over images.

    Burda et al., 2016, section 5. Raises NotEnough for n < 2, and NotFinite.
    """
    require_images("a variance", 2, means)
    require_finite("a variance", means)
    return (means.var(0) > 0.01).double().mean().item()


def divergence_per_dimension(mean: Tensor, std: Tensor) -> Tensor:
    """KL(N(mean, std^2) || N(0, 1)) of each latent, (latent,) in nats, the mean over images.

    Mean and std are (n, latent). Kingma & Welling, 2013, appendix B,
    https://arxiv.org/abs/1312.6114. Raises NotEnough for n < 1, and NotFinite.
    """
    require_images("a divergence", 1, mean)
    require_finite("a divergence", mean, std)
    return kl_divergence(Normal(mean, std), Normal(0.0, 1.0)).mean(0)


def perplexity(counts: Tensor) -> float:
    """Perplexity of a codebook from the counts (entries,) of its entries: exp of their entropy.

    Equal counts give the number of entries, a single used entry gives 1. For codebooks such as that
    of van den Oord et al., 2017, https://arxiv.org/abs/1711.00937. Raises ValueError unless the
    counts are >= 0 with a positive sum, and NotFinite.
    """
    require_finite("a perplexity", counts)
    if counts.sum() <= 0 or counts.min() < 0:
        raise ValueError(
            f"counts must be >= 0 with a sum > 0, got a minimum of {counts.min():g} and a sum of "
            f"{counts.sum():g}. Count the entries of at least one image"
        )
    probabilities = counts.double() / counts.sum()
    return torch.special.entr(probabilities).sum().exp().item()
