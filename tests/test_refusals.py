"""A recipe that cannot be followed is refused before the first step, in one line of words."""

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
CPU = pytest.mark.skipif(torch.cuda.is_available(), reason="about a machine without a GPU")


def refused(*arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *arguments])
    words = str(stop.value.code)
    assert words.startswith("zoo: ")
    assert "\n" not in words
    return words


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("--model.init_args.widht=3", "VAE called 'widht'; did you mean width"),
        ("--model.latnet=3", "called 'latnet'; did you mean latent"),
        ("--data.init_args.bach_size=3", "called 'bach_size'; did you mean batch_size"),
        ("--data=zoo.data.Digitz", "called 'Digitz'; did you mean Digits"),
        ("--trainr.max_epochs=3", "called 'trainr.max_epochs'; did you mean trainer.max_epochs"),
        ("--model.init_args.width=wide", "width must be int, not 'wide'"),
        ("--model.network=dens", "no network called 'dens'; did you mean dense"),
        ("--trainer.precision=bf16mixed", "called 'bf16mixed'; did you mean bf16-mixed"),
        ("--trainer.accelerator=tpuu", "accelerator='tpuu'"),
        ("--trainer.devices=two", "devices two is no number"),
        ("--trainer.check_val_every_n_epoch=0", "must be 1 or more"),
        ("--model.width=-8", "VAE has width -8: make it more than zero"),
        ("--model.latent=0", "VAE has latent 0: make it more than zero"),
        ("--model.lr=-1", "VAE has lr -1"),
        ("--data.batch_size=0", "Digits has batch_size 0"),
        ("--guard.every_n_steps=0", "guard has every_n_steps 0"),
        ("--trainer.max_steps=0", "train nothing"),
        ("--trainer.strategy=fsdp", "weights are sharded"),
        ("--data.init_args.root=nowhere", "nowhere"),
        ("--data.init_args.batch_size=2000", "1500"),
        ("--trainer.limit_train_batches=0", "limit_train_batches must be > 0"),
        ("--trainer.max_epochs=x", "trainer.max_epochs must be int"),
        ("--trainer.precision=transformer-engine", "transformer_engine"),
        ("--data=zoo.vaes.vae.VAE", "data must be LightningDataModule"),
        ("--model=zooo.vaes.vae.VAE", "no module called 'zooo'; did you mean zoo"),
        ("--model.init_args.channels=3", "channels of the data must be 3"),
    ],
)  # fmt: skip
def test_in_words(override: str, words: str) -> None:
    assert words in refused("vae-digits", override)


@pytest.mark.parametrize(
    ("recipe", "override", "words"),
    [
        (
            "wgan-gp-fashion-mnist",
            "discriminator_steps=0",
            "WGANGP has discriminator_steps 0: make it more",
        ),
        ("sngan-fashion-mnist", "discriminator_steps=0", "SNGAN has discriminator_steps 0"),
        ("sngan-fashion-mnist", "discriminator_width=0", "SNGAN has discriminator_width 0"),
        ("infogan-mnist", "categories=0", "InfoGAN has categories 0"),
        ("acgan-fashion-mnist", "classes=0", "ACGAN has classes 0"),
        ("resnet-cifar10", "blocks=0", "ResNet has blocks 0"),
        ("gan-fashion-mnist", "discriminator_steps=0", "GAN has discriminator_steps 0"),
        ("vq-vae-fashion-mnist", "codebook=0", "VQVAE has codebook 0"),
        ("iwae-fashion-mnist", "importance_samples=0", "IWAE has importance_samples 0"),
        ("stacked-ae-greedy-fashion-mnist", "widths=[40, 0]", "Autoencoder has widths 0"),
    ],
)
def test_models_without_turns_classes_or_layers(recipe: str, override: str, words: str) -> None:
    assert words in refused(recipe, f"--model.init_args.{override}")


@pytest.mark.parametrize(
    ("class_path", "words"),
    [
        ("zoo.vaes.vae.VEA", "did you mean VAE"),
        ("zoo.vaes.vea.VAE", "did you mean zoo.vaes.vae"),
        ("zoo.veas.vae.VAE", "did you mean zoo.vaes"),
        ("zoo.vaes.vae", "must be a class"),
        ("os.system", "os.system must be a class"),
        ("raising.Model", "ZeroDivisionError"),
        ("broken.Model", "SyntaxError"),
        ("importing.Model", "No module named 'nowhere'"),
    ],
)
def test_a_class_that_is_none(
    class_path: str, words: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(here))
    (here / "raising.py").write_text("1 / 0")
    (here / "broken.py").write_text("def (")
    (here / "importing.py").write_text("import nowhere")
    recipe = catalog.recipe_path("vae-digits").read_text()
    (here / "own.yaml").write_text(recipe.replace("zoo.vaes.vae.VAE", class_path))
    assert words in refused("--config", "own.yaml", "--smoke-test")


