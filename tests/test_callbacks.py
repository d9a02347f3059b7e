"""Files, metrics and requirements of the callbacks, on digits of 8 x 8 pixels."""

from collections.abc import Callable
from pathlib import Path

import lightning
import pytest
import torch
import yaml
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from safetensors.torch import load_file, save_file
from toys import on_digits

from zoo.callbacks import (
    ClassCoverage,
    Compile,
    EMAWithWarmup,
    FrechetDistance,
    InitOutputBias,
    ModeCollapse,
    PosteriorCollapse,
    Reconstructions,
    RunMetadata,
    SampleGrid,
    ThroughputMonitor,
)
from zoo.callbacks.averaging import averaged, update_average
from zoo.core.module import ZooModule
from zoo.core.provenance import changes, commit
from zoo.data import Digits
from zoo.data.images import normalize
from zoo.errors import BadRecipe
from zoo.gans.dcgan import DCGAN
from zoo.gans.wgan_gp import WGANGP
from zoo.metrics.features import FeatureMetric
from zoo.metrics.frechet import frechet_between
from zoo.plotting.pictures import grid, read, to_uint8
from zoo.pretrained.extractors import load_extractor
from zoo.vaes.vae import VAE

EPOCH = 23  # steps


class SampleRecorder(Callback):
    """Stores the samples of the current and of the averaged weights after an epoch."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.current = pl_module.sample(64, 0)
        with averaged(trainer, pl_module):
            self.average = pl_module.sample(64, 0)
        assert pl_module.sample(64, 0).equal(self.current)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the run and of the data."""
    return tmp_path


def gan() -> DCGAN:
    lightning.seed_everything(0, verbose=False)
    return DCGAN(size=8, channels=1, width=8, latent=16)


def vae(noise: float = 0.1) -> VAE:
    lightning.seed_everything(0, verbose=False)
    return VAE(size=8, channels=1, latent=4, width=8, noise=noise)


def train(
    model: ZooModule, folder: Path, *callbacks: Callback, epochs: int = 1, logs: bool = False
) -> Trainer:
    return on_digits(model, folder, *callbacks, logs=logs, max_epochs=epochs)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_sample_grids_use_the_same_latents_in_each_epoch(folder: Path) -> None:
    model = gan()
    train(model, folder, SampleGrid(n=12), epochs=2)
    assert files(folder / "samples") == ["epoch-0000.png", "epoch-0001.png"]
    last = read(folder / "samples" / "epoch-0001.png")
    assert last.shape == (3, 2 * 66 + 2, 8 * 66 + 2)  # 8 pixels enlarged to 64, borders of 2
    assert last.equal(grid(model.sample(12, 0)))


def test_sample_grids_every_second_epoch(folder: Path) -> None:
    train(vae(), folder, SampleGrid(n=8, every_n_epochs=2), epochs=4)
    assert files(folder / "samples") == ["epoch-0001.png", "epoch-0003.png"]


def test_sample_grids_use_the_averaged_weights(folder: Path) -> None:
    recorder = SampleRecorder()
    train(gan(), folder, EMAWeightAveraging(decay=0.9), SampleGrid(), recorder)
    picture = read(folder / "samples" / "epoch-0000.png")
    assert picture.equal(grid(recorder.average))
    assert not picture.equal(grid(recorder.current))


def test_the_decay_of_an_average_with_warmup_rises(folder: Path) -> None:
    """After t updates the decay is at most (1 + t) / (10 + t), and never above the argument."""
    start, current = torch.zeros(1), torch.ones(1)
    averages, share = {"plain": start, "rising": start}, 1.0
    for t in range(1, 101):
        averages["plain"] = 0.999 * averages["plain"] + 0.001 * current
        averages["rising"] = update_average(averages["rising"], current, t, 0.999)
        share *= (1 + t) / (10 + t)
    assert averages["plain"] < 0.1
    torch.testing.assert_close(averages["rising"], torch.tensor([1 - share]))
    late = update_average(start, current, torch.tensor(100_000), 0.9)
    torch.testing.assert_close(late, torch.tensor([0.1]))
    recorder = SampleRecorder()
    train(gan(), folder, EMAWithWarmup(decay=0.9999), SampleGrid(), recorder)
    assert read(folder / "samples" / "epoch-0000.png").equal(grid(recorder.average))
    assert not recorder.average.equal(recorder.current)
    for decay in (-0.1, 1.0):
        with pytest.raises(BadRecipe, match=f"decay.*{decay}"):
            EMAWithWarmup(decay)


