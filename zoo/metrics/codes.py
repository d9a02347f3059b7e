"""Metrics of codes: linear probe, nearest neighbors, clustering accuracy, anomaly detection."""

import torch
from torch import Tensor

from zoo.metrics.checks import NotEnough, require_features, require_finite, require_images


def linear_probe(
    codes: Tensor,
    labels: Tensor,
    test_codes: Tensor,
    test_labels: Tensor,
    n: int | None = None,
    seed: int = 0,
) -> float:
    """Test accuracy in [0, 1] of logistic regression on n random labels, or on all if n is None.

    Codes are (images, latent), labels (images,). Codes are standardized by the n training codes;
    the weight decay is scikit-learn's default (C = 1). Alain & Bengio, 2016,
    https://arxiv.org/abs/1610.01644. Raises ValueError unless n is from 1 to the number of labels,
    NotEnough if the n labels are of one class, and BadFeatures or NotFinite for invalid codes.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    require_features("a linear probe", codes, test_codes)
    codes, labels = select_labeled(codes, labels, n, seed)
    if len(labels.unique()) < 2:
        raise NotEnough(
            f"number of classes must be >= 2 for a linear probe, got 1 class in {len(labels)} "
            "labels. Set a larger n"
        )
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(codes.cpu().numpy(), labels.cpu().numpy())
    return float(probe.score(test_codes.cpu().numpy(), test_labels.cpu().numpy()))


def nearest_neighbors(
    codes: Tensor,
    labels: Tensor,
    test_codes: Tensor,
    test_labels: Tensor,
    n: int | None = None,
    seed: int = 0,
    k: int = 5,
) -> float:
    """Test accuracy in [0, 1] of k-nearest neighbors among n random codes, or all if n is None.

    Codes are (images, latent), with Euclidean distances and without standardization; labels
    (images,). Raises ValueError unless n is from 1 to the number of labels, NotEnough unless k is
    from 1 to n, and BadFeatures or NotFinite for invalid codes.
    """
    from sklearn.neighbors import KNeighborsClassifier

    require_features("nearest neighbors", codes, test_codes)
    codes, labels = select_labeled(codes, labels, n, seed)
    if not 1 <= k <= len(labels):
        raise NotEnough(f"k must be from 1 to {len(labels)}, got {k}. Use more labels")
    classifier = KNeighborsClassifier(k).fit(codes.cpu().numpy(), labels.cpu().numpy())
    return float(classifier.score(test_codes.cpu().numpy(), test_labels.cpu().numpy()))


def select_labeled(
    codes: Tensor, labels: Tensor, n: int | None, seed: int
) -> tuple[Tensor, Tensor]:
    """Select n random codes with their labels; a larger n extends the choice of a smaller n.

    Raises ValueError unless n is None or from 1 to the number of labels.
    """
    if n is None:
        return codes, labels
    if not 1 <= n <= len(labels):
        raise ValueError(f"n must be from 1 to {len(labels)}, the number of labels, got {n}")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    selected = order[:n].to(codes.device)
    return codes[selected], labels[selected.to(labels.device)]


def clustering_accuracy(categories: Tensor, labels: Tensor) -> float:
    """Clustering accuracy in [0, 1] under the best one-to-one assignment of categories to classes.

    Categories and labels are (images,), from 0. Xie, Girshick & Farhadi, 2016, equation 10,
    https://arxiv.org/abs/1511.06335. Raises NotEnough for no images, and NotFinite.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    require_images("a clustering accuracy", 1, categories, labels)
    require_finite("a clustering accuracy", categories, labels)
    counts = contingency_matrix(labels.cpu().numpy(), categories.cpu().numpy())
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / len(labels))


def anomaly_auroc(scores: Tensor, labels: Tensor, held_out: int) -> float:
    """AUROC in [0, 1] of detecting the images of the held-out class: 1/2 is chance.

    Scores (n,) are higher for more anomalous images; labels (n,). Raises NotEnough unless there are
    images both of the held-out class and of others, and NotFinite.
    """
    from sklearn.metrics import roc_auc_score

    require_finite("an AUROC", scores)
    anomalous = labels == held_out
    if not 0 < anomalous.sum() < len(labels):
        raise NotEnough(
            f"number of images of class {held_out} must be from 1 to {len(labels) - 1} for an "
            f"AUROC, got {int(anomalous.sum())} of {len(labels)}. Use images of several classes"
        )
    return float(roc_auc_score(anomalous.cpu().numpy(), scores.cpu().numpy()))
