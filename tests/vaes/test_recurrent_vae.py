"""Recurrent VAE: its step is a plain loop; errors of reconstruction detect odd heartbeats."""

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from loops import Batch, descend, fit, one_thread
from torch import Tensor
from torch.optim import Adam

from zoo.core.modality import Series
from zoo.data import ECG5000, Sines
from zoo.errors import BadInput, BadRecipe, MissingData
from zoo.evaluation.applicable import measure
from zoo.evaluation.records import Protocol
from zoo.vaes import RecurrentVAE

__all__ = ["one_thread"]  # for every test of this file too
MODALITY = Series(6, {"a": [-1.0, 1.0], "b": [0.0, 50.0]})
N = 8


def series() -> Tensor:
    return MODALITY.normalize(MODALITY.toy(4 * N)[0])


def batches() -> list[Batch]:
    return [(part, torch.empty(N, 0)) for part in series().split(N)]


def toy(**settings: float) -> RecurrentVAE:
    torch.manual_seed(0)
    return RecurrentVAE(6, MODALITY.ranges, latent=3, width=5, noise=0.2, **settings)  # type: ignore[arg-type]


def fabius_2014(model: RecurrentVAE) -> None:
    """Step by step of a series; the weight of KL rises from 0 to 1 in two of four steps."""
    optimizer = Adam(model.parameters(), fused=True)
    for step, (x, _) in enumerate(batches()):
        state = (torch.zeros(1, N, 5), torch.zeros(1, N, 5))
        for t in range(6):
            _, state = model.encoder.lstm(x[:, t : t + 1], state)
        mean, log_variance = model.encoder.head(state[0][0]).chunk(2, 1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        h, c = model.decoder.start(z).tanh().chunk(2, 1)
        state = h[None].contiguous(), c[None].contiguous()
        nats = torch.zeros(N)
        for t in range(6):
            angles = np.pi * t / 5 * torch.tensor([1, 2, 4, 8, 16])
            position = torch.cat([angles.sin(), angles.cos()]).float().expand(N, -1)
            features, state = model.decoder.lstm(torch.cat([z, position], 1)[:, None], state)
            mu = model.decoder.head(features)[:, 0].sigmoid()
            nats = (
                nats
                + ((x[:, t] - mu).square() / 0.08).sum(1)
                + 2 * np.log(0.2 * (2 * np.pi) ** 0.5)
            )
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        descend(optimizer, nats.mean() + min(1.0, step / 2) * kl)


def test_step_is_the_algorithm() -> None:
    model, plain = toy(warm_up=0.5), toy()
    fit(model, batches=batches())
    torch.manual_seed(1)
    fabius_2014(plain)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-5), name


def test_it_samples_and_reconstructs_series() -> None:
    model, x = toy().eval(), series()
    samples = model.sample(300, seed=0)
    assert samples.shape == (300, 6, 2)
    assert 0 <= samples.min() <= samples.max() <= 1
    assert torch.equal(model.sample(3, seed=0), samples[:3])
    assert model.sample(0, seed=0).shape == (0, 6, 2)
    assert torch.equal(model.reconstruct(x), model.decode(model.encode(x)))
    assert model.encode(x).shape == (len(x), 3)
    with pytest.raises(BadInput, match="6, 2"):
        model.reconstruct(x[:, :5])


@pytest.mark.parametrize("settings", [{"noise": 0.0}, {"warm_up": 1.5}])
def test_settings_are_checked(settings: dict[str, float]) -> None:
    with pytest.raises(BadRecipe, match=next(iter(settings))):
        RecurrentVAE(**settings)  # type: ignore[arg-type]


def beats(root: Path) -> ECG5000:
    """100 ramps of kind 1, and 400 noisy ones of kinds 2 to 5."""
    random = np.random.RandomState(0)
    kinds = np.where(np.arange(500) % 5 == 0, 1, 1 + np.arange(500) % 5).astype(np.uint8)
    noise = random.standard_normal((500, 140)) * (kinds[:, None] > 1)
    values = (np.linspace(-1, 1, 140) + noise).astype(np.float32)
    np.savez_compressed(root / "ecg5000_train.npz", series=values, labels=kinds)
    return ECG5000(str(root))


def test_anomalies_are_only_in_the_test_split(tmp_path: Path) -> None:
    data = beats(tmp_path)
    train, test = (data.examples(split) for split in ("train", "test"))
    assert train.values.shape == (80, 140, 1)
    assert test.values.shape == (420, 140, 1)
    assert not train.labels.any()
    assert test.labels.bincount().tolist() == [20, 100, 100, 100, 100]
    assert torch.allclose(data.modality.normalize(train.values)[0, 0], torch.tensor(5 / 12))


class Mean(RecurrentVAE):
    """Reconstructs every series as the ramp."""

    def reconstruct(self, x: Tensor) -> Tensor:
        ramp = torch.linspace(-1, 1, 140).double()[None, :, None].expand(len(x), -1, -1)
        return self.modality.normalize(ramp)


def test_errors_detect_anomalies(tmp_path: Path) -> None:
    data, model = beats(tmp_path), Mean(140, ECG5000.ranges, width=4)
    found = {r["metric"]: r for r in measure(model, data, Protocol("quick", 100, 1))}
    assert found["anomaly-auroc"]["value"] == found["anomaly-auroc-mean"]["value"] == 1
    assert found["anomaly-auroc"]["anomalies"] == 400
    assert found["mse"]["value"] == pytest.approx(0, abs=1e-12)
    assert found["mse"]["real"] == 20
    assert found["discriminative-score-real"]["fake"] == 20


def test_series_without_labels_have_no_anomalies() -> None:
    data = Sines()
    model = RecurrentVAE(24, data.modality.ranges, width=4)
    names = {r["metric"] for r in measure(model, data, Protocol("quick", 50, 1))}
    assert "mse" in names
    assert not {"anomaly-auroc", "anomaly-auroc-mean"} & names


def test_the_archive_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the published file is the kind of a beat, then its numbers."""
    content = BytesIO()
    numbers = np.concatenate([1 + np.arange(500)[:, None] % 5, np.full((500, 140), 0.25)], 1)
    with ZipFile(content, "w") as archive:
        archive.writestr("ECG5000_TRAIN.txt", "\n".join("  ".join(map(str, n)) for n in numbers))
    asked = list[str]()
    monkeypatch.setattr(
        "zoo.data.ecg5000.fetch", lambda address, _: asked.append(address) or content.getvalue()
    )
    for _ in range(2):
        assert ECG5000(str(tmp_path)).examples("train").values.eq(0.25).all()
    assert len(asked) == 1


@pytest.mark.parametrize("change", ["shape", "labels"])
def test_damaged_files_are_refused(tmp_path: Path, change: str) -> None:
    data = beats(tmp_path)
    series, labels = np.zeros((500, 140), np.float32), np.full(500, 7, np.uint8)
    np.savez(
        tmp_path / data.file, series=series[:, :9] if change == "shape" else series, labels=labels
    )
    with pytest.raises(MissingData, match="ECG5000"):
        data.examples("train")
    with pytest.raises(BadRecipe, match="24"):
        ECG5000(length=24)
