"""Metrics of features as torchmetrics, accumulated over batches and ranks."""

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from zoo.metrics.checks import NotEnough
from zoo.metrics.extractors import Extractor

Value = TypeVar("Value", bound=Tensor | tuple[float, float])


class FeatureMetric(Metric, Generic[Value]):
    """`measure(real, fake)` of the features of all images of all ranks.

    `measure` is, for example, `frechet_between`, `kernel_distance`, `precision_recall` or
    `density_coverage`. Every rank needs at least one real and one fake image. `reset` keeps the
    real features.
    """

    full_state_update = False
    real: list[Tensor]
    fake: list[Tensor]

    def __init__(self, extractor: Extractor, measure: Callable[[Tensor, Tensor], Value]) -> None:
        super().__init__()
        self.extractor, self.measure = extractor, measure
        self.add_state("real", [], dist_reduce_fx="cat")
        self.add_state("fake", [], dist_reduce_fx="cat")

    def update(self, pixels: Tensor, real: bool) -> None:
        """Add images (n, channels, h, w) in uint8 to the real or the fake side."""
        (self.real if real else self.fake).append(self.extractor(pixels))

    def forward(self, pixels: Tensor, real: bool) -> Value | None:
        """Add images as `update` does; return the measure of all images of this rank so far.

        The result is None before both sides have images. A batch has one side only, and so no
        measure of its own.
        """
        self.update(pixels, real)
        if not (self.real and self.fake):
            return None
        return self.measure(dim_zero_cat(self.real), dim_zero_cat(self.fake))

    def add_real(self, real: Tensor) -> None:
        """Add precomputed features (n, d) to the real side."""
        self.real.append(real)

    def compute(self) -> Value:
        """Measure of the images of all ranks; raises NotEnough if a side has no images."""
        for name, side in (("real", self.real), ("generated", self.fake)):
            if isinstance(side, list) and not side:  # synchronization replaces lists by tensors
                raise NotEnough(f"number of {name} images must be >= 1, got 0. Call update first")
        return self.measure(dim_zero_cat(self.real), dim_zero_cat(self.fake))

    def reset(self) -> None:
        """Remove the fake features, and keep the real ones."""
        real = list(self.real)  # a copy, because torchmetrics clears the list in place
        super().reset()
        self.real = real
