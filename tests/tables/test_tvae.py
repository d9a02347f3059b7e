"""TVAE and mode-specific normalization, by closed forms and a plain loop."""

import math
from pathlib import Path

import pytest
import torch
from lightning import Trainer
from loops import assert_same, descend, one_thread
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from torch.utils.data import DataLoader

import zoo
from zoo.core.modality import Table
from zoo.core.table_models import TableModel
from zoo.data import Digits
from zoo.data.arrays import DatasetInfo, Examples, Split, every_tenth
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe
from zoo.layers.mode_normalization import MODES, Columns, ModeNormalization, features
from zoo.metrics.tables import closest_records, column_shapes, efficacy, pair_trends
from zoo.tables import TVAE

__all__ = ["one_thread"]  # for every test of this file too
COLUMNS: Columns = {"x": "number", "n": "integer?", "c": ["a", "b", "rare"]}


def rows(n: int = 300) -> Tensor:
    """Two modes of x; an integer that is sometimes missing; a category that depends on x."""
    own = torch.Generator().manual_seed(0)
    mode = torch.rand(n, generator=own) < 0.3
    x = torch.where(mode, 5.0, -20.0) + torch.randn(n, generator=own)
    count = torch.randint(0, 40, (n,), generator=own).double()
    count[::9] = torch.nan
    category = mode.double()
    category[::50] = 2
    return torch.stack([x.double(), count, category], 1)


class Rows(ZooDataModule):
    """The rows above, in their order."""

    source = DatasetInfo("Rows", "not published", "CC0-1.0", "Apache-2.0")
    modality = Table(COLUMNS)

    def read(self, split: Split) -> Examples:
        kept = every_tenth(300, split)
        return Examples(rows()[kept], torch.empty(len(kept), 0))

    def to_model(self, x: Tensor) -> Tensor:
        return x

    def train_dataloader(self):  # type: ignore[no-untyped-def]
        return self.in_order(self.slices("train"), drop_last=True)


def fit_rows(model: TableModel, epochs: int = 1, seed: int | None = None) -> None:
    """Train on the rows, from a seed that is set once the mixtures are fitted."""
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    original = model.on_fit_start

    def start() -> None:
        original()
        if seed is not None:
            torch.manual_seed(seed)

    model.on_fit_start = start  # type: ignore[method-assign]
    trainer.fit(model, datamodule=Rows(batch_size=90))


def trained(epochs: int = 1, columns: Columns | None = None) -> TVAE:
    torch.manual_seed(0)
    model = TVAE(columns, latent=4, width=8, lr=1e-2)
    fit_rows(model, epochs)
    return model


def test_modes_are_those_of_the_data() -> None:
    """Modes lie within the two groups of x, with the shares of these groups."""
    normal = ModeNormalization(COLUMNS)
    normal.fit(rows(3000))
    means, weights = normal.means[0], normal.weights[0]
    high, low = ((means - center).abs() < 4 for center in (5.0, -20.0))
    assert bool((high | low | (weights == 0)).all())
    assert float(weights[high].sum()) == pytest.approx(0.3, abs=0.05)
    assert float(weights[low].sum()) == pytest.approx(0.7, abs=0.05)


def test_a_frequent_value_has_a_narrow_mode() -> None:
    """Nine of ten rows are 0, the others up to 100,000, as capital gains are."""
    x = torch.zeros(2000, 1, dtype=torch.float64)
    x[::10, 0] = torch.linspace(1000, 100_000, 200, dtype=torch.float64)
    normal = ModeNormalization({"x": "integer"})
    normal.fit(x)
    mode = normal.encode(torch.zeros(1, 1, dtype=torch.float64)).indices[0]
    assert float(normal.stds[0, mode]) < 0.01 * float(x.std())


def test_decoding_inverts_encoding() -> None:
    x = rows()
    normal = ModeNormalization(COLUMNS)
    normal.fit(x)
    found = normal.decode(normal.encode(x))
    assert torch.equal(found.isnan(), x.isnan())
    error = (found - x).nan_to_num().abs()
    assert error[:, 1:].max() == 0  # integers and categories
    assert (error[:, 0] < 1e-6).double().mean() > 0.98  # beyond four deviations they are cut


def test_a_number_is_at_a_quarter_of_its_deviations() -> None:
    """Section 4.2: alpha = (c - eta) / (4 phi)."""
    normal = ModeNormalization({"x": "number"})
    normal.means[0, 3], normal.stds[0, 3], normal.weights[0, 3] = 10.0, 2.0, 1.0
    normal.limits[0] = torch.tensor([0.0, 30.0])
    found = normal.encode(torch.tensor([[14.0], [10.0], [100.0]]).double())
    assert found.distances[:, 0].tolist() == [0.5, 0.0, 1.0]
    assert found.indices[0].tolist() == [3, 3, 3]
    assert normal.decode(found)[:, 0].tolist() == [14.0, 10.0, 18.0]


@pytest.mark.parametrize("value", [0.0, 7.0, -1e12])
def test_a_constant_stays_constant(value: float) -> None:
    normal = ModeNormalization({"x": "integer"})
    x = torch.full((50, 1), value, dtype=torch.float64)
    normal.fit(x)
    assert torch.equal(normal.decode(normal.encode(x)), x)


