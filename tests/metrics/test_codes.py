"""Metrics of codes: probes, neighbors, clusters, anomalies."""

from collections.abc import Callable

import pytest
import torch
from tensors import pairwise_distances, randn64
from torch import Tensor

from zoo.metrics.codes import anomaly_auroc, clustering_accuracy, linear_probe, nearest_neighbors


def blobs(n: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Codes (n, 4) around one center for each class; an uninformative latent is much larger."""
    labels = torch.arange(n) % classes
    codes = 0.1 * randn64(n, 4, seed=seed)
    codes[:, 0] += labels
    codes[:, 3] *= 1e4
    return codes, labels


def test_a_linear_probe_separates_linear_classes() -> None:
    train, test = blobs(200, 2, seed=0), blobs(100, 2, seed=1)
    assert linear_probe(*train, *test) == 1
    assert linear_probe(*train, *test, n=20) > 0.9
    assert linear_probe(*train, test[0], 1 - test[1]) == 0


def test_a_linear_probe_is_invariant_to_the_scale_of_codes() -> None:
    (codes, labels), (others, expected) = blobs(60, 2, seed=0), blobs(200, 2, seed=1)
    units = torch.tensor([1e-4, 1.0, 10.0, 1e3])
    train, test = (
        0.5 * randn64(n, 4, seed=seed) + x[:, :1]
        for n, seed, x in ((60, 2, codes), (200, 3, others))
    )
    accuracy = linear_probe(train, labels, test, expected)
    assert 0.9 < accuracy < 1
    assert linear_probe(train * units + 5, labels, test * units + 5, expected) == accuracy


def test_nearest_neighbors_agree_with_votes() -> None:
    (codes, labels), (others, expected) = blobs(200, 4, seed=0), blobs(101, 4, seed=1)
    train, test = codes[:, :3], others[:, :3]
    assert nearest_neighbors(train, labels, test, expected) == 1
    neighbors = pairwise_distances(test[:, :1], train[:, :1]).topk(7, largest=False).indices
    accuracy = (labels[neighbors].mode(1).values == expected).double().mean().item()
    assert nearest_neighbors(train[:, :1], labels, test[:, :1], expected, k=7) == accuracy


@pytest.mark.parametrize("measure", [linear_probe, nearest_neighbors])
def test_random_codes_give_chance_accuracy(measure: Callable[..., float]) -> None:
    train, test = blobs(400, 2, seed=0), blobs(400, 2, seed=1)
    noise = randn64(400, 4, seed=2), randn64(400, 4, seed=3)
    assert measure(noise[0], train[1], noise[1], test[1]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("measure", [linear_probe, nearest_neighbors])
def test_a_seed_selects_the_labels(measure: Callable[..., float]) -> None:
    codes, labels = randn64(300, 4), torch.arange(300) % 2
    codes[:, 0] += labels
    others = codes + 0.5 * randn64(300, 4, seed=1)
    values = [measure(codes, labels, others, labels, n=12, seed=seed) for seed in (0, 0, 1, 2, 3)]
    assert values[0] == values[1]
    assert len(set(values)) > 1
    with_all = measure(codes, labels, others, labels, n=300)
    assert with_all == pytest.approx(measure(codes, labels, others, labels), abs=0.01)
    for n in (0, 301):
        with pytest.raises(ValueError, match=rf"n .*300.*got {n}"):
            measure(codes, labels, others, labels, n=n)


def test_too_few_classes_or_labels_raise() -> None:
    codes, labels = blobs(20, 2, seed=0)
    with pytest.raises(ValueError, match=r"classes.*got 1"):
        linear_probe(codes, torch.zeros(20), codes, labels)
    with pytest.raises(ValueError, match=r"k .*4, got 5"):
        nearest_neighbors(codes, labels, codes, labels, n=4)


def test_auroc_is_the_frequency_of_higher_scores() -> None:
    scores, labels = randn64(60), torch.arange(60) % 3
    anomalous, normal = scores[labels == 2], scores[labels != 2]
    expected = (anomalous[:, None] > normal).double().mean().item()
    assert anomaly_auroc(scores, labels, held_out=2) == pytest.approx(expected)
    assert anomaly_auroc(-scores, labels, held_out=2) == pytest.approx(1 - expected)
    assert anomaly_auroc((labels == 2).float(), labels, held_out=2) == 1
    assert anomaly_auroc(torch.zeros(60), labels, held_out=2) == 0.5


@pytest.mark.parametrize(("held_out", "count"), [(7, 0), (1, 4)])
def test_auroc_of_one_class_raises(held_out: int, count: int) -> None:
    with pytest.raises(ValueError, match=rf"class {held_out} .*got {count} of 4"):
        anomaly_auroc(torch.zeros(4), torch.ones(4, dtype=torch.long), held_out)


def test_categories_are_assigned_to_classes_one_to_one() -> None:
    """The numbering does not matter; only one of two categories of a class counts."""
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    assert clustering_accuracy(torch.tensor([2, 2, 0, 0, 1, 1]), labels) == 1
    assert clustering_accuracy(torch.tensor([3, 0, 1, 1, 2, 2]), labels) == 5 / 6
    assert clustering_accuracy(torch.zeros(6, dtype=torch.long), labels) == 2 / 6
