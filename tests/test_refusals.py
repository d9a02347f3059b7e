"""Invalid recipes and overrides fail before the first step, with an error of one line."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging

from zoo.callbacks import DivergenceGuard
from zoo.cli import main
from zoo.errors import BadRecipe
from zoo.gans.sagan import SAGAN
from zoo.gans.sngan import SNGAN
from zoo.pretrained import catalog
from zoo.training import config_checks

pytestmark = pytest.mark.usefixtures("here")
CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")


def fit_error(*arguments: str) -> str:
    """The message of `zoo fit`."""
    with pytest.raises(SystemExit) as stop:
        main(["fit", *arguments])
    message = str(stop.value.code)
    assert message.startswith("zoo: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("--model.init_args.widht=3", "widht width"),
        ("--model.latnet=3", "latnet latent"),
        ("--data.init_args.bach_size=3", "bach_size batch_size"),
        ("--data=zoo.data.Digitz", "Digitz Digits"),
        ("--trainr.max_epochs=3", "trainr.max_epochs trainer.max_epochs"),
        ("--model.init_args.width=wide", "width int wide"),
        ("--model.network=dens", "network dens dense"),
        ("--trainer.precision=bf16mixed", "bf16mixed bf16-mixed"),
        ("--trainer.accelerator=tpuu", "accelerator tpuu"),
        ("--trainer.devices=two", "devices two"),
        ("--trainer.check_val_every_n_epoch=0", "check_val_every_n_epoch >=1 0"),
        ("--model.width=-8", "width VAE >=1 -8"),
        ("--model.latent=0", "latent VAE >=1 0"),
        ("--model.lr=-1", "lr VAE >=0 -1"),
        ("--data.batch_size=0", "batch_size Digits >=1 0"),
        ("--divergence_guard.every_n_steps=0", "every_n_steps DivergenceGuard >=1 0"),
        ("--trainer.max_steps=0", "max_steps >0 0"),
        ("--trainer.strategy=fsdp", "strategy fsdp"),
        ("--data.init_args.root=nowhere", "root nowhere"),
        ("--data.init_args.batch_size=2000", "batch_size 1500 2000"),
        ("--trainer.limit_train_batches=0", "limit_train_batches >0 0"),
        ("--trainer.max_epochs=x", "trainer.max_epochs int x"),
        ("--trainer.precision=transformer-engine", "transformer_engine"),
        ("--data=zoo.vaes.vae.VAE", "data LightningDataModule"),
        ("--model=zooo.vaes.vae.VAE", "zooo zoo"),
        ("--model.init_args.channels=3", "channels 3"),
    ],
)  # fmt: skip
def test_errors_contain_the_name_and_the_value(override: str, expected: str) -> None:
    message = fit_error("vae-digits", override).replace("> ", ">").replace("= ", "=")
    for word in expected.split():
        assert word in message


MONITORS = {
    "EarlyStopping": "lightning.pytorch.callbacks.EarlyStopping",
    "ModelCheckpoint": "lightning.pytorch.callbacks.ModelCheckpoint",
}


@pytest.mark.parametrize("callback", MONITORS)
def test_an_unknown_metric_of_a_monitor(callback: str) -> None:
    """The error after the first validation lists the logged metrics."""
    added = "--trainer.callbacks+", MONITORS[callback], "--trainer.callbacks.monitor", "val/nope"
    message = fit_error("vae-digits", "--smoke-test", *added)
    for word in ("monitor", "val/nope", "val/elbo"):
        assert word in message


@pytest.mark.parametrize(
    ("recipe", "override", "expected"),
    [
        (
            "wgan-gp-fashion-mnist",
            "discriminator_steps=0",
            "discriminator_steps of WGANGP",
        ),
        (
            "sngan-fashion-mnist",
            "discriminator_steps=0",
            "discriminator_steps of SNGAN",
        ),
        (
            "sngan-fashion-mnist",
            "discriminator_width=0",
            "discriminator_width of SNGAN",
        ),
        ("infogan-mnist", "categories=0", "categories of InfoGAN"),
        ("acgan-fashion-mnist", "classes=0", "classes of ACGAN"),
        ("resnet-cifar10", "blocks=0", "blocks of ResNet"),
        ("gan-fashion-mnist", "discriminator_steps=0", "discriminator_steps of GAN"),
        ("vq-vae-fashion-mnist", "codebook=0", "codebook of VQVAE"),
        ("iwae-fashion-mnist", "importance_samples=0", "importance_samples of IWAE"),
        ("stacked-ae-greedy-fashion-mnist", "widths=[40, 0]", "widths of GreedyAutoencoder"),
    ],
)
def test_arguments_of_models_must_be_positive(recipe: str, override: str, expected: str) -> None:
    assert expected in fit_error(recipe, f"--model.init_args.{override}")


@pytest.mark.parametrize(
    ("class_path", "expected"),
    [
        ("zoo.vaes.vae.VEA", "VAE"),
        ("zoo.vaes.vea.VAE", "zoo.vaes.vae"),
        ("zoo.veas.vae.VAE", "zoo.vaes"),
        ("zoo.vaes.vae", "zoo.vaes.vae"),
        ("os.system", "os.system"),
        ("raising.Model", "ZeroDivisionError"),
        ("broken.Model", "SyntaxError"),
        ("importing.Model", "nowhere"),
    ],
)
def test_invalid_class_paths(
    class_path: str, expected: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(here))
    (here / "raising.py").write_text("1 / 0")
    (here / "broken.py").write_text("def (")
    (here / "importing.py").write_text("import nowhere")
    recipe = catalog.recipe_path("vae-digits").read_text()
    (here / "own.yaml").write_text(recipe.replace("zoo.vaes.vae.VAE", class_path))
    assert expected in fit_error("--config", "own.yaml", "--smoke-test")


@pytest.mark.parametrize(
    "recipe", ["linear-ae-fashion-mnist", "stacked-ae-greedy-fashion-mnist", "vq-vae-fashion-mnist"]
)
def test_one_cycle_schedules_need_a_length(recipe: str) -> None:
    message = fit_error(recipe, "--smoke-test", "--trainer.max_epochs=-1", "--trainer.max_steps=-1")
    assert "trainer.max_epochs" in message


@pytest.mark.parametrize("name", ["own.2.yaml", "..yaml"])
def test_recipe_names_that_are_not_run_names(name: str, here: Path) -> None:
    (here / name).write_text(catalog.recipe_path("vae-digits").read_text())
    assert "--name" in fit_error("--config", name)


def test_duplicate_callbacks() -> None:
    callbacks = '[{"class_path": "zoo.callbacks.RunMetadata"}]'
    assert "RunMetadata" in fit_error(
        "vae-digits", "--smoke-test", "--trainer.callbacks", callbacks
    )


def test_a_logger_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning.pytorch.loggers import wandb
    from lightning_utilities.core.imports import RequirementCache

    monkeypatch.setattr(wandb, "_WANDB_AVAILABLE", RequirementCache("wandb>=1000"))
    assert "pip install" in fit_error("vae-digits", "--trainer.logger", "WandbLogger")


@CPU
def test_settings_that_need_a_gpu() -> None:
    assert "16-mixed" in fit_error("vae-digits", "--trainer.precision", "16-mixed")
    assert "sync_batchnorm" in fit_error("vae-digits", "--trainer.sync_batchnorm", "true")


@pytest.mark.parametrize(
    ("limit", "interval"),
    [("max_steps", "every_n_train_steps"), ("max_epochs", "every_n_epochs")],
)
def test_a_training_must_reach_its_first_checkpoint(limit: str, interval: str) -> None:
    options = f"--trainer.{limit}", "5", f"--checkpoint.{interval}", "6"
    message = fit_error("vae-digits", *options)
    for word in (limit, interval, "5", "6"):
        assert word in message


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("latnet", "latent"),
        ("decya", "decay"),
        ("SampleGird", "SampleGrid"),
        ("max_epoch:", "max_epochs:"),
        ("tariner:", "trainer:"),
    ],
)
def test_misspelled_names_in_a_recipe(wrong: str, right: str, here: Path) -> None:
    text = catalog.recipe_path("dcgan-digits").read_text().replace(right, wrong, 1)
    (here / "mine.yaml").write_text(text)
    message = fit_error("--config", "mine.yaml")
    assert wrong.rstrip(":") in message
    assert right.rstrip(":") in message


def test_a_rejected_training_leaves_no_run_folder(here: Path) -> None:
    fit_error("vae-digits", "--data.init_args.batch_size=2000")
    assert not (here / "runs" / "vae-digits").exists()


def test_discriminator_steps_must_divide_the_batch() -> None:
    data = "--data", "zoo.data.Digits", "--data.size", "8", "--data.batch_size", "64"
    message = fit_error("wgan-gp-fashion-mnist", *data, "--model.size", "8", "--model.width", "8")
    for word in ("batch_size", "5", "64", "65"):
        assert word in message


@pytest.mark.parametrize("buffers", [True, False])
def test_weight_averaging_excludes_singular_vectors(buffers: bool) -> None:
    """Their averages are shorter than 1, and the weights of the generator would be too large."""
    average = EMAWeightAveraging(decay=0.9, use_buffers=buffers)
    trainer = Trainer(callbacks=[DivergenceGuard(), average], logger=False, accelerator="cpu")
    model = SAGAN(size=8, channels=1, width=8, discriminator_width=8)
    expected = pytest.raises(BadRecipe, match="use_buffers") if buffers else nullcontext()
    with expected:
        DivergenceGuard().setup(trainer, model, "fit")
    DivergenceGuard().setup(
        trainer, SNGAN(size=8, width=8, discriminator_width=8), "fit"
    )  # only of D, which inference does not need


@pytest.mark.parametrize(
    ("devices", "number"), [("auto", 1), (2, 2), ("2", 2), ("0,1,2", 3), ([0, 1], 2), ([4], 1)]
)
def test_count_devices(devices: object, number: int) -> None:
    assert config_checks.count_devices(devices, "cpu") == number
