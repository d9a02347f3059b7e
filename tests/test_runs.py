"""Run folders, loggers and checkpoints of runs."""

import errno
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml
from lightning import Callback, LightningModule, Trainer
from toys import QUIET, fails, fit, last

from zoo.cli import main
from zoo.errors import BadRecipe
from zoo.pretrained import catalog
from zoo.pretrained.recipes import read_recipe
from zoo.training.config_checks import foreign_code
from zoo.training.run_folders import disk_error, lock_folder, make_run_folder

pytestmark = pytest.mark.usefixtures("here")
RUN = Path("runs") / "vae-digits-smoke-test"


def test_each_run_has_a_folder_of_its_own() -> None:
    """Also before it writes a file."""
    assert [make_run_folder("a").name for _ in range(3)] == ["a", "a.2", "a.3"]


def test_a_run_in_use_cannot_be_resumed() -> None:
    """Its files are unchanged."""
    fit("vae-digits")
    with lock_folder(RUN):
        before = {path: path.stat().st_mtime_ns for path in RUN.rglob("*")}
        message = fails("fit", "vae-digits", "--smoke-test", "--ckpt_path", "last", *QUIET)
        assert {path: path.stat().st_mtime_ns for path in RUN.rglob("*")} == before
    assert str(RUN) in message
    assert not (RUN / ".lock").exists()


def test_the_checkpoint_of_another_class_is_rejected() -> None:
    fit("vae-digits")
    message = fails("fit", "dcgan-digits", "--ckpt_path", str(RUN / "last.ckpt"))
    assert "zoo.vaes.vae.VAE" in message
    assert not Path("runs/dcgan-digits").exists()


@pytest.mark.parametrize("class_path", ["helper.Model", "antigravity.X", "zoo.cli.main", None, 3])
def test_a_checkpoint_imports_nothing(class_path: object) -> None:
    """Its class path is compared with that of the recipe as text."""
    Path("helper.py").write_text("open('IMPORTED', 'w')")
    state = {"state_dict": {}, "callbacks": {}, "global_step": 1, "images_seen": 1}
    torch.save(state | {"hyper_parameters": {"_class_path": class_path}}, "strange.ckpt")
    assert "zoo.vaes.vae.VAE" in fails("fit", "vae-digits", "--ckpt_path", "strange.ckpt")
    assert not Path("IMPORTED").exists()


def test_arguments_of_a_checkpoint_must_be_plain_data() -> None:
    state = {"state_dict": {}, "callbacks": {}, "global_step": 1, "images_seen": 1}
    arguments = {"_class_path": "zoo.vaes.vae.VAE", "width": {"class_path": "antigravity.X"}}
    torch.save(state | {"hyper_parameters": arguments}, "strange.ckpt")
    assert "width" in fails("fit", "vae-digits", "--ckpt_path", "strange.ckpt")


OWN = "from zoo.vaes.vae import VAE\n\n\nclass Own(VAE):\n    '''A model of other code.'''\n"


