"""A training that stops goes on as if it had not: bit for bit, whatever stopped it."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning import Callback, Trainer
from toys import Strike, Toy, differences, fit, strike

import zoo
from zoo.cli import main
from zoo.errors import BadRecipe
from zoo.pretrained import catalog
from zoo.pretrained.checkpoints import newest_checkpoint

pytestmark = pytest.mark.usefixtures("here")
STEPS = 6  # of a fast run: two epochs of three


@pytest.mark.parametrize("name", catalog.list_recipes())
def test_killed_and_resumed_is_never_stopped(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Players, averages, optimizers, schedules, streams, data order, callbacks and counts."""
    monkeypatch.setenv("ZOO_DATA", str(here / "none"))  # noise, where there are no files
    toy = Toy(name, here)
    whole = toy.fit(here / "whole")
    assert whole["global_step"] == STEPS
    assert toy.fit(here / "half", Strike(4, "kill"))["global_step"] == STEPS // 2
    assert list(differences(whole, toy.fit(here / "half", resume=True))) == []


def test_fast_goes_all_the_way(here: Path) -> None:
    """From files that are there, and from none; what a run folder holds."""
    assert fit("vae-digits")["global_step"] == STEPS
    run = here / "runs" / "vae-digits-smoke-test"
    made = {path.name for path in run.iterdir()}
    assert made >= {"last.ckpt", "recipe.yaml", "environment.yaml", "log.txt", "metrics.csv"}
    pictures = sorted(path.name for path in (run / "samples").iterdir())
    assert pictures == ["epoch-0000.png", "epoch-0001.png"]
    assert not list(run.rglob("*.part"))


