"""Structural similarity of images. Wang et al., 2004, https://doi.org/10.1109/TIP.2003.819861"""

from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from zoo.checks import check_images
from zoo.errors import BadInput
from zoo.metrics.checks import NotEnough, require_finite

WINDOW = 11  # pixels, a Gaussian with a standard deviation of 1.5


def ssim(images: Tensor, target: Tensor) -> Tensor:
    """Structural similarity (n,), 1 for equal images, averaged over pixels and channels.

    Both arguments are images (n, channels, h, w) in [-1, 1]. Raises BadInput unless both are
    floating-point images of one shape, NotEnough below 11 pixels, and NotFinite.
    """
    for side in (images, target):
        check_images(side, values=False)
    if images.shape != target.shape:
        got = f"{tuple(images.shape)} and {tuple(target.shape)}"
        raise BadInput(f"images must be of one shape on both sides, got {got}. Resize one side")
    if min(images.shape[2:]) < WINDOW:
        raise NotEnough(f"size must be >= {WINDOW} pixels, got {min(images.shape[2:])}")
    require_finite("a structural similarity", images, target)
    found = structural_similarity_index_measure(images, target, data_range=2.0, reduction="none")
    assert isinstance(found, Tensor)
    return found
