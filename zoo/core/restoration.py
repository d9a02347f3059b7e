"""What a model that restores images can do: protocols, as those of zoo.core.protocols."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from zoo.core.protocols import SupportsTranslation


@runtime_checkable
class SupportsRestoration(SupportsTranslation, Protocol):
    """Translates degraded images back to images: gray to color, damaged to complete."""

    def degrade(self, x: Tensor) -> Tensor:
        """Images (n, ...) to the inputs that the model restores them from."""


@runtime_checkable
class SupportsInpainting(SupportsRestoration, Protocol):
    """Fills a square hole in the center of an image."""

    def hole_size(self) -> int:
        """The side of the hole in pixels."""


@runtime_checkable
class SupportsUpscaling(SupportsRestoration, Protocol):
    """Enlarges images of any size."""

    def factor(self) -> int:
        """How many times larger outputs are."""


@runtime_checkable
class SupportsColorization(SupportsRestoration, Protocol):
    """Adds colors to gray images."""

    def recolor(self, x: Tensor, colors: Tensor) -> Tensor:
        """Images (n, 3, h, w) with their own lightness, and the colors of others."""