def test_a_class_of_the_current_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It trains and resumes; its import is printed, and a checkpoint must have its arguments."""
    monkeypatch.syspath_prepend(".")
    Path("own_vae.py").write_text(OWN)
    settings = yaml.safe_load(catalog.recipe_path("vae-digits").read_text())
    settings["model"]["class_path"] = "own_vae.Own"
    Path("own.yaml").write_text(yaml.safe_dump(settings))
    main(["fit", "--config", "own.yaml", "--smoke-test", *QUIET])
    assert "own_vae.Own" in capsys.readouterr().err
    resume = ["--smoke-test", "--ckpt_path", "last", "--trainer.max_epochs", "3"]
    main(["fit", "--config", "own.yaml", *resume, *QUIET])
    assert last("own")["epoch"] == 2
    other = "runs/own-smoke-test/last.ckpt"
    assert "width" in fails("fit", "--config", "own.yaml", "--ckpt_path", other)


def test_foreign_code_lists_all_import_paths() -> None:
    """Class paths and others, but no files and no paths of the zoo."""
    path = Path("strange.yaml")
    path.write_text("a: [{class_path: subprocess.Popen}, os.system, zoo.vaes.vae.VAE, data.npz]")
    assert foreign_code(path) == ["os.system", "subprocess.Popen"]
    for name in catalog.list_recipes():
        assert foreign_code(catalog.recipe_path(name)) == []


ALIAS_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n"
    for before, after in pairwise("abcdefgh")
)


@pytest.mark.parametrize(
    "text",
    ["[1, 2]", "a: [", "7", "", "model: 3", "data: []", "trainer: [x]", "a: &a [*a]", ALIAS_BOMB],
)
def test_invalid_recipe_files(text: str) -> None:
    Path("bad.yaml").write_text(text)
    with pytest.raises(BadRecipe, match=r"bad\.yaml"):
        read_recipe(Path("bad.yaml"), ())
    assert "bad.yaml" in fails("fit", "--config", "bad.yaml")


@pytest.mark.parametrize("logger", ["CSVLogger", "TensorBoardLogger"])
def test_loggers_write_into_the_run_folder(logger: str) -> None:
    """With metrics.csv for each logger."""
    fit("vae-digits", f"--trainer.logger={logger}")
    assert (RUN / "metrics.csv").exists()
    assert bool(list(RUN.glob("events.*"))) == (logger == "TensorBoardLogger")
    assert sorted(path.name for path in Path().iterdir()) == ["runs"]


@pytest.mark.parametrize(
    "logger",
    ["CSVLogger", ["CSVLogger"], {"class_path": "CSVLogger"}, [{"class_path": "CSVLogger"}]],
)
def test_a_logger_of_a_recipe_needs_no_folder(logger: object) -> None:
    settings = read_recipe(catalog.recipe_path("vae-digits"))
    settings["trainer"]["logger"] = logger
    Path("own.yaml").write_text(yaml.safe_dump(settings))
    main(["fit", "--config", "own.yaml", "--smoke-test", *QUIET])
    assert Path("runs/own-smoke-test/metrics.csv").exists()
    assert sorted(path.name for path in Path().iterdir()) == ["own.yaml", "runs"]


def test_a_logger_may_have_another_folder() -> None:
    """Beside metrics.csv in the run folder."""
    fit("vae-digits", "--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "logs")
    assert Path("logs/metrics.csv").exists()
    assert (RUN / "metrics.csv").exists()


def test_recipe_yaml_is_written_without_a_logger() -> None:
    fit("vae-digits", "--trainer.logger", "false", "--model.noise", "0.3")
    assert not (RUN / "metrics.csv").exists()
    assert yaml.safe_load((RUN / "recipe.yaml").read_text())["model"]["init_args"]["noise"] == 0.3


def test_overfit_batches() -> None:
    """The same images in every epoch."""
    options = "--trainer.overfit_batches", "1", "--trainer.max_epochs", "2"
    main(["fit", "dcgan-digits", *options, "--trainer.callbacks", "null", *QUIET])
    state = torch.load("runs/dcgan-digits/last.ckpt", weights_only=True)
    assert state["global_step"] == 2
    assert state["images_seen"] == 128


def test_a_longer_resumed_training_has_a_longer_learning_rate_cycle() -> None:
    """The learning rate is that of a training with the final length from the start."""
    fit("linear-ae-fashion-mnist")
    longer = fit("linear-ae-fashion-mnist", "--ckpt_path", "last", "--trainer.max_epochs", "5")[
        "lr_schedulers"
    ][0]
    assert longer["total_steps"] == 15
    assert longer["last_epoch"] == 15


def test_runs_may_not_be_a_broken_link(here: Path) -> None:
    (here / "runs").symlink_to("nowhere/there")
    assert "runs" in fails("fit", "vae-digits", "--smoke-test")


def test_foreign_code_of_a_second_recipe_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("helper.py").write_text("")
    Path("more.yaml").write_text("trainer: {callbacks: [helper.Callback]}")
    fails("fit", "vae-digits", "--smoke-test", "--config", "more.yaml")
    assert "more.yaml" in capsys.readouterr().err


class InterruptOnStart(Callback):
    """Ctrl-C before the first step."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_before_the_first_step_leaves_no_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        fit("vae-digits", "--trainer.callbacks+", f"{__name__}.InterruptOnStart")
    assert "--ckpt_path" not in capsys.readouterr().out
    assert not RUN.exists()


def test_disk_errors_name_the_last_checkpoint(here: Path) -> None:
    (here / "last.ckpt").touch()
    message = str(disk_error(OSError(errno.ENOSPC, "No space left on device"), here))
    assert str(here / "last.ckpt") in message
    assert "No space left" in message
