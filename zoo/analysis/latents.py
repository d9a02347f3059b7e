"""Latent-space tools: interpolation, traversal, truncation, projection, attribute directions."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR
from tqdm import trange

from zoo.analysis.styles import truncate_styles
from zoo.core.latent_models import ConditionalModel, LatentVariableModel
from zoo.core.module import CHUNK
from zoo.core.protocols import Codec, HasStyles
from zoo.errors import ZooError
from zoo.layers.precision import at_least_float32
from zoo.losses.reconstruction import pixel_error

Path = Callable[[Tensor, Tensor, int], Tensor]


def lerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Linear interpolation from codes a to codes b, both (n, latent): (n * steps, latent).

    The rows of each path follow one another.
    """
    a, b = at_least_float32(a), at_least_float32(b)
    t = torch.linspace(0, 1, steps).to(a)[None, :, None]
    return torch.lerp(a[:, None], b[:, None], t).flatten(0, 1)  # from (n, steps, latent)


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Spherical interpolation from latents a to b, both (n, latent): (n * steps, latent).

    White, 2016, https://arxiv.org/abs/1609.04468
    """
    a, b = at_least_float32(a)[:, None], at_least_float32(b)[:, None]
    t = torch.linspace(0, 1, steps).to(a)[None, :, None]
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1)[..., None]
    angle = cosine.clamp(-0.9999, 0.9999).arccos()  # away from 0 and pi, whose sine is zero
    path = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
    return path.flatten(0, 1)


PATHS: dict[str, Path] = {"straight": lerp, "great-circle": slerp}


def interpolate(model: Codec, a: Tensor, b: Tensor, steps: int, path: Path = lerp) -> Tensor:
    """Decode interpolations between the codes of images a and b: (n * steps, c, size, size).

    Both arguments are (n, c, size, size) in [-1, 1]. The first and the last image of each
    path are reconstructions of a and b.
    """
    return model.decode(path(model.encode(a), model.encode(b), steps))


def traverse(code: Tensor, std: Tensor, latents: Tensor, steps: int, reach: float) -> Tensor:
    """Latent traversals (latents * steps, latent) of one code (latent,).

    Each of `latents` (indices) in turn moves from -reach to +reach times its `std` (latent,); the
    other latents keep their values.
    """
    offsets = torch.linspace(-reach, reach, steps, device=code.device)
    moves = torch.zeros(len(latents), steps, len(code), device=code.device)
    for row, latent in enumerate(latents.tolist()):
        moves[row, :, latent] = offsets * std[latent]
    return (code + moves).flatten(0, 1)


def truncate(z: Tensor, threshold: float) -> Tensor:
    """Map latents of N(0, I) to the normal truncated at +-threshold, in the same shape.

    Brock et al., 2019, section 3.1, https://arxiv.org/abs/1809.11096. The paper samples numbers
    again until they are inside. This function maps each number to the same quantile of the
    truncated normal, which gives the same distribution and similar samples for all thresholds.
    """
    inside = torch.erf(torch.tensor(threshold / 2**0.5, dtype=torch.float64))
    quantile = torch.erf(z.double() / 2**0.5) * inside
    return (2**0.5 * torch.erfinv(quantile)).to(z.dtype).clamp(-threshold, threshold)


def truncated(model: LatentVariableModel, n: int, threshold: float, seed: int | None) -> Tensor:
    """Sample truncated latents z (n, latent); raises ZooError unless the prior is N(0, I)."""
    if type(model).prior is not LatentVariableModel.prior:
        raise ZooError(
            f"the prior must be N(0, I) for truncation, got that of {type(model).__name__}. "
            "Sample without truncation"
        )
    return truncate(model.prior(n, seed), threshold)


def sample_truncated(
    model: LatentVariableModel, n: int, threshold: float, seed: int | None
) -> Iterator[Tensor]:
    """Truncated samples in chunks: by the threshold of latents, or by psi where a model has styles.
    Raises ZooError unless the prior is N(0, I)."""
    if not isinstance(model, HasStyles):
        return model.decode_chunks(truncated(model, n, threshold, seed))
    mean, chunks = model.mean_style(), model.prior(n, seed).split(CHUNK)
    styles = (truncate_styles(model.styles(z), mean, threshold) for z in chunks)
    return map(model.synthesize, styles)


def project(
    model: LatentVariableModel,
    images: Tensor,
    steps: int = 500,
    starts: int = 4,
    lr: float = 0.1,
    seed: int | None = None,
) -> Tensor:
    """Find latents (n, latent) whose decoded images are near `images` (GAN inversion).

    Images are (n, channels, size, size) in [-1, 1]. Adam minimizes the squared error for `steps`
    steps, starting from `starts` latents of the prior for each image, with a learning rate that
    decays from `lr` along a cosine; the best result of each image is returned. Creswell & Bharath,
    2016, https://arxiv.org/abs/1611.05644; Lipton & Tripathi, 2017, https://arxiv.org/abs/1702.04782.
    Raises ZooError for a conditional model, and BadInput for images that do not fit the model.
    """
    check_images(model, images)
    targets = at_least_float32(images).repeat(starts, 1, 1, 1)  # row s * n + i: start s of image i
    z = at_least_float32(model.prior(len(targets), seed)).requires_grad_()
    schedule = CosineAnnealingLR(adam := Adam([z], lr), steps)
    for _ in trange(steps, desc="projection", leave=False, disable=None):
        with torch.enable_grad():
            errors = pixel_error(model.decode(z), targets)
        (z.grad,) = torch.autograd.grad(errors.sum(), z)
        adam.step()
        schedule.step()
    z.requires_grad_(False)
    errors = pixel_error(model.decode(z), targets).view(starts, len(images))
    index = torch.arange(len(images), device=z.device)
    return z.view(starts, len(images), z.shape[1])[errors.argmin(0), index]


def check_images(model: LatentVariableModel, images: Tensor) -> None:
    """Raise ZooError for a conditional model, and BadInput for images that do not fit the model."""
    if isinstance(model, ConditionalModel):
        raise ZooError(
            f"the model must be unconditional for a projection, got {type(model).__name__}. "
            "Choose a model without class labels"
        )
    model.validate_images(images)


def attribute_direction(z: Tensor, probabilities: Tensor) -> Tensor:
    """Unit vector (latent,) from latents without an attribute to latents with it.

    The difference of the means of z (n, latent), weighted by the probabilities (n,) of the
    attribute. For z ~ N(0, I) it is parallel to the mean gradient of the probability (Stein's
    lemma). Larsen et al., 2016, section 4.2, https://arxiv.org/abs/1512.09300. Raises ZooError if
    the means are equal, or if all or none of the latents have the attribute.
    """
    p = probabilities.to(z)
    difference = p @ z / p.sum() - (1 - p) @ z / (1 - p).sum()
    if not difference.norm() > 1e-5:  # also for NaN, if a group is empty
        raise ZooError(
            "latents with and without the attribute must have different means, got equal ones. "
            "Draw more samples by -n"
        )
    return difference / difference.norm()


def steer(z: Tensor, direction: Tensor, steps: int, reach: float) -> Tensor:
    """Move each latent of z (n, latent) along a direction (latent,): (n * steps, latent).

    The offsets go from -reach to +reach. Shen et al., 2020, section 3.1,
    https://arxiv.org/abs/1907.10786
    """
    offsets = torch.linspace(-reach, reach, steps, device=z.device)[:, None]
    return (z[:, None] + offsets * direction).flatten(0, 1)  # from (n, steps, latent)


def latent_arithmetic(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """mean(a) - mean(b) + mean(c), (latent,), of latents (n, latent) each: Radford et al., 2015,
    section 6.3.2, who take means of three, as single ones were unstable."""
    return a.mean(0) - b.mean(0) + c.mean(0)


def rescale_to_prior_norm(z: Tensor, samples: Tensor) -> Tensor:
    """Rescale latents z (n, latent) to the mean distance of samples (m, latent) from their mean.

    Means of latents are nearer to the center than samples, where a generator was not trained:
    nearly all latents of N(0, I) have a norm near sqrt(latent). White, 2016, section 2.
    """
    center = samples.mean(0)
    radius = (samples - center).norm(dim=1).mean()
    return center + radius * torch.nn.functional.normalize(z - center, dim=1)
