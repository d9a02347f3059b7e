"""Likelihoods of test examples: exact, bounded, or estimated by importance sampling."""

from collections.abc import Iterator

import torch
from lightning import LightningModule
from torch import Tensor
from torch.distributions import Normal
from tqdm import tqdm

from zoo.core.modality import modality_of, normalize
from zoo.core.protocols import (
    HasPartitionFunction,
    HasPixelDensity,
    HasPosterior,
    SupportsELBO,
    SupportsImportanceWeighting,
    SupportsScoring,
)
from zoo.data.arrays import Examples
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import (
    Protocol,
    Record,
    map_batches,
    mean,
    rounded,
    skip_if_not_measurable,
    take,
)
from zoo.metrics.bounds import bits_per_dimension, divergence_per_dimension, log_mean_weights
from zoo.metrics.checks import NotEnough

FEW = 20  # images, and samples of the latent, in one chunk of an estimate
IN_USE = 0.01  # nats: a latent with a smaller divergence is unused
NATS = "nats per image"
LEVEL = 2 / 255  # the width of a gray level in [-1, 1]


def log_likelihood(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The negative log-likelihood of a test example in nats."""
    assert isinstance(model, SupportsScoring)
    values = take(data.examples("test"), protocol.images).values
    yield mean("nll", -map_batches(model, values, model.log_prob, "log-likelihood"), "nats")


def partition_function(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The logarithm of the partition function, whose error all log-likelihoods share."""
    assert isinstance(model, HasPartitionFunction)
    value, error = model.log_partition()
    record: Record = {"metric": "log-partition", "value": rounded(value), "unit": "nats"}
    yield record | {"standard_error": rounded(error)}


def binary_likelihood(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The likelihood metrics of a model of binary pixels."""
    if not is_density(model):
        yield from likelihood_metrics(model, take(data.examples("test"), protocol.images), protocol)


def density_likelihood(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The likelihood metrics of a model whose likelihood is a density of pixels."""
    if is_density(model):
        yield from likelihood_metrics(model, take(data.examples("test"), protocol.images), protocol)


def likelihood_metrics(
    model: LightningModule, images: Examples, protocol: Protocol
) -> Iterator[Record]:
    """The evidence lower bound by one sample of z an image, its terms, and the likelihood by
    `protocol.draws` samples where the model supports importance weighting."""
    assert isinstance(model, SupportsELBO)
    terms_of = model.elbo_terms
    terms = map_batches(model, images.values, lambda x: torch.stack(terms_of(x), dim=1), "bound")
    likelihood, divergence = terms.double().unbind(1)
    bound = likelihood - divergence
    can_weigh = isinstance(model, SupportsImportanceWeighting)
    if can_weigh and not is_density(model):
        yield estimated_nll(model, take(images, weighed_images(model, protocol)), protocol.draws)
    yield mean("elbo", bound, NATS)
    yield mean("divergence", divergence, NATS)
    if is_density(model):
        with skip_if_not_measurable("bits-per-dimension"):
            bits = bits_of_levels(model, bound, images.values[0].numel())
            yield mean("bits-per-dimension", bits, "bits per pixel and channel, of the elbo")
    if can_weigh and is_density(model):
        yield estimated_nll(model, take(images, weighed_images(model, protocol)), protocol.draws)
    if isinstance(model, HasPosterior):
        yield from latent_metrics(model, images)


def is_density(model: LightningModule) -> bool:
    """Whether the likelihood is a density of gray levels, not one of binary pixels."""
    return not isinstance(model, HasPixelDensity) or model.pixel_std() is not None


def bits_of_levels(model: LightningModule, bound: Tensor, dimensions: int) -> Tensor:
    """Bits per dimension of each image (n,) by its bound (n,) in nats; raises NotEnough where the
    density is narrower than a gray level, so that it bounds no probability of levels."""
    noise = model.pixel_std() if isinstance(model, HasPixelDensity) else None
    if noise is not None and noise < LEVEL:
        raise NotEnough(f"noise must be >= {LEVEL:.4f}, the width of a gray level, got {noise:g}")
    bits = bits_per_dimension(bound, dimensions)
    if bits.isnan().any():
        raise NotEnough("the density of a gray level must be <= 1, got more")
    return bits


def weighed_images(model: LightningModule, protocol: Protocol) -> int:
    """How many images have their likelihood estimated: all of binary pixels, as papers report it,
    else a tenth, as k samples of z cost k decodings."""
    return protocol.images // 10 if is_density(model) else protocol.images


def estimated_nll(model: LightningModule, images: Examples, k: int) -> Record:
    """The negative log-likelihood by k importance samples of z for each image."""
    chunks = tqdm(images.values.split(FEW), "likelihood", leave=False, disable=None)
    nats = [importance_estimate(model, normalize(x.to(model.device)), k) for x in chunks]
    return mean(f"nll-{k}", -torch.cat(nats), NATS) | {"draws": k}


@torch.no_grad()
def importance_estimate(model: LightningModule, x: Tensor, k: int) -> Tensor:
    """log p(x) of images (n, channels, size, size), estimated by k samples of z: (n,) in nats."""
    assert isinstance(model, SupportsImportanceWeighting)
    weights = [model.log_importance_weights(x, len(few)) for few in torch.arange(k).split(FEW)]
    return log_mean_weights(torch.cat(weights).double()).cpu()


def latent_metrics(model: LightningModule, images: Examples) -> Iterator[Record]:
    """How many latents depend on the image, and the largest divergence of a latent in nats."""
    assert isinstance(model, HasPosterior)
    posterior = model.posterior
    first = modality_of(model).normalize(images.values[:1].to(model.device))
    if not isinstance(posterior(first), Normal):
        return

    def moments(x: Tensor) -> Tensor:
        q = posterior(x)
        return torch.stack([q.mean, q.stddev], dim=1).flatten(2)

    means, spreads = map_batches(model, images.values, moments, "posterior").double().unbind(1)
    nats = divergence_per_dimension(means, spreads)
    shared: Record = {"latents": len(nats), "split": "test", "real": len(means)}
    yield {"metric": "latents-in-use", "value": int((nats > IN_USE).sum()), **shared}
    yield {"metric": "largest-divergence", "value": rounded(nats.max()), **shared, "unit": "nats"}
