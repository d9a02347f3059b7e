"""What codes are good for: classes read from them by a line or by neighbours or found without
labels, and anomalies.

Alain & Bengio, 2016, https://arxiv.org/abs/1610.01644, for the probe.
"""

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
    """Test accuracy in [0, 1] of logistic regression on n random labels, all unless given.

    Codes are (images, latent), labels (images,); codes are standardised by the n that are seen,
    and weights decay as scikit-learn has it (C = 1). Raises ValueError for an n that is not from 1
    to the number of labels, or where the n are all of one class.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    require_features("a linear probe", codes, test_codes)
    codes, labels = labelled(codes, labels, n, seed)
    if len(labels.unique()) < 2:
        raise NotEnough(f"{len(labels)} labels of one class: a probe needs two; give a larger n")
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(codes.cpu().numpy(), labels.cpu().numpy())
    return float(probe.score(test_codes.cpu().numpy(), test_labels.cpu().numpy()))


def nearest_neighbours(
    codes: Tensor,
    labels: Tensor,
    test_codes: Tensor,
    test_labels: Tensor,
    n: int | None = None,
    seed: int = 0,
    k: int = 5,
) -> float:
    """Test accuracy in [0, 1] of the vote of the k nearest of n random codes, all unless given.

    Codes are (images, latent), in Euclidean distance as they are; labels (images,). Raises
    ValueError for an n that is not from k to the number of labels.
    """
    from sklearn.neighbors import KNeighborsClassifier

    require_features("a vote of neighbours", codes, test_codes)
    codes, labels = labelled(codes, labels, n, seed)
    if not 1 <= k <= len(labels):
        raise NotEnough(f"{len(labels)} labels cannot be {k} neighbours: give a larger n")
    vote = KNeighborsClassifier(k).fit(codes.cpu().numpy(), labels.cpu().numpy())
    return float(vote.score(test_codes.cpu().numpy(), test_labels.cpu().numpy()))


def labelled(codes: Tensor, labels: Tensor, n: int | None, seed: int) -> tuple[Tensor, Tensor]:
    """n random codes with their labels: the same for a seed, and more continue the fewer."""
    if n is None:
        return codes, labels
    if not 1 <= n <= len(labels):
        raise ValueError(f"there are {len(labels)} labels, not {n}: give an n from 1 to that")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = order[:n].to(codes.device)
    return codes[chosen], labels[chosen.to(labels.device)]


def clustering_accuracy(found: Tensor, labels: Tensor) -> float:
    """The share in [0, 1] of images in the right category, where each category stands for at most
    one class, as suits them best. Categories and labels (images,), from 0.

    Xie, Girshick & Farhadi, 2016, equation 10, https://arxiv.org/abs/1511.06335
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    require_images("a clustering accuracy", 1, found, labels)
    require_finite("a clustering accuracy", found, labels)
    shared = contingency_matrix(labels.cpu().numpy(), found.cpu().numpy())
    rows, columns = linear_sum_assignment(shared, maximize=True)
    return float(shared[rows, columns].sum() / len(labels))


def anomaly_auroc(scores: Tensor, labels: Tensor, held_out: int) -> float:
    """How often an image of the held-out class scores above one of another: 1/2 is chance.

    Scores (n,) are higher for the stranger; labels (n,). Raises ValueError unless there are images
    both of the held-out class and of others.
    """
    from sklearn.metrics import roc_auc_score

    require_finite("an AUROC", scores)
    strange = labels == held_out
    if not 0 < strange.sum() < len(labels):
        raise NotEnough(
            f"{int(strange.sum())} of {len(labels)} images are of class {held_out}: "
            "an AUROC needs some that are and some that are not"
        )
    return float(roc_auc_score(strange.cpu().numpy(), scores.cpu().numpy()))
