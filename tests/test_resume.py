"""Exact resume: bitwise equal checkpoints with and without an interruption."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch
from lightning import Callback, Trainer
from toys import Interruption, Toy, differences, fit, interrupted_fit

import zoo
from zoo.cli import main
from zoo.errors import BadRecipe
from zoo.pretrained import catalog
from zoo.pretrained.checkpoints import newest_checkpoint

pytestmark = pytest.mark.usefixtures("here")
STEPS = 6  # of a smoke test: two epochs of three


@pytest.mark.parametrize("name", catalog.list_recipes())
def test_a_killed_and_resumed_training_equals_an_uninterrupted_one(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, averages, optimizers, schedules, random numbers, data order, callbacks, counts."""
    monkeypatch.setenv("ZOO_DATA", str(here / "none"))  # without files, data are random
    toy = Toy(name, here)
    whole = toy.fit(here / "whole")
    assert whole["global_step"] == STEPS
    assert toy.fit(here / "half", Interruption(4, "kill"))["global_step"] == STEPS // 2
    assert list(differences(whole, toy.fit(here / "half", resume=True))) == []


def test_a_smoke_test_writes_all_files(here: Path) -> None:
    """The files of a run folder."""
    assert fit("vae-digits")["global_step"] == STEPS
    run = here / "runs" / "vae-digits-smoke-test"
    made = {path.name for path in run.iterdir()}
    assert made >= {"last.ckpt", "recipe.yaml", "environment.yaml", "log.txt", "metrics.csv"}
    pictures = sorted(path.name for path in (run / "samples").iterdir())
    assert pictures == ["epoch-0000.png", "epoch-0001.png"]
    assert not list(run.rglob("*.part"))


