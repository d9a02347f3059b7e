"""How well a model explains images that it has not seen, and with how much of its code."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Normal
from tqdm import tqdm

from zoo.core.module import ZooModule
from zoo.core.protocols import (
    HasPixelDensity,
    HasPosterior,
    SupportsELBO,
    SupportsImportanceWeighting,
)
from zoo.data.images import Images, normalize
from zoo.evaluation.records import (
    Protocol,
    Record,
    map_batches,
    mean,
    rounded,
    skip_if_not_measurable,
    take,
)
from zoo.metrics.bounds import bits_per_dimension, divergence_per_dimension, weighed_evidence
from zoo.metrics.checks import NotEnough

FEW = 20  # images, and draws, that are weighed at once
IN_USE = 0.01  # nats: a latent that says less of an image says nothing
NATS = "nats per image"
LEVEL = 2 / 255  # the width of a grey level in [-1, 1]


def likelihood_metrics(model: ZooModule, images: Images, protocol: Protocol) -> Iterator[Record]:
    """The evidence lower bound, what is read off it, and the evidence itself where it can be had;
    one sample of z an image, unless `draws` says more."""
    assert isinstance(model, SupportsELBO)
    terms = map_batches(
        model, images.pixels, lambda x: torch.stack(model.elbo_terms(x), dim=1), "bound"
    )
    likelihood, divergence = terms.double().unbind(1)
    bound = likelihood - divergence
    can_weigh = isinstance(model, SupportsImportanceWeighting)
    if can_weigh and not is_density(model):
        yield evidence(model, take(images, weighable(model, protocol)), protocol.draws)
    yield mean("elbo", bound, NATS)
    yield mean("divergence", divergence, NATS)
    if is_density(model):
        with skip_if_not_measurable("bits-per-dimension"):
            bits = bits_of_levels(model, bound, images.pixels[0].numel())
            yield mean("bits-per-dimension", bits, "bits per pixel and channel, of the elbo")
    if can_weigh and is_density(model):
        yield evidence(model, take(images, weighable(model, protocol)), protocol.draws)
    if isinstance(model, HasPosterior):
        yield from latent_metrics(model, images)


def is_density(model: ZooModule) -> bool:
    """Whether its likelihood is one of grey levels; a Bernoulli's is of pixels that are on."""
    return not isinstance(model, HasPixelDensity) or model.pixel_std() is not None


def bits_of_levels(model: ZooModule, bound: Tensor, dimensions: int) -> Tensor:
    """Bits per dimension of each image (n,) by its bound; raises NotEnough where the density is
    sharper than grey levels are wide, and so says nothing of their probability."""
    noise = model.pixel_std() if isinstance(model, HasPixelDensity) else None
    if noise is not None and noise < LEVEL:
        raise NotEnough(
            f"it needs a density with noise >= {LEVEL:.4f}, a grey level, not {noise:g}"
        )
    bits = bits_per_dimension(bound, dimensions)
    if bits.isnan().any():
        raise NotEnough("the density exceeds one for each grey level, which no probability does")
    return bits


def weighable(model: ZooModule, protocol: Protocol) -> int:
    """How many images have their evidence weighed: a tenth, as k draws of z cost k decodings, but
    all where pixels are on or off, whose evidence is what papers report."""
    return protocol.images // 10 if is_density(model) else protocol.images


def evidence(model: ZooModule, images: Images, k: int) -> Record:
    """The negative log-likelihood by k importance-weighted draws of z for each image."""
    chunks = tqdm(images.pixels.split(FEW), "evidence", leave=False, disable=None)
    nats = [elbo_and_estimate(model, normalize(x.to(model.device)), k) for x in chunks]
    return mean(f"nll-{k}", -torch.cat(nats), NATS) | {"draws": k}


@torch.no_grad()
def elbo_and_estimate(model: ZooModule, x: Tensor, k: int) -> Tensor:
    """log p(x) of images (n, channels, size, size) as k draws have it, (n,)."""
    assert isinstance(model, SupportsImportanceWeighting)
    draws = [model.log_importance_weights(x, len(few)) for few in torch.arange(k).split(FEW)]
    return weighed_evidence(torch.cat(draws).double()).cpu()


def latent_metrics(model: ZooModule, images: Images) -> Iterator[Record]:
    """How many latents tell images apart, and how much the busiest of them says."""
    assert isinstance(model, HasPosterior)
    if not isinstance(model.posterior(normalize(images.pixels[:1].to(model.device))), Normal):
        return

    def moments(x: Tensor) -> Tensor:
        q = model.posterior(x)
        return torch.stack([q.mean, q.stddev], dim=1).flatten(2)

    means, spreads = map_batches(model, images.pixels, moments, "posterior").double().unbind(1)
    nats = divergence_per_dimension(means, spreads)
    shared: Record = {"latents": len(nats), "split": "test", "real": len(means)}
    yield {"metric": "latents-in-use", "value": int((nats > IN_USE).sum()), **shared}
    yield {"metric": "largest-divergence", "value": rounded(nats.max()), **shared, "unit": "nats"}
