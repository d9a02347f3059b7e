"""What a model of label maps can do: protocols, as those of zoo.core.protocols."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from zoo.core.protocols import SupportsTranslation


@runtime_checkable
class SupportsSegmentation(Protocol):
    """Finds the label of each pixel."""

    def segment(self, x: Tensor) -> Tensor:
        """Images (n, channels, h, w) in [-1, 1] to label maps (n, 1, h, w) in int64."""


@runtime_checkable
class SupportsStyle(SupportsTranslation, Protocol):
    """Translates to outputs in the style of other images."""

    def translate_like(self, x: Tensor, images: Tensor) -> Tensor:
        """Inputs (n, ...) to outputs (n, ...) in the style of one image for each, (n, ...), or of
        one for all, (1, ...)."""
