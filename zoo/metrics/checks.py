"""What every metric refuses: too few images, and numbers that are not finite."""

from torch import Tensor

from zoo.errors import ZooError
from zoo.text import brief

LARGEST = 1e50  # of a feature: its sixth power is a float64 too


class NotEnough(ZooError, ValueError):
    """Too few images, or too few kinds of them, for a metric."""


class BadFeatures(ZooError, ValueError):
    """Features of which no metric can be computed: of another type or shape."""


class NotFinite(ZooError, ValueError):
    """Numbers of which no metric may be computed: NaN or infinite."""


def require_finite(metric: str, *sides: Tensor) -> None:
    """Raise NotFinite unless all numbers that a metric is computed from are finite."""
    for values in sides:
        bad = int((~values.isfinite()).sum())
        if bad:
            raise NotFinite(
                f"{metric} needs finite numbers, got {bad} of {values.numel()} that are NaN or "
                "infinite. Check the model and its weights"
            )


def require_features(metric: str, *sides: Tensor) -> None:
    """Raise BadFeatures unless all sides are floating-point features (n, d) of one width and type;
    NotFinite for features that are not finite, or so large that their powers are not."""
    for rows in sides:
        if not isinstance(rows, Tensor) or not rows.is_floating_point() or rows.ndim != 2:
            found = (
                f"{rows.dtype} of shape {tuple(rows.shape)}" if isinstance(rows, Tensor) else rows
            )
            raise BadFeatures(
                f"{metric} needs floating-point features (n, d), got {brief(found)}. Extract them"
            )
        if rows.dtype != sides[0].dtype or rows.shape[1] != sides[0].shape[1]:
            found = " and ".join(
                f"{side.dtype} of width {side.shape[1]}" for side in (sides[0], rows)
            )
            raise BadFeatures(f"{metric} needs features of one type and width, got {found}")
    require_finite(metric, *sides)
    if any(rows.numel() and float(rows.abs().max()) > LARGEST for rows in sides):
        raise NotFinite(f"{metric} needs features up to {LARGEST:g}, got larger ones")


def require_images(metric: str, least: int, *sides: Tensor) -> None:
    """Raise NotEnough unless there are `least` rows on each side, each of an image."""
    for rows in sides:
        if len(rows) < least:
            words = {1: "one image", 2: "two images"}.get(least, f"{least} images")
            raise NotEnough(f"{metric} needs {words} or more on each side, not {len(rows)}")