def test_a_missing_number_is_a_mode_of_its_own() -> None:
    normal = ModeNormalization(COLUMNS)
    normal.fit(rows())
    encoded = normal.encode(rows())
    missing = rows()[:, 1].isnan()
    assert torch.equal(encoded.indices[1] == MODES, missing)
    assert not encoded.distances[missing, 1].any()


def xu_2019(model: TVAE) -> None:
    """Gradient descent on the evidence lower bound, with twice the likelihood."""
    adam = Adam(model.parameters(), lr=1e-2, weight_decay=1e-5, fused=True)
    normal, encoder, decoder = model.normalization, model.encoder, model.decoder
    for x in rows()[every_tenth(300, "train")].split(90):
        row = normal.encode(x)
        q = encoder(features(row, [MODES, MODES + 1, 3]))
        z = q.mean + torch.empty(90, 4).normal_() * q.stddev
        heads = decoder.head(decoder.body(z))
        mean, std = heads[:, :2].tanh(), decoder.std.clamp(0.01, 1)
        known = ~torch.stack([torch.zeros(90).bool(), x[:, 1].isnan()], 1)
        distance = row.distances.float()
        normals = -((distance - mean) ** 2) / (2 * std**2) - std.log()
        normals = normals - math.log(math.sqrt(2 * math.pi))
        likelihood = (normals * known).sum(1)
        of_columns = heads[:, 2:].split([MODES, MODES + 1, 3], dim=1)
        likelihood = likelihood + sum(
            -cross_entropy(of_one, index, reduction="none")
            for of_one, index in zip(of_columns, row.indices, strict=True)
        )
        divergence = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
        descend(adam, divergence.sum(1).mean() - 2 * likelihood.mean())


def test_step_is_the_bound_of_the_paper() -> None:
    torch.manual_seed(0)
    plain = TVAE(COLUMNS, latent=4, width=8, lr=1e-2)
    torch.manual_seed(0)
    model = TVAE(latent=4, width=8, lr=1e-2)
    plain.normalization.fit(rows()[every_tenth(300, "train")])
    fit_rows(model, seed=3)
    torch.manual_seed(3)
    xu_2019(plain)
    assert_same(plain.state_dict(), model.state_dict())


def test_training_takes_the_columns_of_the_data(tmp_path: Path) -> None:
    model = trained()
    assert dict(model.hparams["columns"]) == COLUMNS
    zoo.save(model, tmp_path / "a.safetensors")
    again = zoo.load(tmp_path / "a.safetensors")
    assert dict(again.hparams["columns"]) == COLUMNS
    assert torch.allclose(again.sample(20, seed=1), model.sample(20, seed=1), equal_nan=True)


def test_samples_are_rows_of_the_table() -> None:
    model, real = trained(60), rows()
    fake = model.sample(400, seed=0)
    assert fake.shape == (400, 3)
    assert set(fake[:, 2].tolist()) <= {0, 1, 2}
    known = fake[:, 1][~fake[:, 1].isnan()]
    assert torch.equal(known, known.round())
    for column in (0, 1):
        found = fake[:, column][~fake[:, column].isnan()]
        limits = real[:, column][~real[:, column].isnan()]
        assert limits.min() <= found.min()
        assert found.max() <= limits.max()
    assert 0.02 < fake[:, 1].isnan().double().mean() < 0.3
    assert sum(column_shapes(COLUMNS, real, fake).values()) / 3 > 0.8
    assert len(model.sample(0, seed=0)) == 0


def test_columns_must_come_from_somewhere() -> None:
    settings = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}
    with pytest.raises(BadRecipe, match="rows of a table"):
        Trainer(**settings).fit(TVAE(), datamodule=Digits())
    with pytest.raises(BadRecipe, match="columns"):
        Trainer(**settings).fit(TVAE(), DataLoader(torch.zeros(2, 3)))


def test_equal_tables_have_the_best_measures() -> None:
    x = rows()
    assert column_shapes(COLUMNS, x, x) == {"x": 1, "n": 1, "c": 1}
    assert pair_trends(COLUMNS, x, x) == 1
    found = closest_records(COLUMNS, x[:150], x[:150], x[150:])
    assert found.share > 0.9
    assert found.copies == 1
    halves = closest_records(COLUMNS, x[:100], x[100:200], x[200:])
    assert 0.35 < halves.share < 0.65
    assert halves.copies < 0.05


def test_measures_have_closed_forms() -> None:
    columns: Columns = {"c": ["a", "b"], "x": "number"}
    real = torch.tensor([[0, 0.0], [0, 1.0], [1, 2.0], [1, 3.0]]).double()
    fake = torch.tensor([[0, 2.0], [0, 3.0], [0, 4.0], [1, 5.0]]).double()
    assert column_shapes(columns, real, fake) == {"c": 0.75, "x": 0.5}
    numbers: Columns = {"x": "number", "y": "number"}
    up = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]).double()
    down = torch.tensor([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]).double()
    assert pair_trends(numbers, up, down) == pytest.approx(0)  # correlations 1 and -1


def test_efficacy_is_that_of_a_classifier() -> None:
    x = rows()
    assert efficacy(COLUMNS, "c", x, x) > 0.6
    shuffled = x.clone()
    shuffled[:, 2] = x[torch.randperm(300, generator=torch.Generator().manual_seed(0)), 2]
    assert efficacy(COLUMNS, "c", shuffled, x) < 0.6
    assert efficacy(COLUMNS, "x", x[:200], x[200:]) > 0.5  # R squared
