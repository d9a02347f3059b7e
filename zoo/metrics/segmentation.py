"""How well a label map is found: agreement of two label maps."""

from torch import Tensor
from torchmetrics.functional.classification import multiclass_jaccard_index


def mean_iou(found: Tensor, maps: Tensor, labels: int) -> float:
    """Intersection over union of the pixels of each label in label maps (n, 1, h, w) from 0 to
    labels - 1, averaged over the labels that either has; over all maps at once."""
    return float(multiclass_jaccard_index(found, maps, labels, average="macro"))
