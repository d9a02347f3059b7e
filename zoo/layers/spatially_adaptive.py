"""Spatially adaptive normalization. Park, Liu, Wang & Zhu, 2019, https://arxiv.org/abs/1903.07291"""

from torch import Tensor, nn
from torch.nn.functional import interpolate


class SpatiallyAdaptiveNorm2d(nn.Module):
    """Normalize maps (n, features, h, w) by the statistics of the batch, then scale and shift each
    position by what a label map (n, labels, H, W), one-hot, says of it (equation 1, figure 2)."""

    def __init__(self, features: int, labels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(features, affine=False)
        self.shared = nn.Sequential(nn.Conv2d(labels, hidden, 3, padding=1), nn.ReLU())
        self.scale = nn.Conv2d(hidden, features, 3, padding=1)
        self.shift = nn.Conv2d(hidden, features, 3, padding=1)

    def forward(self, x: Tensor, m: Tensor) -> Tensor:
        h = self.shared(interpolate(m, size=x.shape[2:], mode="nearest"))
        return self.norm(x) * (1 + self.scale(h)) + self.shift(h)
