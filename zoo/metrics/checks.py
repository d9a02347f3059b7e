"""Checks of the inputs of metrics: number of images, dtype, shape, finite values."""

from torch import Tensor

from zoo.errors import ZooError
from zoo.text import brief

LARGEST = 1e50  # absolute value of a feature whose sixth power is still a finite float64


class NotEnough(ZooError, ValueError):
    """Too few images, labels or classes for a metric."""


class BadFeatures(ZooError, ValueError):
    """Features with an invalid dtype or shape."""


class NotFinite(ZooError, ValueError):
    """Values that are NaN or infinite."""


def require_finite(metric: str, *sides: Tensor) -> None:
    """Raise NotFinite unless all values from which a metric is computed are finite."""
    for values in sides:
        bad = int((~values.isfinite()).sum())
        if bad:
            raise NotFinite(
                f"values must be finite for {metric}, got {bad} of {values.numel()} that are NaN "
                "or infinite. Check the model and its weights"
            )


def require_features(metric: str, *sides: Tensor) -> None:
    """Raise BadFeatures unless all sides are floating-point features (n, d) of one width and dtype.

    Raises NotFinite for features that are not finite, or above LARGEST in absolute value.
    """
    for rows in sides:
        if not isinstance(rows, Tensor) or not rows.is_floating_point() or rows.ndim != 2:
            got: object = rows
            if isinstance(rows, Tensor):
                got = f"{rows.dtype} of shape {tuple(rows.shape)}"
            raise BadFeatures(
                f"features must be floating-point tensors (n, d) for {metric}, got {brief(got)}. "
                "Extract them from images"
            )
        if rows.dtype != sides[0].dtype or rows.shape[1] != sides[0].shape[1]:
            got = " and ".join(
                f"{side.dtype} of width {side.shape[1]}" for side in (sides[0], rows)
            )
            raise BadFeatures(
                f"features must have one dtype and width for {metric}, got {got}. "
                "Use one extractor for all images"
            )
    require_finite(metric, *sides)
    if any(rows.numel() and float(rows.abs().max()) > LARGEST for rows in sides):
        raise NotFinite(
            f"features must be at most {LARGEST:g} in absolute value for {metric}, got larger "
            "ones. Check the model and its weights"
        )


def require_images(metric: str, least: int, *sides: Tensor) -> None:
    """Raise NotEnough unless each side has `least` rows, one for each image."""
    for rows in sides:
        if len(rows) < least:
            raise NotEnough(
                f"number of images must be >= {least} for {metric}, got {len(rows)}. "
                "Use more images"
            )