@pytest.mark.parametrize(
    "recipe", ["linear-ae-fashion-mnist", "stacked-ae-greedy-fashion-mnist", "vq-vae-fashion-mnist"]
)
def test_a_schedule_needs_an_end(recipe: str) -> None:
    words = refused(recipe, "--smoke-test", "--trainer.max_epochs=-1", "--trainer.max_steps=-1")
    assert "trainer.max_epochs" in words


@pytest.mark.parametrize("name", ["own.2.yaml", "..yaml"])
def test_a_recipe_whose_run_would_be_another(name: str, here: Path) -> None:
    (here / name).write_text(catalog.recipe_path("vae-digits").read_text())
    assert "--name" in refused("--config", name)


def test_two_callbacks_of_a_kind() -> None:
    words = '[{"class_path": "zoo.callbacks.RunMetadata"}]'
    assert "RunMetadata" in refused("vae-digits", "--smoke-test", "--trainer.callbacks", words)


def test_a_logger_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning.pytorch.loggers import wandb
    from lightning_utilities.core.imports import RequirementCache

    monkeypatch.setattr(wandb, "_WANDB_AVAILABLE", RequirementCache("wandb>=1000"))
    assert "pip install" in refused("vae-digits", "--trainer.logger", "WandbLogger")


@CPU
def test_what_this_machine_lacks() -> None:
    assert "16-mixed needs a GPU" in refused("vae-digits", "--trainer.precision", "16-mixed")
    assert "made for GPUs" in refused("vae-digits", "--trainer.sync_batchnorm", "true")


@pytest.mark.parametrize(
    ("limit", "interval"),
    [("max_steps", "every_n_train_steps"), ("max_epochs", "every_n_epochs")],
)
def test_an_end_before_the_first_checkpoint(limit: str, interval: str) -> None:
    asked = f"--trainer.{limit}", "5", f"--checkpoint.{interval}", "6"
    assert f"{limit} 5 ends before the first checkpoint" in refused("vae-digits", *asked)


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("latnet", "latent", "called 'latnet'; did you mean latent"),
        ("decya", "decay", "called 'decya'; did you mean decay"),
        ("SampleGird", "SampleGrid", "called 'SampleGird'; did you mean SampleGrid"),
        ("max_epoch:", "max_epochs:", "did you mean trainer.max_epochs"),
        ("tariner:", "trainer:", "called 'tariner"),
    ],
)  # fmt: skip
def test_misspelt_in_a_recipe(wrong: str, right: str, words: str, here: Path) -> None:
    text = catalog.recipe_path("dcgan-digits").read_text().replace(right, wrong, 1)
    (here / "mine.yaml").write_text(text)
    assert words in refused("--config", "mine.yaml")


def test_what_was_refused_leaves_no_run(here: Path) -> None:
    """Else the next run of that name, the first that trains, would be its second."""
    refused("vae-digits", "--data.init_args.batch_size=2000")
    assert not (here / "runs" / "vae-digits").exists()


def test_discriminator_steps_that_do_not_divide_the_batch() -> None:
    data = "--data", "zoo.data.Digits", "--data.size", "8", "--data.batch_size", "64"
    words = refused("wgan-gp-fashion-mnist", *data, "--model.size", "8", "--model.width", "8")
    assert "batch_size must be a multiple of 5, got 64" in words
    assert "set batch_size to 65" in words


@pytest.mark.parametrize("buffers", [True, False])
def test_an_average_of_singular_vectors(buffers: bool) -> None:
    """With it the generator saturates: its weights are divided by too small a number."""
    average = EMAWeightAveraging(decay=0.9, use_buffers=buffers)
    trainer = Trainer(callbacks=[DivergenceGuard(), average], logger=False, accelerator="cpu")
    model = SAGAN(size=8, channels=1, width=8, discriminator_width=8)
    expected = pytest.raises(BadRecipe, match="use_buffers: false") if buffers else nullcontext()
    with expected:
        DivergenceGuard().setup(trainer, model, "fit")
    DivergenceGuard().setup(
        trainer, SNGAN(size=8, width=8, discriminator_width=8), "fit"
    )  # of D's, unshipped


@pytest.mark.parametrize(
    ("devices", "number"), [("auto", 1), (2, 2), ("2", 2), ("0,1,2", 3), ([0, 1], 2), ([4], 1)]
)
def test_devices_are_counted(devices: object, number: int) -> None:
    assert config_checks.count(devices, "cpu") == number
