"""Numbers that are not finite, sets that are small, batches of one: words, not values."""

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lightning import Trainer
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

import zoo
from zoo.autoencoders.sparse import SparseAutoencoder
from zoo.callbacks import Compile, ModeCollapse, PosteriorCollapse
from zoo.callbacks.alarms import CollapseWarning
from zoo.callbacks.collapse import mean_distance, share_in_use
from zoo.cli import main
from zoo.errors import BadRecipe, ZooError
from zoo.gans.dcgan import DCGAN
from zoo.gans.dragan import DRAGAN
from zoo.gans.wgan_gp import WGANGP
from zoo.metrics import bounds, codes, kernel, manifold, memorization, rates, scores, support
from zoo.metrics.extractors import Pixels
from zoo.metrics.extrapolation import frechet_infinity
from zoo.metrics.features import FeatureMetric
from zoo.metrics.frechet import frechet_between
from zoo.vaes.vae import VAE
from zoo.vaes.vq_vae import VQVAE
from zoo.vaes.wae import WAE

GOOD = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
LABELS = torch.arange(40) % 2
IMAGES = torch.zeros(2, 1, 4, 4)
METRICS: dict[str, Callable[[Tensor], object]] = {
    "frechet real": lambda x: frechet_between(x, GOOD),
    "frechet fake": lambda x: frechet_between(GOOD, x),
    "frechet infinity": lambda x: frechet_infinity(GOOD, x),
    "kernel": lambda x: kernel.kernel_distance(GOOD, x),
    "precision": lambda x: manifold.precision_recall(GOOD, x),
    "recall": lambda x: manifold.precision_recall(x, GOOD),
    "density": lambda x: manifold.density_coverage(GOOD, x),
    "coverage": lambda x: manifold.density_coverage(x, GOOD),
    "memorised": lambda x: memorization.memorization(x, GOOD, GOOD),
    "train": lambda x: memorization.memorization(GOOD, x, GOOD),
    "held out": lambda x: memorization.memorization(GOOD, GOOD, x),
    "support": lambda x: support.support_size(x, 0.5),
    "pairs": lambda x: support.nearest_pairs(x, 3),
    "inception": lambda x: scores.inception_score(x, 4),
    "probe": lambda x: codes.linear_probe(x, LABELS, GOOD, LABELS),
    "probe test": lambda x: codes.linear_probe(GOOD, LABELS, x, LABELS),
    "neighbours": lambda x: codes.nearest_neighbors(x, LABELS, GOOD, LABELS),
    "auroc": lambda x: codes.anomaly_auroc(x[:, 1], LABELS, 1),
    "units": bounds.active_units,
    "divergence": lambda x: bounds.divergence_per_dimension(x, GOOD.exp()),
    "perplexity": lambda x: bounds.perplexity(x[:, 1].abs()),
    "evidence": bounds.importance_weighted,
    "bits": lambda x: bounds.bits_per_dimension(x, 3),
    "steps": lambda x: rates.quantize(x, 3),
    "psnr": lambda x: rates.psnr(x[:, :, None, None], GOOD[:, :, None, None]),
}


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("metric", METRICS)
def test_values_that_are_not_finite_raise(metric: str, value: float) -> None:
    bad = GOOD.clone()
    bad[5, 1] = value
    for kind in (ValueError, ZooError):
        with pytest.raises(kind, match="finite"):
            METRICS[metric](bad)
    METRICS[metric](GOOD)


def test_calling_a_metric_counts_images_once() -> None:
    real, fake = torch.randint(256, (2, 20, 1, 4, 4), dtype=torch.uint8)
    metric = FeatureMetric(Pixels(), frechet_between)
    with pytest.raises(ValueError, match=r"real images must be >= 1, got 0"):
        metric.compute()
    assert metric(real, real=True) is None
    for part in fake.split(10):
        value = metric(part, real=False)
    whole = frechet_between(Pixels()(real), Pixels()(fake))
    assert value == whole == metric.compute()
    metric.reset()
    assert [sum(map(len, side)) for side in (metric.real, metric.fake)] == [20, 0]


def test_a_density_sharper_than_a_gray_level_has_no_bits() -> None:
    model, z = VAE(size=8, channels=1, latent=2, width=4, noise=1e-4).eval(), torch.zeros(1, 2)
    with torch.no_grad():
        nats = model.log_likelihood(model.decode(z), z)
    assert bounds.bits_per_dimension(nats, 64).isnan().all()
    even = torch.tensor(-math.log(2))
    assert float(bounds.bits_per_dimension(64 * even, 64)) == pytest.approx(math.log2(255))


