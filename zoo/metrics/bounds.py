"""What autoencoders with a prior are measured by: likelihoods, and how much of a code is used."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from zoo.metrics.checks import NotEnough, require_finite, require_images


def importance_weighted(log_weights: Tensor) -> Tensor:
    """Mean over images of log((w_1 + ... + w_k) / k), a scalar in nats per image.

    Log-weights (k, n) are log p(x, z) - log q(z | x) of k draws of z for each of n images. At k = 1
    this is the evidence lower bound; as k grows it climbs to log p(x). Burda et al., 2016,
    section 3, https://arxiv.org/abs/1509.00519
    """
    evidence = weighed_evidence(log_weights)
    require_images("a mean of evidence", 1, evidence)
    return evidence.mean()


def weighed_evidence(log_weights: Tensor) -> Tensor:
    """The same of each image, (n,). Raises NotFinite, but not in a training step, whose gradients
    are guarded."""
    if not len(log_weights):
        raise NotEnough("evidence needs one draw or more for each image, not 0")
    if not log_weights.requires_grad:
        require_finite("a likelihood", log_weights)
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def bits_per_dimension(nats: Tensor, dimensions: int, levels: int = 256) -> Tensor:
    """Bits per pixel and channel that coding an image takes, given its log-density `nats`.

    `nats` has any shape and is higher for the likelier image, such as an evidence lower bound. A
    density over [-1, 1] is no probability yet: the integer level v, from 0 to levels - 1, became
    x = 2 v / (levels - 1) - 1, so a level is 2 / (levels - 1) wide, and holds about p(x) times that
    in every dimension. The density that is even over all levels costs log2(levels), 8 for bytes.
    Not for Bernoulli likelihoods, which are no densities. A level's probability is one at most:
    where a density with less noise than a level is wide gives more, the result is NaN, as such a
    density does not determine bits. Raises NotFinite, and ValueError for less than one dimension or
    two levels.
    """
    if not (dimensions >= 1 and levels >= 2):
        raise ValueError(f"dimensions must be >= 1 and levels >= 2, got {dimensions} and {levels}")
    require_finite("bits per dimension", nats)
    width = 2 / (levels - 1)
    bits = -(nats / dimensions + math.log(width)) / math.log(2)
    return bits.where(bits >= 0, math.nan)


def active_units(means: Tensor) -> float:
    """The share of latents whose posterior means (n, latent) vary over images by more than 0.01.

    Burda et al., 2016, section 5. Raises NotEnough for fewer than two images, and NotFinite.
    """
    require_images("a variance", 2, means)
    require_finite("a variance", means)
    return (means.var(0) > 0.01).double().mean().item()


def divergence_per_dimension(mean: Tensor, std: Tensor) -> Tensor:
    """KL(N(mean, std^2) || N(0, 1)) of each latent (latent,) in nats, the mean over images.

    Mean and std are (n, latent); Kingma & Welling, 2013, appendix B,
    https://arxiv.org/abs/1312.6114. Raises NotFinite.
    """
    require_images("a divergence", 1, mean)
    require_finite("a divergence", mean, std)
    return kl_divergence(Normal(mean, std), Normal(0.0, 1.0)).mean(0)


def perplexity(counts: Tensor) -> float:
    """How many codes a codebook uses, from how often each was chosen (codes,): all alike give
    their number, a single one gives 1. The exponential of their entropy, in nats; for codebooks
    such as that of van den Oord et al., 2017, https://arxiv.org/abs/1711.00937. Raises ValueError
    where none was chosen or one less than never, and NotFinite."""
    require_finite("a perplexity", counts)
    if counts.sum() <= 0 or counts.min() < 0:
        raise ValueError("a perplexity needs one chosen code or more, and no count below zero")
    shares = counts.double() / counts.sum()
    return torch.special.entr(shares).sum().exp().item()
