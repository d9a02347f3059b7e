"""Layers that styles modulate. Karras et al., 2020, section 2.2,
https://arxiv.org/abs/1912.04958
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from zoo.layers.equalized import EqualizedLinear, ScaledLeakyReLU
from zoo.layers.resample import blur


class ModulatedConv(nn.Module):
    """Convolve maps (n, a, h, w) with weights that styles w (n, latent) scale: (n, b, h, w), or
    (n, b, 2h, 2w) with `up`.

    The styles scale the inputs and the norm of the scaled weights divides the outputs, which equals
    a convolution with weights of its own for each image (section 2.2).
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