def test_monitors_skip_batches_without_variance(tmp_path: Path) -> None:
    assert math.isnan(share_in_use(torch.randn(1, 8)))
    assert float(mean_distance(torch.randn(1, 1, 8, 8))) == 0
    with pytest.raises(BadRecipe, match="n must be >= 2"):
        ModeCollapse(n=1)
    for model, monitor in (
        (DCGAN(size=8, channels=1, width=4, latent=4), ModeCollapse(every_n_steps=1, n=8)),
        (VAE(size=8, channels=1, width=4, latent=4), PosteriorCollapse(every_n_steps=1)),
    ):
        images = TensorDataset(torch.rand(12, 1, 8, 8), torch.zeros(12))
        trainer = Trainer(
            max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, callbacks=[monitor],
            default_root_dir=tmp_path,
        )  # fmt: skip
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trainer.fit(model, DataLoader(images, batch_size=1))
        assert not [w for w in caught if issubclass(w.category, CollapseWarning)]
        assert monitor.alarm.recent == []


def test_compilation_of_gradient_penalties_raises() -> None:
    small = {"size": 8, "channels": 1}
    for model in (WAE(**small, width=4), SparseAutoencoder(**small, latent=4)):
        Compile().setup(Trainer(logger=False, accelerator="cpu"), model, "fit")
    for model in (WGANGP(**small, width=4), DRAGAN(**small, width=4)):
        with pytest.raises(BadRecipe, match="gradient penalty"):
            Compile().setup(Trainer(logger=False, accelerator="cpu"), model, "fit")


def train(model: VQVAE, epochs: int, folder: Path, resume: Path | None = None) -> Path:
    """Four steps an epoch; the checkpoint of the end."""
    images = torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    loader = DataLoader(TensorDataset(images, torch.zeros(32)), batch_size=8)
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(model, loader, ckpt_path=resume, weights_only=True)
    trainer.save_checkpoint(path := folder / f"{epochs}.ckpt")
    return path


def vq_vae() -> VQVAE:
    return VQVAE(size=8, channels=1, width=4, codebook=4, dim=2, depth=1)


@pytest.mark.parametrize(("first", "then", "turn"), [(2, 6, 4), (3, 8, 6), (1, 4, 2), (1, 1, 2)])
def test_a_resume_of_another_length_keeps_its_stage(
    first: int, then: int, turn: int, tmp_path: Path
) -> None:
    """The codebook on which a prior has been trained is kept."""
    path = train(model := vq_vae(), first, tmp_path)
    again = vq_vae()
    train(again, then, tmp_path, path)
    assert again.prior_start == turn
    assert again.quantizer.codebook.equal(model.quantizer.codebook)


def test_the_second_stage_starts_after_the_resumed_step(tmp_path: Path) -> None:
    model = vq_vae()
    model.resumed = 8, 4  # a turn at step 8 was planned, and step 4 reached
    assert model.resolve_prior_start(20) == 20
    model.resumed = 8, 4
    assert model.resolve_prior_start(2) == 4
    assert model.resolve_prior_start(2) == 2


@pytest.mark.parametrize("count", [2, 5, 30])
@pytest.mark.parametrize("family", [DCGAN, VAE])
def test_metrics_of_few_pictures_are_measured_or_skipped_by_name(
    count: int, family: type[DCGAN | VAE], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "own").mkdir()
    for i in range(count):
        levels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(levels).save(here / f"own/{i}.png")
    zoo.save(family(size=8, width=4, latent=4), here / "m.safetensors")
    data = {"class_path": "zoo.data.ImageFolder", "init_args": {"root": "own", "size": 8}}
    (here / "r.yaml").write_text(yaml.safe_dump({"data": data}))
    words = ["--recipe", "r.yaml", "--protocol", "quick", "--extractor", "pixels", "--json"]
    main(["evaluate", "m.safetensors", *words, "--importance-samples", "4"])
    out, err = capsys.readouterr()
    found = [record["metric"] for record in json.loads(out)["metrics"]]
    assert all(math.isfinite(record["value"]) for record in json.loads(out)["metrics"])
    assert ("fd-pixels" in found) != ("fd-pixels is left out" in err)
    assert count > 5 or "density-pixels is left out" in err


@pytest.mark.parametrize("ending", ["npy", "npz"])
@pytest.mark.parametrize("more", [[], ["--truncation", "1"]])
def test_many_samples_are_written_as_an_array(ending: str, more: list[str], here: Path) -> None:
    main(["sample", "vae-digits", "-n", "300", "--to", f"s.{ending}", *more])
    loaded = np.load(here / f"s.{ending}")
    images = loaded if ending == "npy" else loaded["arr_0"]
    assert (images.shape, images.dtype) == ((300, 8, 8, 1), np.uint8)
    if not more:
        whole = ((zoo.load("vae-digits").sample(300, seed=0) + 1) * 127.5).round()
        assert np.abs(images[..., 0] - whole[:, 0].numpy()).max() <= 1


def test_too_many_samples_for_a_png_raise(here: Path) -> None:
    with pytest.raises(SystemExit, match=r"n must be <= 10000 .*, got 300000.* samples.npy"):
        main(["sample", "vae-digits", "-n", "300000"])
    assert list(here.iterdir()) == []
