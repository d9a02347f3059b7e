"""Memorization and nearest neighbors."""

import pytest
import torch
from tensors import SIZES, pairwise_distances, randn64, shuffled

from zoo.metrics.memorization import memorization, nearest


@pytest.mark.parametrize("n", [1, *SIZES])
def test_nearest_agrees_with_brute_force(n: int) -> None:
    features, among = randn64(n, 4), randn64(300, 4, seed=1)
    distances, indices = nearest(features, among)
    expected = pairwise_distances(features, among).min(1)
    torch.testing.assert_close(distances, expected.values)
    assert torch.equal(indices, expected.indices)


def test_a_copy_is_at_zero_for_any_origin() -> None:
    train = randn64(400, 64) + 1e8
    distances, indices = nearest(train[100:200], train)
    assert torch.equal(distances, torch.zeros(100, dtype=torch.float64))
    assert torch.equal(indices, torch.arange(100, 200))


def test_memorization_of_copies_and_of_held_out_images() -> None:
    train, held_out = randn64(500, 6), randn64(200, 6, seed=1)
    copies = memorization(train[:90], train, held_out)
    assert (copies.share, copies.samples) == (1, 0)
    independent = memorization(shuffled(held_out), train, held_out)
    assert independent.share == 0.5
    assert independent.samples == independent.held_out > 0
    assert memorization(held_out + 100, train, held_out).share == 0


def test_memorization_in_closed_form() -> None:
    train, held_out = torch.zeros(1, 1), torch.tensor([[1.0], [2.0], [4.0], [5.0]])
    fake = torch.tensor([[0.5], [-2.9], [3.0], [7.0], [8.0]])  # a tie is not nearer
    assert memorization(fake, train, held_out) == pytest.approx((2 / 5, 3, 3))


@pytest.mark.parametrize(("empty", "name"), [(0, "generated"), (1, "training"), (2, "held-out")])
def test_memorization_of_an_empty_side_raises(empty: int, name: str) -> None:
    sides = [randn64(0 if i == empty else 5, 2) for i in range(3)]
    with pytest.raises(ValueError, match=rf"{name} images.*got 0"):
        memorization(*sides)


def test_nearest_of_no_rows() -> None:
    assert [len(result) for result in nearest(randn64(0, 2), randn64(5, 2))] == [0, 0]
    with pytest.raises(ValueError, match=r"images.*got 0"):
        nearest(randn64(5, 2), randn64(0, 2))
