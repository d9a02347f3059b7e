"""What every metric refuses: too few images, and numbers that are not finite."""

from torch import Tensor

from zoo.errors import ZooError


class NotEnough(ZooError, ValueError):
    """Too few images, or too few kinds of them, for a metric."""


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


def require_images(metric: str, least: int, *sides: Tensor) -> None:
    """Raise NotEnough unless there are `least` rows on each side, each of an image."""
    for rows in sides:
        if len(rows) < least:
            words = {1: "one image", 2: "two images"}.get(least, f"{least} images")
            raise NotEnough(f"{metric} needs {words} or more on each side, not {len(rows)}")
