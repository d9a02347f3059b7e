"""The colorfulness of images. Hasler & Süsstrunk, 2003, https://doi.org/10.1117/12.477378"""

import torch
from torch import Tensor

from zoo.checks import check_images
from zoo.errors import BadInput
from zoo.metrics.checks import require_finite


def colorfulness(images: Tensor) -> Tensor:
    """The measure M3 (n,) of images (n, 3, h, w) in [-1, 1]: 0 for a gray image, above 82 for an
    "extremely colorful" one.

    The standard deviation of two differences of colors, in gray levels from 0 to 255, plus 0.3
    times the length of their mean. Raises BadInput for images without three channels, NotFinite.
    """
    check_images(images, values=False)
    if images.shape[1] != 3:
        raise BadInput(f"images must have 3 channels, got {images.shape[1]}. Convert them to RGB")
    require_finite("a colorfulness", images)
    red, green, blue = ((images.double() + 1) * 127.5).flatten(2).unbind(1)
    differences = torch.stack([red - green, (red + green) / 2 - blue])  # (2, n, h * w)
    variance, mean = differences.var(2, correction=0), differences.mean(2)
    return variance.sum(0).sqrt() + 0.3 * mean.square().sum(0).sqrt()
