"""Style-based generators: mapping network, mixing, and layers that styles modulate."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from zoo.layers.equalized import EqualizedLinear, PixelNorm, ScaledLeakyReLU
from zoo.layers.resample import blur

MIXING, DECAY = 0.9, 0.995  # probability of two styles in an image; decay of the mean style


class Mapping(nn.Sequential):
    """Map latents z (n, latent) to styles w (n, latent)."""

    def __init__(self, latent: int, depth: int) -> None:
        dense = partial(EqualizedLinear, latent, latent, lr_scale=0.01)
        super().__init__(
            PixelNorm(), *(nn.Sequential(dense(), ScaledLeakyReLU()) for _ in range(depth))
        )


class StyleGenerator(nn.Module):
    """Map latents z (n, latent) to styles, and styles (n, layers, latent) to images.

    In training mode the styles of two latents are mixed, and `mean_style` follows their mean.
    Karras et al., 2019, section 3.1, https://arxiv.org/abs/1812.04948
    """

    mean_style: Tensor  # (latent,), a moving average

    def __init__(self, latent: int, depth: int, synthesis: nn.Module, layers: int) -> None:
        super().__init__()
        self.mapping, self.synthesis, self.layers = Mapping(latent, depth), synthesis, layers
        self.register_buffer("mean_style", torch.zeros(latent))

    def styles(self, z: Tensor) -> Tensor:
        """Styles (n, layers, latent); in training mode, from a random layer on those of other
        latents, for nine batches of ten."""
        w = self.mapping(z)
        if not self.training:
            return w[:, None].expand(-1, self.layers, -1)
        self.mean_style.lerp_(w.detach().mean(0).to(self.mean_style), 1 - DECAY)
        other = self.mapping(torch.randn_like(z))
        mixed = torch.rand((), device=z.device) < MIXING
        crossover = torch.randint(1, self.layers, (), device=z.device)
        layer = torch.arange(self.layers, device=z.device)
        swap = (mixed & (layer >= crossover))[:, None]
        return torch.where(swap, other[:, None], w[:, None])

    def forward(self, z: Tensor) -> Tensor:
        return self.synthesis(self.styles(z))


class ModulatedConv(nn.Module):
    """Convolve maps (n, a, h, w) with weights that styles w (n, latent) scale: (n, b, h, w), or
    (n, b, 2h, 2w) with `up`.

    The styles scale the inputs and the norm of the scaled weights divides the outputs, which equals
    a convolution with weights of its own for each image. Karras et al., 2020, section 2.2,
    https://arxiv.org/abs/1912.04958
    """

    def __init__(self, a: int, b: int, kernel: int, latent: int, up: bool = False) -> None:
        super().__init__()
        self.style = EqualizedLinear(latent, a, bias=1.0)
        self.weight = nn.Parameter(torch.randn(b, a, kernel, kernel))
        self.scale, self.up = (a * kernel**2) ** -0.5, up

    def forward(self, x: Tensor, w: Tensor, demodulate: bool = True) -> Tensor:
        style, weight = self.style(w), self.weight * self.scale
        x = x * style[:, :, None, None]
        if self.up:
            x = blur(conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1) * 4
        else:
            x = conv2d(x, weight, padding=weight.shape[2] // 2)
        if not demodulate:
            return x
        norm = (style.square() @ weight.square().sum((2, 3)).T + 1e-8).sqrt()
        return x / norm[:, :, None, None]


class StyledLayer(nn.Module):
    """A modulated convolution, noise, bias and nonlinearity. In evaluation mode the noise is fixed,
    so that a latent has one image."""

    noise: Tensor  # (size, size)

    def __init__(self, a: int, b: int, size: int, latent: int, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(a, b, 3, latent, up)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(b, 1, 1))
        self.activation = ScaledLeakyReLU()
        self.register_buffer("noise", torch.randn(size, size))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = self.conv(x, w)
        noise = torch.randn_like(x[:, :1]) if self.training else self.noise
        return self.activation(x + self.strength * noise + self.bias)
