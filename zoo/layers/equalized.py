"""Layers with an equalized learning rate. Karras et al., 2018, section 4.1,
https://arxiv.org/abs/1710.10196

Weights are stored as samples of N(0, 1) and scaled at run time by the constant of He's
initialization, so that Adam changes all layers at the same relative speed.
"""

from torch import Tensor, nn
from torch.nn.functional import conv2d, linear


class EqualizedLinear(nn.Linear):
    """A dense layer, (n, a) to (n, b), whose learning rate is multiplied by `lr_scale`."""

    def __init__(self, a: int, b: int, bias: float = 0.0, lr_scale: float = 1.0) -> None:
        super().__init__(a, b)
        nn.init.normal_(self.weight, std=1 / lr_scale)
        nn.init.constant_(self.bias, bias / lr_scale)
        self.scale, self.lr_scale = lr_scale / a**0.5, lr_scale

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * self.scale, self.bias * self.lr_scale)


class EqualizedConv2d(nn.Conv2d):
    """A convolution with an odd kernel, (n, a, h, w) to (n, b, h, w); padded with zeros unless
    it is strided."""

    def __init__(self, a: int, b: int, kernel: int, stride: int = 1, bias: bool = True) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(a, b, kernel, stride, padding, bias=bias)
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        self.scale = (a * kernel**2) ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight * self.scale, self.bias, self.stride, self.padding)


class PixelNorm(nn.Module):
    """Divide features (n, c, ...) by their root mean square. Karras et al., 2018, section 4.2"""

    def forward(self, x: Tensor) -> Tensor:
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class ScaledLeakyReLU(nn.Module):
    """LeakyReLU(0.2) times the square root of two, which keeps the variance of its inputs."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(x, 0.2) * 2**0.5
