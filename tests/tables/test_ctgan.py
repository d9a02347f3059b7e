"""CTGAN: conditions by their counts, rows by their conditions, and a step that equals a loop."""

from pathlib import Path

import pytest
import torch
from loops import assert_same, descend, one_thread
from test_tvae import COLUMNS, fit_rows, rows
from torch import Tensor
from torch.nn.functional import cross_entropy, gumbel_softmax
from torch.optim import Adam

import zoo
from zoo.data.arrays import every_tenth
from zoo.errors import BadRecipe
from zoo.layers.mode_normalization import MODES, Columns, features
from zoo.metrics.tables import column_shapes
from zoo.tables import CTGAN
from zoo.tables.ctgan import Conditions

__all__ = ["one_thread"]  # for every test of this file too
TWO: Columns = {"x": "number", "a": ["u", "v"], "b": ["p", "q", "r"]}


def conditions(*counts: int) -> Conditions:
    found = Conditions(TWO)
    found.counts.copy_(torch.tensor(counts))
    return found


def test_categories_are_counted() -> None:
    found = Conditions(TWO)
    found.fit(torch.tensor([[0.5, 0, 2], [0.1, 0, 2], [0.2, 1, 0]]).double())
    assert found.counts.tolist() == [2, 1, 1, 0, 2]


@pytest.mark.parametrize(
    ("balanced", "share"), [(False, 0.9), (True, 6.803505 / (6.803505 + 4.615121))]
)
def test_rare_categories_are_sampled_by_the_logarithm(balanced: bool, share: float) -> None:
    """Counts 900 and 100 have the shares of 900 and 100, or of log 901 and log 101."""
    own = torch.Generator().manual_seed(0)
    found = conditions(900, 100, 5, 0, 5)
    column, category = found.sample(20_000, balanced, own)
    assert float(column.double().mean()) == pytest.approx(0.5, abs=0.02)
    assert float((category[column == 0] == 0).double().mean()) == pytest.approx(share, abs=0.02)
    assert set(category[column == 1].tolist()) == {0, 2}  # no row has the other category


def test_a_condition_is_a_one_hot_vector() -> None:
    found = conditions(1, 1, 1, 1, 1).vectors(torch.tensor([0, 1]), torch.tensor([1, 2]))
    assert found.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]


def test_real_rows_have_the_categories_of_their_conditions() -> None:
    own = torch.Generator().manual_seed(0)
    table = torch.stack([torch.randint(k, (60,), generator=own) for k in (9, 2, 3)], 1).double()
    model = CTGAN(TWO, latent=4, width=8, pac=3)
    model.training_rows = lambda: table  # type: ignore[method-assign]
    model.collect_rows()
    column, category = model.conditions.sample(200, True, own)
    found = model.real_rows(column, category)
    assert torch.equal(found[torch.arange(200), column + 1].long(), category)
    assert len(found.unique(dim=0)) > 20


def toy(columns: Columns | None = None) -> CTGAN:
    torch.manual_seed(0)
    return CTGAN(columns, latent=4, width=8, pac=3, lr=1e-2)


def penalty(critic: torch.nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    x = real.lerp(fake, torch.rand(len(real), 1)).requires_grad_()
    (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return 10 * (grad.norm(dim=1) - 1).square().mean()


def xu_2019(model: CTGAN, data: Tensor) -> None:
    """WGAN-GP on packs of three rows of 90, conditioned on the one column of categories."""
    D, G, normal = model.critic, model.generator, model.normalization
    of_d = Adam(D.parameters(), 1e-2, (0.5, 0.9), fused=True)
    of_g = Adam(G.parameters(), 1e-2, (0.5, 0.9), weight_decay=1e-6, fused=True)

    def fakes(c: Tensor) -> tuple[Tensor, list[Tensor]]:
        distances, logits = G(torch.cat([torch.randn(90, 4), c], 1))
        logits = [l.masked_fill(~normal.possible(i), -1e9) for i, l in enumerate(logits)]  # noqa: E741
        return torch.cat([distances, *(gumbel_softmax(l, 0.2) for l in logits)], 1), logits  # noqa: E741

    for _ in range(3):
        column, category = model.conditions.sample(90, True)
        c = torch.eye(3)[category]
        groups = [(data[:, 2] == k).nonzero().flatten() for k in range(3)]
        chosen = (torch.rand(90) * torch.tensor([len(groups[k]) for k in category])).long()
        x = data[[groups[k][i] for k, i in zip(category, chosen, strict=True)]]
        real = torch.cat([features(normal.encode(x), [MODES, MODES + 1, 3]), c], 1).view(30, -1)
        fake = torch.cat([fakes(c)[0].detach(), c], 1).view(30, -1)
        gp = penalty(D, real, fake)
        on_real, on_fake = D(real), D(fake)
        descend(of_d, on_fake.mean() - on_real.mean() + gp)
        column, category = model.conditions.sample(90, True)
        c = torch.eye(3)[category]
        fake, logits = fakes(c)
        D.requires_grad_(False)
        loss = -D(torch.cat([fake, c], 1).view(30, -1)).mean()
        descend(of_g, loss + cross_entropy(logits[2], category, reduction="sum") / 90)
        D.requires_grad_(True)
        assert not column.any()


def test_a_step_is_the_algorithm_of_the_paper() -> None:
    data = rows()[every_tenth(300, "train")]
    plain, model = toy(COLUMNS), toy(COLUMNS)
    plain.normalization.fit(data)
    plain.conditions.fit(data)
    fit_rows(model, seed=3)
    torch.manual_seed(3)
    xu_2019(plain, data)
    assert_same(plain.state_dict(), model.state_dict())


def test_samples_are_rows_of_the_table(tmp_path: Path) -> None:
    model = toy()
    fit_rows(model, 100, seed=3)
    fake = model.sample(400, seed=0)
    assert fake.shape == (400, 3)
    assert set(fake[:, 2].tolist()) <= {0, 1, 2}
    assert sum(column_shapes(COLUMNS, rows(), fake).values()) / 3 > 0.6
    zoo.save(model, tmp_path / "a.safetensors")
    again = zoo.load(tmp_path / "a.safetensors")
    assert torch.allclose(again.sample(20, seed=1), model.sample(20, seed=1), equal_nan=True)
    assert len(model.sample(0, seed=0)) == 0


def test_a_table_of_numbers_is_refused() -> None:
    with pytest.raises(BadRecipe, match="categories"):
        CTGAN({"x": "number"})


def test_batches_are_whole_packs() -> None:
    with pytest.raises(BadRecipe, match="multiple of pac"):
        toy(COLUMNS).check_batch(20)