@pytest.mark.parametrize("kind", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("step", [2, 3])
@pytest.mark.parametrize("name", ["dcgan-digits", "vae-digits"])
def test_a_signal_within_an_epoch_saves_the_current_step(name: str, step: int, kind: str) -> None:
    """The resumed training continues with the other batches of the epoch."""
    whole = fit(name)
    os.rename("runs", "whole")
    assert interrupted_fit(name, step, kind)["global_step"] == step
    assert list(differences(whole, fit(name, "--ckpt_path", "last"))) == []


class InterruptOnSave(Callback):
    """Ctrl-C before a training, or while a checkpoint is saved."""

    def __init__(self, saving: bool) -> None:
        self.saving = saving
        if not saving:
            raise KeyboardInterrupt

    def on_save_checkpoint(self, *what: object) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("saving", ["true", "false"])
def test_an_interrupt_at_any_time_exits_without_traceback(
    saving: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command for a resume is printed only if there is a checkpoint."""
    overrides = (
        "--trainer.callbacks+",
        "test_resume.InterruptOnSave",
        "--trainer.callbacks.saving",
        saving,
    )
    with pytest.raises(SystemExit) as stop:
        fit("vae-digits", *overrides)
    assert stop.value.code == 1
    assert "--ckpt_path" not in capsys.readouterr().out
    interrupted_fit("dcgan-digits", 2, "SIGTERM")
    assert "zoo fit dcgan-digits --smoke-test --ckpt_path last" in capsys.readouterr().out


@pytest.mark.parametrize(("first", "then"), [(2, 5), (3, 5), (4, 6)])
def test_a_training_that_reached_max_steps_can_be_continued(first: int, then: int) -> None:
    """`max_steps` is within an epoch, or at its end."""
    steps = "--trainer.max_epochs", "-1", "--trainer.max_steps"
    whole = fit("vae-digits", *steps, str(then))
    os.rename("runs", "whole")
    assert fit("vae-digits", *steps, str(first))["global_step"] == first
    more = fit("vae-digits", *steps, str(then), "--ckpt_path", "last")
    assert list(differences(whole, more)) == []


class EarlyStop(Callback):
    """Stops within an epoch, like --trainer.max_time or EarlyStopping."""

    def on_train_batch_end(self, trainer: Trainer, *what: object) -> None:
        trainer.should_stop = trainer.global_step == 2


def test_a_training_that_stopped_early_can_be_continued() -> None:
    """Though an early stop validates, which an uninterrupted training does not do there."""
    whole = fit("vae-digits")
    os.rename("runs", "whole")
    assert fit("vae-digits", "--trainer.callbacks+", "test_resume.EarlyStop")["global_step"] == 2
    assert list(differences(whole, fit("vae-digits", "--ckpt_path", "last"))) == []


def test_checkpoints_every_n_steps() -> None:
    """The training resumes from the last checkpoint, within an epoch."""
    often = "--checkpoint.every_n_train_steps", "2"
    whole = fit("dcgan-digits", *often)
    os.rename("runs", "whole")
    assert interrupted_fit("dcgan-digits", 5, "kill", *often)["global_step"] == 4
    assert list(differences(whole, fit("dcgan-digits", *often, "--ckpt_path", "last"))) == []


def test_checkpoints_contain_current_and_averaged_weights() -> None:
    """The current ones for a resume, the averaged ones for export."""
    state = fit("dcgan-digits")
    current, average = state["current_model_state"], state["state_dict"]
    assert not torch.equal(current["generator.1.weight"], average["generator.1.weight"])


def test_a_training_process_killed_by_sigkill_resumes() -> None:
    """At an arbitrary time."""
    code = "from zoo.cli import main; main(['fit', 'vae-digits', '--trainer.max_epochs', '400'])"
    environment = os.environ | {"PYTHONPATH": str(catalog.HOME)}
    training = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL
    )
    run = Path("runs") / "vae-digits"
    while not (run / "samples" / "epoch-0002.png").exists():
        assert training.poll() is None
        time.sleep(0.05)
    training.kill()
    assert training.wait() == -signal.SIGKILL
    resumed_from = torch.load(run / "last.ckpt", weights_only=True)["global_step"]
    assert resumed_from >= 2 * 23
    end = str(resumed_from // 23 + 1)
    quiet = "--trainer.enable_progress_bar", "false"
    main(["fit", "vae-digits", "--trainer.max_epochs", end, "--ckpt_path", "last", *quiet])
    rest = torch.load(run / "last.ckpt", weights_only=True)
    main(["fit", "vae-digits", "--trainer.max_epochs", end, *quiet])
    whole = torch.load(run.with_name("vae-digits.2") / "last.ckpt", weights_only=True)
    assert list(differences(whole, rest)) == []


def test_newest_checkpoint_skips_truncated_files(here: Path) -> None:
    """A resume removes partial files."""
    fit("vae-digits")
    run = here / "runs" / "vae-digits-smoke-test"
    good = run / "good.ckpt"
    (run / "last.ckpt").rename(good)
    (run / "last.ckpt").write_bytes(good.read_bytes()[:-1000])
    (run / ".last.ckpt.123.part").write_bytes(b"half")
    with pytest.warns(UserWarning, match=r"last\.ckpt"):
        assert newest_checkpoint([run]) == good
    assert fit("vae-digits", "--ckpt_path", "last", "--trainer.max_epochs", "3")["epoch"] == 2
    assert not (run / ".last.ckpt.123.part").exists()
    (run / "last.ckpt").unlink()
    good.unlink()
    with pytest.raises(BadRecipe, match="vae-digits-smoke-test"):
        newest_checkpoint([run])


def test_newest_checkpoint_skips_files_with_a_wrong_byte(here: Path) -> None:
    """Although torch loads them."""
    fit("vae-digits")
    run = here / "runs" / "vae-digits-smoke-test"
    content = bytearray((run / "last.ckpt").read_bytes())
    with ZipFile(run / "last.ckpt") as archive:  # between its records there is padding
        largest = max(archive.infolist(), key=lambda record: record.file_size)
        content[content.index(archive.read(largest))] ^= 1
    (run / "wrong.ckpt").write_bytes(content)  # of equal times, the last name is the newest
    with pytest.warns(UserWarning, match=r"wrong\.ckpt"):
        assert newest_checkpoint([run]) == run / "last.ckpt"


def test_the_recipe_of_a_resumed_run_trains_in_a_new_folder(here: Path) -> None:
    """The old run folder is unchanged."""
    fit("vae-digits", "--trainer.max_epochs", "1")
    fit("vae-digits", "--ckpt_path", "last")
    old = here / "runs" / "vae-digits-smoke-test"
    before = {path: path.stat().st_mtime for path in old.rglob("*")}
    quiet = "--trainer.enable_progress_bar", "false"
    main(["fit", "--config", str(old / "recipe.yaml"), "--smoke-test", *quiet])
    assert {path: path.stat().st_mtime for path in old.rglob("*")} == before
    made = {path.name for path in (here / "runs" / "recipe-smoke-test").iterdir()}
    assert made >= {"last.ckpt", "recipe.yaml", "log.txt", "metrics.csv", "samples"}
    assert "starts at step 0" in (here / "runs" / "recipe-smoke-test" / "log.txt").read_text()


def test_a_failed_save_leaves_the_previous_checkpoint(here: Path) -> None:
    from zoo.callbacks.checkpoints import AtomicCheckpointIO

    path = here / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
    with pytest.raises(AttributeError, match="lambda"):
        AtomicCheckpointIO().save_checkpoint(
            {"large": torch.zeros(1000), "bad": lambda: None}, path
        )
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [path.name for path in here.iterdir()] == ["last.ckpt"]


def test_a_full_disk_raises_os_error(here: Path) -> None:
    """torch raises an error of its archive instead; the test limits the size of files."""
    from zoo.callbacks.checkpoints import AtomicCheckpointIO

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            AtomicCheckpointIO().save_checkpoint(
                {"large": torch.zeros(100_000)}, here / "last.ckpt"
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(here.iterdir()) == []


def test_a_resume_rejects_overrides_of_the_model() -> None:
    fit("vae-digits")
    with pytest.raises(SystemExit, match=r"--model\.init_args\.beta"):
        fit("vae-digits", "--ckpt_path", "last", "--model.init_args.beta", "2")


def test_a_resume_within_an_epoch_rejects_another_batch_size() -> None:
    interrupted_fit("vae-digits", 2, "SIGTERM")
    with pytest.raises(
        SystemExit, match=r"120 images in batches of 40 on 1 devices.*batches of 32"
    ):
        fit("vae-digits", "--ckpt_path", "last", "--data.init_args.batch_size", "32")


def test_export_of_a_run_folder(here: Path) -> None:
    fit("vae-digits")
    main(["export", "runs/vae-digits-smoke-test", "vae-digits", "--to", "shipped", "--seeds", "1"])
    facts = zoo.Card.read(here / "shipped" / "vae-digits.md").facts
    assert facts["training"]["steps"] == STEPS
    assert facts["changed"] == {"width": 8}