@pytest.mark.parametrize("blow", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("step", [2, 3])
@pytest.mark.parametrize("name", ["dcgan-digits", "vae-digits"])
def test_asked_to_stop_in_the_middle_of_an_epoch(name: str, step: int, blow: str) -> None:
    """The step is finished and saved; the epoch's other batches come after."""
    whole = fit(name)
    os.rename("runs", "whole")
    assert strike(name, step, blow)["global_step"] == step
    assert list(differences(whole, fit(name, "--ckpt_path", "last"))) == []


class Impatience(Callback):
    """Ctrl-C where Lightning does not expect it: before a training, or in the middle of a save."""

    def __init__(self, saving: bool) -> None:
        self.saving = saving
        if not saving:
            raise KeyboardInterrupt

    def on_save_checkpoint(self, *what: object) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("saving", ["true", "false"])
def test_an_impatient_stop_is_a_quiet_one(saving: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A resume is offered only where there is a checkpoint."""
    words = "--trainer.callbacks+", "test_resume.Impatience", "--trainer.callbacks.saving", saving
    with pytest.raises(SystemExit) as stop:
        fit("vae-digits", *words)
    assert stop.value.code == 1
    assert "--ckpt_path" not in capsys.readouterr().out
    strike("dcgan-digits", 2, "SIGTERM")
    assert "zoo fit dcgan-digits --smoke-test --ckpt_path last" in capsys.readouterr().out


@pytest.mark.parametrize(("first", "then"), [(2, 5), (3, 5), (4, 6)])
def test_a_limit_is_a_pause(first: int, then: int) -> None:
    """A training that ended by `max_steps`, in the middle of an epoch or not, can be prolonged."""
    steps = "--trainer.max_epochs", "-1", "--trainer.max_steps"
    whole = fit("vae-digits", *steps, str(then))
    os.rename("runs", "whole")
    assert fit("vae-digits", *steps, str(first))["global_step"] == first
    more = fit("vae-digits", *steps, str(then), "--ckpt_path", "last")
    assert list(differences(whole, more)) == []


class Halt(Callback):
    """As --trainer.max_time or an early stop would, in the middle of an epoch."""

    def on_train_batch_end(self, trainer: Trainer, *what: object) -> None:
        trainer.should_stop = trainer.global_step == 2


def test_an_early_stop_is_a_pause() -> None:
    """Though it validates, which a training that goes on would not have done there."""
    whole = fit("vae-digits")
    os.rename("runs", "whole")
    assert fit("vae-digits", "--trainer.callbacks+", "test_resume.Halt")["global_step"] == 2
    assert list(differences(whole, fit("vae-digits", "--ckpt_path", "last"))) == []


def test_between_epochs_by_steps() -> None:
    """A checkpoint every two steps, whatever the epochs; it goes on from the last of them."""
    often = "--checkpoint.every_n_train_steps", "2"
    whole = fit("dcgan-digits", *often)
    os.rename("runs", "whole")
    assert strike("dcgan-digits", 5, "kill", *often)["global_step"] == 4
    assert list(differences(whole, fit("dcgan-digits", *often, "--ckpt_path", "last"))) == []


def test_a_finished_run_keeps_both_weights() -> None:
    """The current ones, to go on from, and their average, to ship."""
    state = fit("dcgan-digits")
    current, average = state["current_model_state"], state["state_dict"]
    assert not torch.equal(current["generator.1.weight"], average["generator.1.weight"])


def test_kill_9() -> None:
    """A real one, of a real process, at a time of its own."""
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
    begun = torch.load(run / "last.ckpt", weights_only=True)["global_step"]
    assert begun >= 2 * 23
    end = str(begun // 23 + 1)
    quiet = "--trainer.enable_progress_bar", "false"
    main(["fit", "vae-digits", "--trainer.max_epochs", end, "--ckpt_path", "last", *quiet])
    rest = torch.load(run / "last.ckpt", weights_only=True)
    main(["fit", "vae-digits", "--trainer.max_epochs", end, *quiet])
    whole = torch.load(run.with_name("vae-digits.2") / "last.ckpt", weights_only=True)
    assert list(differences(whole, rest)) == []


def test_a_half_written_checkpoint_is_passed_over(here: Path) -> None:
    """The newest good one is found; what a kill left of a save is cleared away."""
    fit("vae-digits")
    run = here / "runs" / "vae-digits-smoke-test"
    good = run / "good.ckpt"
    (run / "last.ckpt").rename(good)
    (run / "last.ckpt").write_bytes(good.read_bytes()[:-1000])
    (run / ".last.ckpt.123.part").write_bytes(b"half")
    with pytest.warns(UserWarning, match=r"skipped: .*last\.ckpt"):
        assert newest_checkpoint([run]) == good
    assert fit("vae-digits", "--ckpt_path", "last", "--trainer.max_epochs", "3")["epoch"] == 2
    assert not (run / ".last.ckpt.123.part").exists()
    (run / "last.ckpt").unlink()
    good.unlink()
    with pytest.raises(BadRecipe, match="no valid checkpoint"):
        newest_checkpoint([run])


def test_a_checkpoint_with_a_wrong_byte_is_passed_over(here: Path) -> None:
    """torch would load it."""
    fit("vae-digits")
    run = here / "runs" / "vae-digits-smoke-test"
    content = bytearray((run / "last.ckpt").read_bytes())
    content[len(content) // 2] ^= 1
    (run / "wrong.ckpt").write_bytes(content)  # of two alike, the last by name comes first
    with pytest.warns(UserWarning, match=r"skipped: .*wrong\.ckpt"):
        assert newest_checkpoint([run]) == run / "last.ckpt"


def test_the_recipe_of_a_resumed_run_trains_anew(here: Path) -> None:
    """In a folder of its own; nothing is added to the run that it came from."""
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


def test_a_save_that_fails_leaves_the_one_before(here: Path) -> None:
    from zoo.callbacks.checkpoints import AtomicCheckpointIO

    path = here / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
    with pytest.raises(AttributeError, match="pickle"):
        AtomicCheckpointIO().save_checkpoint(
            {"large": torch.zeros(1000), "bad": lambda: None}, path
        )
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [found.name for found in here.iterdir()] == ["last.ckpt"]


def test_a_full_disk_is_an_error_of_the_disk(here: Path) -> None:
    """torch covers it with an error of its archive; here a limit on file sizes stands for it."""
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


def test_another_model_is_refused() -> None:
    fit("vae-digits")
    with pytest.raises(SystemExit, match=r"goes on with the model .* --model.init_args.beta"):
        fit("vae-digits", "--ckpt_path", "last", "--model.init_args.beta", "2")


def test_other_batches_in_the_middle_of_an_epoch_are_refused() -> None:
    strike("vae-digits", 2, "SIGTERM")
    with pytest.raises(SystemExit, match="120 images in batches of 40 on 1 devices: go on with"):
        fit("vae-digits", "--ckpt_path", "last", "--data.init_args.batch_size", "32")


def test_a_run_folder_is_exported(here: Path) -> None:
    fit("vae-digits")
    main(["export", "runs/vae-digits-smoke-test", "vae-digits", "--to", "shipped", "--seeds", "1"])
    facts = zoo.Card.read(here / "shipped" / "vae-digits.md").facts
    assert facts["training"]["steps"] == STEPS
    assert facts["changed"] == {"width": 8}
