"""Scores of series: what a network can tell, and what nothing can predict."""

import pytest
import torch
from torch import Tensor

from zoo.data import Sines
from zoo.errors import ZooError
from zoo.evaluation.estimate import expected_seconds
from zoo.evaluation.records import PROTOCOLS
from zoo.metrics.series import discriminative_score, predictive_score
from zoo.vaes import RecurrentVAE


def walks(n: int, seed: int, offset: float = 0.0) -> Tensor:
    """Series (n, 6, 2) of noise around 0.5; the second column is the first of the step before."""
    own = torch.Generator().manual_seed(seed)
    x = 0.5 + 0.1 * torch.randn(n, 7, generator=own)
    return torch.stack([x[:, 1:], x[:, :-1]], 2) + offset


def test_a_judge_cannot_tell_equal_distributions() -> None:
    assert discriminative_score(walks(2000, 0), walks(2000, 1), 100, 8) < 0.05


def test_a_judge_tells_a_shift() -> None:
    found = discriminative_score(walks(500, 0), walks(500, 1, offset=0.5), 300, 8)
    assert found == pytest.approx(0.5)
    assert found == discriminative_score(walks(500, 0), walks(500, 1, offset=0.5), 300, 8)


def test_what_follows_is_predicted_where_it_can_be() -> None:
    """The second column repeats the first one, which follows nothing: |x| of N(0, 0.1^2) is 0.08
    on average."""
    train, test = walks(2000, 0), walks(500, 1)
    learned = predictive_score(train, test, 1500)
    swapped = predictive_score(train.flip(2), test.flip(2), 1500)
    assert learned < 0.5 * swapped
    assert swapped == pytest.approx(0.08, abs=0.01)
    assert predictive_score(train[..., :1], test[..., :1], 300) == pytest.approx(0.08, abs=0.02)


def test_scores_need_numbers() -> None:
    with pytest.raises(ZooError, match="discriminative"):
        discriminative_score(walks(1, 0), walks(2, 0), 1, 1)
    with pytest.raises(ZooError, match="predictive"):
        predictive_score(walks(5, 0, offset=torch.nan), walks(5, 0), 1)


def test_the_duration_of_scores_is_estimated() -> None:
    """More steps of the networks take longer."""
    data = Sines()
    model = RecurrentVAE(24, data.modality.ranges, width=4)
    protocol = PROTOCOLS["full"]
    few, many = (
        expected_seconds(model, data, protocol._replace(images=images)) for images in (100, 10_000)
    )
    assert 0 < few < many
