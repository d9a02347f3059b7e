"""Minibatch layers and the replay pool."""

import pytest
import torch

from zoo.layers.minibatch import MinibatchDiscrimination, MinibatchStdDev, ReplayPool


def test_replay_pool_returns_half_earlier_fakes() -> None:
    torch.manual_seed(0)
    pool = ReplayPool((1,), size=10)
    first = torch.arange(10.0)[:, None]
    assert torch.equal(pool(first), first)
    batches = torch.arange(10.0, 1010)[:, None].split(10)
    earlier = sum(int((pool(fakes) != fakes).sum()) for fakes in batches)
    assert earlier / 1000 == pytest.approx(0.5, abs=0.06)
    loaded = ReplayPool((1,), size=10)
    loaded.load_state_dict(pool.state_dict())
    assert torch.equal(loaded.kept, pool.kept)
    assert int(loaded.filled) == 10


def test_the_deviation_within_groups() -> None:
    """Image i is in group i mod (n / group); a group that does not divide n shrinks."""
    x = torch.randn(8, 3, 2, 2)
    appended = MinibatchStdDev(group=4)(x)[:, 3, 0, 0]
    for i in range(8):
        expected = x[i % 2 :: 2].std(0, unbiased=False).mean()
        assert appended[i].allclose(expected, atol=1e-5)
    assert MinibatchStdDev(group=4)(x[:6]).shape == (6, 4, 2, 2)


def test_minibatch_layers_equal_loops() -> None:
    x = torch.randn(6, 3, 4, 4)
    appended = MinibatchStdDev()(x)[:, 3]
    assert appended.allclose(x.std(0, unbiased=False).mean(), atol=1e-5)
    assert MinibatchStdDev()(x[:1].expand(6, -1, -1, -1))[:, 3].abs().max() < 1e-3
    layer, features = MinibatchDiscrimination(5, 2, 3), torch.randn(4, 5)
    rows = torch.stack([features @ layer.maps[:, b] for b in range(2)], 1)
    for i in range(4):
        similar = sum((-(rows[i] - rows[j]).abs().sum(1)).exp() for j in range(4) if j != i)
        assert torch.allclose(layer(features)[i, 5:], similar, atol=1e-5)
