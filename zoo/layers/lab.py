"""The color space CIELAB of sRGB images under the white point D65: lightness, and two colors.

IEC 61966-2-1 (sRGB) and ISO 11664-4 (CIELAB). Lab values are scaled to about [-1, 1], as Isola et
al., 2017 (https://arxiv.org/abs/1611.07004) do: L / 50 - 1, a / 110 and b / 110.
"""

import torch
from torch import Tensor

RGB_TO_XYZ = torch.tensor(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
XYZ_TO_RGB = torch.linalg.inv(RGB_TO_XYZ.double()).float()
WHITE = RGB_TO_XYZ.sum(1)  # so that a gray image has the colors 0
KNEE = 6 / 29  # of the cube root, below which it is a line
SLOPE = 3 * KNEE**2
COLORS = 110.0  # the colors of sRGB lie in [-108, 99]


def rgb_to_lab(images: Tensor) -> Tensor:
    """Images (n, 3, h, w) in [-1, 1] to scaled Lab values (n, 3, h, w)."""
    x = (images + 1) / 2
    linear = torch.where(x > 0.04045, ((x.clamp(min=0) + 0.055) / 1.055) ** 2.4, x / 12.92)
    xyz = mix(RGB_TO_XYZ, linear) / WHITE.to(x)[:, None, None]
    roots = torch.where(xyz > KNEE**3, xyz.clamp(min=KNEE**3) ** (1 / 3), xyz / SLOPE + 4 / 29)
    fx, fy, fz = roots.unbind(1)
    L, a, b = 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
    return torch.stack([L / 50 - 1, a / COLORS, b / COLORS], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Scaled Lab values (n, 3, h, w) to images (n, 3, h, w) in [-1, 1]. Colors that sRGB does not
    have are clipped."""
    L, a, b = lab.unbind(1)
    fy = ((L + 1) * 50 + 16) / 116
    roots = torch.stack([fy + a * COLORS / 500, fy, fy - b * COLORS / 200], dim=1)
    xyz = torch.where(roots > KNEE, roots**3, (roots - 4 / 29) * SLOPE)
    linear = mix(XYZ_TO_RGB, xyz * WHITE.to(xyz)[:, None, None]).clamp(0, 1)
    curve = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return 2 * torch.where(linear > 0.0031308, curve, 12.92 * linear) - 1


def mix(matrix: Tensor, x: Tensor) -> Tensor:
    """Each pixel of x (n, 3, h, w) multiplied by a matrix (3, 3), never in a reduced precision."""
    return (matrix.to(x)[:, :, None, None] * x[:, None]).sum(2)