def test_before_its_first_update_an_average_is_not_used(folder: Path) -> None:
    recorder = SampleRecorder()
    late = EMAWeightAveraging(decay=0.9, update_starting_at_step=EPOCH)
    train(gan(), folder, late, recorder)
    assert recorder.average.equal(recorder.current)


def test_images_are_above_their_reconstructions(folder: Path) -> None:
    model = vae()
    train(model, folder, Reconstructions(n=12))
    images = normalize(Digits().images("test").pixels[:12])
    picture = read(folder / "reconstructions" / "epoch-0000.png")
    assert picture.shape == (3, 4 * 66 + 2, 8 * 66 + 2)
    rows = picture[:, 2:].unfold(1, 64, 66).permute(1, 0, 3, 2)
    reconstructed = model.reconstruct(images)
    parts = images[:8], reconstructed[:8], images[8:], reconstructed[8:]
    for row, expected in zip(rows, parts, strict=True):
        cells = row[:, :, 2 : 2 + 66 * len(expected)]
        assert cells.equal(grid(expected)[:, 2:66, 2:])


def test_tensorboard_logs_the_grids(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(vae(), folder, SampleGrid(n=8), Reconstructions(n=8), logs=True)
    events = EventAccumulator(str(folder)).Reload()
    assert events.Tags()["images"] == ["samples", "reconstructions"]


def test_frechet_distance_uses_the_averaged_weights(folder: Path) -> None:
    model = gan()
    trainer = train(model, folder, EMAWeightAveraging(decay=0.9), FrechetDistance(n=600))
    metric = FeatureMetric(
        load_extractor("pixels"), frechet_between
    )  # the model has the averaged weights
    metric.update(Digits().images("train").pixels[:600], real=True)
    metric.update(to_uint8(model.sample(600, seed=0)), real=False)
    logged = trainer.callback_metrics["fd-pixels"]
    torch.testing.assert_close(logged.double(), metric.compute(), rtol=1e-6, atol=0)


def test_real_features_are_extracted_once(folder: Path) -> None:
    first = train(gan(), folder, FrechetDistance(n=200)).callback_metrics["fd-pixels"]
    (path,) = (folder / "statistics").iterdir()
    digits, pixels = Digits().digest("train"), load_extractor("pixels").sha256()
    assert path.name == f"features-{digits[:16]}-{pixels[:16]}-200.safetensors"

    assert train(gan(), folder, FrechetDistance(n=200)).callback_metrics["fd-pixels"] == first
    tampered = load_file(path)
    tampered["features"] *= 2
    save_file(tampered, path)
    assert train(gan(), folder, FrechetDistance(n=200)).callback_metrics["fd-pixels"] > first


def test_monitors_log_their_metrics(folder: Path) -> None:
    kinds = ModeCollapse, ClassCoverage, PosteriorCollapse
    monitors = [kind(every_n_steps=10) for kind in kinds]
    metrics = train(vae(), folder, *monitors, logs=True).logged_metrics
    assert metrics["diversity"] > 0
    assert 0 < metrics["classes"] < 1
    assert 0 <= metrics["latents_in_use"] <= 1


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("build", [gan, vae])
def test_callbacks_change_no_weights(
    folder: Path, build: Callable[[], DCGAN | VAE], average: bool
) -> None:
    observers = [SampleGrid(n=8), FrechetDistance(n=100)]
    observers += [
        ModeCollapse(every_n_steps=5, threshold=0.1, action="rollback"),
        ClassCoverage(every_n_steps=5),
    ]
    if build is vae:
        observers += [Reconstructions(n=8), PosteriorCollapse(every_n_steps=5)]
    models = []
    for callbacks in [], observers:
        averaging = [EMAWeightAveraging(decay=0.9)] if average else []
        models.append(build())
        train(models[-1], folder, *averaging, *callbacks, epochs=2)
    alone, observed = models
    for name, value in alone.state_dict().items():
        assert value.equal(observed.state_dict()[name]), name
    assert all(module.training for module in observed.modules())


@pytest.mark.parametrize(
    "callback",
    [SampleGrid(), FrechetDistance(), ModeCollapse(), ClassCoverage()],
    ids=lambda c: type(c).__name__,
)
def test_callbacks_reject_models_that_do_not_sample(folder: Path, callback: Callback) -> None:
    from zoo.classifiers.resnet import ResNet

    with pytest.raises(BadRecipe, match=f"{type(callback).__name__} .* ResNet"):
        train(ResNet(size=8, channels=1, width=4), folder, callback)


@pytest.mark.parametrize("callback", [Reconstructions(), PosteriorCollapse()])
def test_callbacks_reject_models_that_do_not_reconstruct(folder: Path, callback: Callback) -> None:
    with pytest.raises(BadRecipe, match="DCGAN"):
        train(gan(), folder, callback)


def test_compiled_networks_keep_their_names(folder: Path) -> None:
    """The keys of the checkpoints are unchanged."""
    plain, compiled = gan(), gan()
    train(plain, folder)
    train(compiled, folder, EMAWeightAveraging(decay=0.9), Compile(backend="eager"))
    assert compiled.generator._compiled_call_impl is not None
    assert compiled.state_dict().keys() == plain.state_dict().keys()


def test_compile_rejects_double_backward(folder: Path) -> None:
    model = WGANGP(size=8, channels=1, width=8, latent=16, discriminator_steps=4)
    with pytest.raises(BadRecipe, match=r"Compile.*WGANGP"):
        train(model, folder, Compile())


def test_throughput_is_logged(folder: Path) -> None:
    """Images per second, and minutes left: 0 after the last step."""
    metrics = train(vae(), folder, ThroughputMonitor(), logs=True).logged_metrics
    assert metrics["images/s"] > 0
    assert metrics["minutes_left"] == 0


def test_run_metadata_writes_environment_and_log(folder: Path) -> None:
    metadata = RunMetadata()
    train(vae(), folder, metadata)
    (environment,) = yaml.safe_load_all((folder / "environment.yaml").read_text())
    assert {
        "date",
        "command",
        "hardware",
        "precision",
        "commit",
        "torch",
        "numpy",
    } <= environment.keys()
    assert environment["changed"] == changes()
    lines = (folder / "log.txt").read_text().splitlines()
    assert [line.split(" ", 2)[2].partition(" step")[0] for line in lines] == [
        "starts at", "epoch 0", "ends at"
    ]  # fmt: skip
    assert metadata.state_dict()["seconds"] > 0


def test_provenance_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit() == "unknown"
    assert changes() == []


def test_init_output_bias_gives_the_mean_image(folder: Path) -> None:
    torch.manual_seed(0)
    model = VAE(8, 1, latent=4, width=8, network="dense", likelihood="bernoulli", lr=0.0)
    train(model, folder, InitOutputBias())
    mean = Digits().images("train").pixels.float().mean(0) / 255
    bias = model.decoder[1].bias
    torch.testing.assert_close(bias.sigmoid(), mean.clamp(0.001, 0.999).flatten())


def test_init_output_bias_rejects_convolutional_decoders(folder: Path) -> None:
    with pytest.raises(BadRecipe, match=r"InitOutputBias .* VAE"):
        train(vae(), folder, InitOutputBias())
