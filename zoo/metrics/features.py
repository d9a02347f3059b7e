"""Metrics that are functions of features, as torchmetrics: gathered over batches and ranks."""

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from zoo.metrics.checks import NotEnough
from zoo.metrics.extractors import Extractor

Value = TypeVar("Value", bound=Tensor | tuple[float, float])


class FeatureMetric(Metric, Generic[Value]):
    """`measure(real, fake)` of the features of all images, on whichever rank they were seen: such
    as `frechet_between`, `kernel_distance`, `precision_recall` or `density_coverage`.

    Every rank needs an image on each side. The real side survives `reset`.
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
        """See images (n, channels, h, w) in uint8."""
        (self.real if real else self.fake).append(self.extractor(pixels))

    def forward(self, pixels: Tensor, real: bool) -> Value | None:
        """See images as `update` does; the measure of all that this rank saw so far, none before
        there are images on both sides. A batch of one side has no measure of its own."""
        self.update(pixels, real)
        if not (self.real and self.fake):
            return None
        return self.measure(dim_zero_cat(self.real), dim_zero_cat(self.fake))

    def add_real(self, real: Tensor) -> None:
        """See real images whose features (n, d) are known already."""
        self.real.append(real)

    def compute(self) -> Value:
        """The measure, as it is over all ranks; raises NotEnough for a side without images."""
        for name, side in (("real", self.real), ("generated", self.fake)):
            if isinstance(side, list) and not side:  # after a gathering it is a tensor
                raise NotEnough(f"a measure needs one {name} image or more, not 0")
        return self.measure(dim_zero_cat(self.real), dim_zero_cat(self.fake))

    def reset(self) -> None:
        real = list(self.real)  # which is cleared in place
        super().reset()
        self.real = real
