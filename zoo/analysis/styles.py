"""Tools of the style space W: truncation, mixing, directions, projection, path lengths."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.optim import Adam
from tqdm import trange

from zoo.core.protocols import HasStyles
from zoo.errors import ZooError
from zoo.layers.precision import at_least_float32
from zoo.losses.reconstruction import pixel_error

SAMPLES = 10_000  # styles from which the deviation and the principal directions are estimated


def require_styles(model: object, name: str) -> HasStyles:
    """The model as one that has styles; raises ZooError for others."""
    if not isinstance(model, HasStyles):
        raise ZooError(
            f"the model must map latents to styles, got {name}, a {type(model).__name__}. "
            "Choose a StyleGAN"
        )
    return model


def truncate_styles(w: Tensor, mean: Tensor, psi: float) -> Tensor:
    """Move styles (n, layers, width) toward their mean (width,): 1 keeps them, 0 gives the mean.

    Karras et al., 2019, appendix B, https://arxiv.org/abs/1812.04948
    """
    return mean + psi * (w - mean)


def mix_styles(rows: Tensor, columns: Tensor, layers: slice) -> Tensor:
    """Styles (r * c, layers, width): those of each row (r, ...) with the given layers of each
    column (c, ...). Karras et al., 2019, figure 3."""
    mixed = rows[:, None].repeat(1, len(columns), 1, 1)
    mixed[:, :, layers] = columns[None, :, layers]
    return mixed.flatten(0, 1)


def levels(layers: int) -> dict[str, slice]:
    """The coarse, middle and fine layers: up to 8 pixels, up to 32, and above; at most thirds."""
    coarse, middle = min(4, layers // 3), min(8, 2 * layers // 3)
    return {
        "coarse": slice(0, coarse),
        "middle": slice(coarse, middle),
        "fine": slice(middle, layers),
    }


class Directions(NamedTuple):
    """Unit vectors (k, width) of W in the order of their strength (k,)."""

    vectors: Tensor
    strength: Tensor


def factorize(model: HasStyles, layers: slice = slice(None)) -> Directions:
    """Eigenvectors of the matrices that map styles to scales: the directions that change the
    chosen layers most. Neither samples nor labels are used. SeFa: Shen & Zhou, 2021,
    https://arxiv.org/abs/2007.06600"""
    weights = model.style_weights()[layers]
    A = torch.cat([normalize(weight, dim=1) for weight in weights])  # (a, width)
    values, vectors = torch.linalg.eigh(A.T @ A)
    return Directions(vectors.T.flip(0), values.flip(0))


def principal_directions(model: HasStyles, n: int = SAMPLES, seed: int = 0) -> Directions:
    """Principal components of n styles; their strength is the standard deviation.

    GANSpace: Haerkoenen et al., 2020, https://arxiv.org/abs/2004.02546
    """
    w = model.styles(model.prior(n, seed))[:, 0]
    _, std, vectors = torch.linalg.svd(w - w.mean(0), full_matrices=False)
    return Directions(vectors, std / (n - 1) ** 0.5)


def move(w: Tensor, direction: Tensor, steps: int, reach: float, layers: slice) -> Tensor:
    """Move the chosen layers of each style of w (n, layers, width) along a direction (width,):
    (n * steps, layers, width), from -reach to reach."""
    offsets = torch.linspace(-reach, reach, steps).to(w)[:, None, None]
    moved = w[:, None].repeat(1, steps, 1, 1)
    moved[:, :, layers] += offsets * direction
    return moved.flatten(0, 1)


def project_to_styles(
    model: HasStyles, images: Tensor, steps: int = 500, by_layer: bool = False, lr: float = 0.05
) -> Tensor:
    """Find styles (n, layers, width) whose images are near `images` (n, channels, size, size).

    Adam minimizes the squared error of pixels from the mean style, with noise on the styles that
    falls to zero during three quarters of the steps, and a learning rate that rises and falls.
    `by_layer` optimizes the style of each layer (W+) instead of one for all (W). Karras et al.,
    2020, appendix D, https://arxiv.org/abs/1912.04958; Abdal et al., 2019,
    https://arxiv.org/abs/1904.03189
    """
    sampled = model.styles(model.prior(SAMPLES, seed=0))
    layers, spread = sampled.shape[1], float(sampled[:, 0].std(0).square().sum().sqrt())
    start = model.mean_style() + torch.zeros(len(images), layers if by_layer else 1, 1).to(images)
    w = start.clone().requires_grad_()
    adam, generator = Adam([w], lr), torch.Generator().manual_seed(0)
    for step in trange(steps, desc="projection", leave=False, disable=None):
        t = step / steps
        adam.param_groups[0]["lr"] = lr * min(1, t / 0.05 + 1 / steps, (1 - t) / 0.25)
        noise = torch.randn(w.shape, generator=generator).to(w)
        noisy = w + 0.05 * spread / w.shape[2] ** 0.5 * max(0.0, 1 - t / 0.75) ** 2 * noise
        with torch.enable_grad():
            errors = pixel_error(model.synthesize(noisy.expand(-1, layers, -1)), images)
        (w.grad,) = torch.autograd.grad(errors.sum(), w)
        adam.step()
    return w.detach().expand(-1, layers, -1)


def path_length(
    model: HasStyles,
    distance: Callable[[Tensor, Tensor], Tensor],
    n: int,
    seed: int = 0,
    epsilon: float = 1e-4,
    chunk: int = 50,
) -> Iterator[Tensor]:
    """Perceptual path lengths (n,) in W, in chunks: squared distances of the images of styles at t
    and t + epsilon between two latents, divided by epsilon squared.

    `distance` maps two batches of images to squared distances (n,). Karras et al., 2019, section
    4.1, where the distance is LPIPS.
    """
    one, other = (at_least_float32(model.styles(model.prior(n, s))) for s in (seed, seed + 1))
    t = torch.rand(n, 1, 1, generator=torch.Generator().manual_seed(seed)).to(one)
    for a, b, at in zip(one.split(chunk), other.split(chunk), t.split(chunk), strict=True):
        images = (model.synthesize(a.lerp(b, at + step)) for step in (0.0, epsilon))
        yield distance(*images) / epsilon**2
