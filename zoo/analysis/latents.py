"""Walks through a latent space: between codes, along one latent, nearer to the middle, towards an
image."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR
from tqdm import trange

from zoo.core.latent_models import ConditionalModel, LatentVariableModel
from zoo.core.protocols import Codec
from zoo.errors import ZooError
from zoo.layers.precision import at_least_float32
from zoo.losses.reconstruction import pixel_error

Path = Callable[[Tensor, Tensor, int], Tensor]


def lerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """From each code of a to that of b, both (n, latent), straight: (n * steps, latent)."""
    a, b = at_least_float32(a), at_least_float32(b)
    t = torch.linspace(0, 1, steps).to(a)[None, :, None]
    return torch.lerp(a[:, None], b[:, None], t).flatten(0, 1)


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """From each latent of a to that of b, both (n, latent), along great circles:
    (n * steps, latent). White, 2016, https://arxiv.org/abs/1609.04468"""
    a, b = at_least_float32(a)[:, None], at_least_float32(b)[:, None]
    t = torch.linspace(0, 1, steps).to(a)[None, :, None]
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1)[..., None]
    angle = cosine.clamp(-0.9999, 0.9999).arccos()
    path = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
    return path.flatten(0, 1)


PATHS: dict[str, Path] = {"straight": lerp, "great-circle": slerp}


def interpolate(model: Codec, a: Tensor, b: Tensor, steps: int, path: Path = lerp) -> Tensor:
    """Images (n * steps, channels, size, size) from a to b, both (n, channels, size, size): what
    the model makes of the codes between theirs. The first and last are the ends, reconstructed."""
    return model.decode(path(model.encode(a), model.encode(b), steps))


def traverse(code: Tensor, spread: Tensor, latents: Tensor, steps: int, reach: float) -> Tensor:
    """Codes (latents * steps, latent) around one code (latent,): one latent after the other goes
    from -reach to +reach times its spread (latent,), the others staying."""
    offsets = torch.linspace(-reach, reach, steps, device=code.device)
    moves = torch.zeros(len(latents), steps, len(code), device=code.device)
    for row, latent in enumerate(latents.tolist()):
        moves[row, :, latent] = offsets * spread[latent]
    return (code + moves).flatten(0, 1)


def truncate(z: Tensor, threshold: float) -> Tensor:
    """Latents of N(0, I) as ones of the normal truncated at +-threshold, in the same shape.
    Brock et al., 2019, section 3.1, https://arxiv.org/abs/1809.11096

    Theirs are drawn again until they are inside; here each number becomes the one of its quantile,
    which has that distribution, and keeps a latent recognisable from one threshold to the next.
    """
    inside = torch.erf(torch.tensor(threshold / 2**0.5, dtype=torch.float64))
    quantile = torch.erf(z.double() / 2**0.5) * inside
    return (2**0.5 * torch.erfinv(quantile)).to(z.dtype).clamp(-threshold, threshold)


def truncated(model: LatentVariableModel, n: int, threshold: float, seed: int | None) -> Tensor:
    """Draw z (n, latent) of the prior, truncated; raises ZooError unless that is N(0, I)."""
    if type(model).prior is not LatentVariableModel.prior:
        raise ZooError(
            f"only latents of N(0, I) are truncated, and {type(model).__name__} draws others"
        )
    return truncate(model.prior(n, seed), threshold)


def project(
    model: LatentVariableModel,
    images: Tensor,
    steps: int = 500,
    starts: int = 4,
    lr: float = 0.1,
    seed: int | None = None,
) -> Tensor:
    """Latents (n, latent) whose images come near to `images` (n, channels, size, size) in [-1, 1].
    Creswell & Bharath, 2016, https://arxiv.org/abs/1611.05644, and Lipton & Tripathi, 2017,
    https://arxiv.org/abs/1702.04782

    Adam descends the squared error from several latents of the prior, its learning rate falling
    from `lr` along a cosine; the best is kept. Raises ZooError for a model that needs classes, and
    for images that are not of its shape.
    """
    check_images(model, images)
    targets = at_least_float32(images).repeat(starts, 1, 1, 1)
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
    each = torch.arange(len(images), device=z.device)
    return z.view(starts, len(images), z.shape[1])[errors.argmin(0), each]


def check_images(model: LatentVariableModel, images: Tensor) -> None:
    """Refuse a model that needs classes, and images of which it draws no such."""
    if isinstance(model, ConditionalModel):
        raise ZooError(f"{type(model).__name__} draws by a latent and a class: it has no inverse")
    model.validate_images(images)


def direction(z: Tensor, chances: Tensor) -> Tensor:
    """The direction (latent,), of length 1, from latents without an attribute to those with it,
    z (n, latent) having it by chances (n,): the difference of both means.
    Larsen et al., 2016, section 4.2, https://arxiv.org/abs/1512.09300

    Where z ~ N(0, I), that is the way of the mean gradient of the chance (Stein's lemma). Raises
    ZooError where both means are one, or where all latents have the attribute, or none.
    """
    chances = chances.to(z)
    difference = chances @ z / chances.sum() - (1 - chances) @ z / (1 - chances).sum()
    if not difference.norm() > 1e-5:  # nor is it where a group is empty
        raise ZooError("latents with and without the attribute do not differ: draw more of them")
    return difference / difference.norm()


def steer(z: Tensor, way: Tensor, steps: int, reach: float) -> Tensor:
    """Latents (n * steps, latent): each z (n, latent) from -reach to +reach times a direction
    (latent,) away. Shen et al., 2020, section 3.1, https://arxiv.org/abs/1907.10786"""
    offsets = torch.linspace(-reach, reach, steps, device=z.device)[:, None]
    return (z[:, None] + offsets * way).flatten(0, 1)


def latent_arithmetic(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """mean(a) - mean(b) + mean(c), (latent,), of latents (n, latent) each: Radford et al., 2015,
    section 6.3.2, who take means of three, as single ones were unstable."""
    return a.mean(0) - b.mean(0) + c.mean(0)


def rescale_to_prior_norm(z: Tensor, drawn: Tensor) -> Tensor:
    """Latents z (n, latent), each as far from the middle of latents that were drawn (m, latent) as
    these are on average: means are nearer to it, where a generator has seen nothing.

    Latents of N(0, I) are nearly all about sqrt(latent) long: White, 2016, section 2.
    """
    middle = drawn.mean(0)
    usual = (drawn - middle).norm(dim=1).mean()
    return middle + usual * torch.nn.functional.normalize(z - middle, dim=1)
