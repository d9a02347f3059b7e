"""The commands of the command line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toys import fails

import zoo
from zoo.cli import main
from zoo.plotting.pictures import read

COMMANDS = (
    "list",
    "show",
    "sample",
    "interpolate",
    "truncate",
    "steer",
    "arithmetic",
    "encode",
    "decode",
    "reconstruct",
    "project",
    "denoise",
    "compress",
    "traverse",
    "map",
    "fit",
    "evaluate",
    "compare",
    "export",
    "verify",
    "leaderboard",
    "publish",
    "cache",
)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == zoo.list_models()
    main(["list", "*-digits"])
    assert "vae-digits" in capsys.readouterr().out
    main(["list", "*-nothing"])
    assert "no model matches '*-nothing'" in capsys.readouterr().out


def test_a_closed_pipe_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "zoo", "list"], stdout=writer, stderr=subprocess.PIPE, check=True
    )
    os.close(writer)
    assert result.stderr == b""


def test_another_broken_pipe_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def list_(options: object) -> None:
        raise BrokenPipeError("the connection was closed")

    monkeypatch.setattr("zoo.cli.catalog.list_", list_)
    assert "the connection was closed" in fails("list")


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "vae-digits"])
    assert str(zoo.card("vae-digits")) in capsys.readouterr().out


def test_sample_accepts_a_name_or_a_file(here: Path) -> None:
    main(["sample", "vae-digits", "-n", "5", "--seed", "3", "--to", "out/grid.png"])
    first = read(here / "out" / "grid.png")
    main(
        ["sample", str(zoo.pretrained.catalog.weights_path("vae-digits")), "-n", "5", "--seed", "3"]
    )
    assert read(here / "samples.png").equal(first)
    main(["sample", "vae-digits", "-n", "5", "--seed", "4"])
    assert not read(here / "samples.png").equal(first)


def test_interpolations_start_and_end_at_samples(here: Path) -> None:
    main(["interpolate", "vae-digits", "--rows", "2", "--steps", "5", "--seed", "1"])
    main(["sample", "vae-digits", "-n", "4", "--seed", "1"])
    paths, ends = read(here / "interpolation.png"), read(here / "samples.png")
    assert paths.shape == (3, 2 * 66 + 2, 5 * 66 + 2)
    assert (paths[:, 2:66, 2:66].int() - ends[:, 2:66, 2:66].int()).abs().max() <= 1
    assert (paths[:, 2:66, -66:-2].int() - ends[:, 2:66, 134:198].int()).abs().max() <= 1


def test_fit_export_evaluate(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One epoch; the card has the metrics of the file; no temporary file remains."""
    quick = ["--trainer.max_epochs=1", "--trainer.enable_progress_bar", "false"]
    main(["fit", "vae-digits", *quick])
    run = here / "runs" / "vae-digits"
    assert "zoo export runs/vae-digits vae-digits" in capsys.readouterr().out
    assert (run / "samples" / "epoch-0000.png").exists()
    assert (run / "metrics.csv").exists()
    assert list(run.glob("*.ckpt")) == [run / "last.ckpt"]

    once = ["--seeds", "1"]
    main(["export", "runs/vae-digits/last.ckpt", "vae-digits", "--to", "exported", *once])
    exported = here / "exported"
    names = [f"vae-digits.{ending}" for ending in ("md", "png", "safetensors")]
    assert sorted(path.name for path in exported.iterdir()) == names
    card = zoo.Card.read(exported / "vae-digits.md")
    assert card.facts["training"]["images_seen"] == 23 * 64
    assert card.facts["training"]["steps"] == 23

    capsys.readouterr()
    main(["evaluate", "exported/vae-digits.safetensors", "--json", "--pictures", "seen", *once])
    shown = capsys.readouterr()
    assert json.loads(shown.out)["metrics"] == card.metrics
    assert shown.err.startswith("the full protocol takes")
    pictures = ["vae-digits-neighbors.png", "vae-digits-pairs.png"]
    assert sorted(path.name for path in (here / "seen").iterdir()) == pictures


def test_runs_do_not_overwrite_each_other_and_resume(here: Path) -> None:
    quiet = ["--trainer.enable_progress_bar", "false"]
    main(["fit", "vae-digits", "--trainer.max_epochs", "1", *quiet])
    main(["fit", "vae-digits", "--trainer.max_epochs", "1", *quiet])
    main(["fit", "vae-digits", "--trainer.max_epochs", "2", "--ckpt_path", "last", *quiet])
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["vae-digits", "vae-digits.2"]
    state = torch.load(here / "runs" / "vae-digits.2" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 2 * 23
    assert state["images_seen"] == 2 * 23 * 64


def test_export_checks_the_recipe(here: Path) -> None:
    """Another class raises; the card lists other arguments; a failure keeps the old files."""
    fast = ["--trainer.max_steps", "2", "--trainer.enable_progress_bar", "false"]
    main(["fit", "vae-digits", "--model.init_args.noise", "0.3", *fast])
    error = fails("export", "runs/vae-digits/last.ckpt", "dcgan-digits", "--to", "exported")
    assert re.search("dcgan-digits.*DCGAN.*VAE", error)
    export = ["export", "runs/vae-digits/last.ckpt", "vae-digits", "--to", "exported"]
    main([*export, "--seeds", "1"])
    assert zoo.Card.read(here / "exported" / "vae-digits.md").facts["changed"] == {"noise": 0.3}
    before = {path: path.read_bytes() for path in (here / "exported").iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.publishing.export.report", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            main(export)
    assert {path: path.read_bytes() for path in (here / "exported").iterdir()} == before


def test_a_resumed_run_keeps_its_overrides_and_logs(here: Path) -> None:
    """The log of the first part is not overwritten."""
    quiet = ["--trainer.enable_progress_bar", "false"]
    main(["fit", "vae-digits", "--trainer.max_epochs=1", "--data.init_args.batch_size=32", *quiet])
    main(["fit", "vae-digits", "--ckpt_path", "last", "--trainer.max_epochs=2", *quiet])
    state = torch.load(here / "runs" / "vae-digits" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 2 * (1500 // 32)
    logs = {path.name for path in (here / "runs" / "vae-digits").glob("metrics*.csv")}
    assert logs == {"metrics.csv", "metrics-1.csv"}


def test_a_recipe_in_the_current_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.yaml").write_text(zoo.pretrained.catalog.recipe_path("vae-digits").read_text())
    fast = ["--trainer.max_steps", "2", "--trainer.enable_progress_bar", "false"]
    main(["fit", "--config", "mine.yaml", *fast])
    assert (here / "runs" / "mine" / "last.ckpt").exists()
    assert "zoo export runs/mine mine\n" in capsys.readouterr().out
    zoo.save(zoo.load("vae-digits"), "mine.safetensors")
    assert "--recipe" in fails("evaluate", "mine.safetensors")
    main(["evaluate", "mine.safetensors", "--recipe", "mine.yaml", "--protocol", "quick"])


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_ctrl_c_leaves_a_checkpoint(here: Path) -> None:
    command = [sys.executable, "-m", "zoo", "fit", "vae-digits"]
    root = str(Path(zoo.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root}
    training = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # CI may ignore it
    )
    first_samples = here / "runs" / "vae-digits" / "samples" / "epoch-0000.png"
    for _ in range(3000):
        if first_samples.exists():
            break
        time.sleep(0.1)
    training.send_signal(signal.SIGINT)
    printed, _ = training.communicate(timeout=300)
    assert training.returncode == 1
    assert "resume with: zoo fit vae-digits --ckpt_path last" in printed
    steps = torch.load(here / "runs" / "vae-digits" / "last.ckpt", weights_only=True)["global_step"]
    assert steps >= 1
    more = ["--trainer.max_steps", str(steps + 30), "--trainer.enable_progress_bar", "false"]
    main(["fit", "vae-digits", "--ckpt_path", "last", "--trainer.max_epochs=-1", *more])
    after = torch.load(here / "runs" / "vae-digits" / "last.ckpt", weights_only=True)
    assert after["global_step"] == steps + 30


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("owned",)


def test_an_untrusted_checkpoint_runs_no_code(here: Path) -> None:
    torch.save({"state_dict": Evil()}, "evil.ckpt")
    assert "evil.ckpt" in fails("fit", "vae-digits", "--ckpt_path", "evil.ckpt")
    assert "evil.ckpt" in fails("export", "evil.ckpt", "vae-digits")
    assert not (here / "owned").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(command, "--help") == "0"
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: zoo {command}")
    assert "None" not in printed


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert fails("--help") == "0"
    printed = capsys.readouterr().out
    listed = {line.split()[0] for line in printed.splitlines() if line.startswith("    ")}
    assert listed >= set(COMMANDS)


def test_python_m_zoo_is_the_same_command() -> None:
    root = Path(zoo.__file__).parents[1]
    command = [sys.executable, "-m", "zoo", "list", "vae-*"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert result.stdout.startswith("vae-")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "vae-digit"], "did you mean vae-digits"),
        (["show", "vea-digits"], "did you mean vae-digits"),
        (["fit", "vae-digtis"], "did you mean vae-digits"),
        (["fit", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["sample", "nowhere.safetensors"], "there is no file nowhere.safetensors"),
        (["sample", "lenet-mnist"], "got lenet-mnist, a LeNet"),
        (["sample", "vae-digits", "--device", "abacus"], "abacus"),
        (["export", "nowhere.ckpt", "vae-digits"], "there is no checkpoint nowhere.ckpt"),
        (["fit", "vae-digits", "--ckpt_path", "last"], "leave out --ckpt_path"),
        (["sample", "vae-digits", "--to", "."], "--to"),
        (["fit", "vae-digits", "--ckpt_path=no.ckpt"], "there is no checkpoint no.ckpt"),
        (["fit", "vae-digits", "--data.init_args.size=16"], "size of Digits must be 8, got 16"),
        (
            ["fit", "vae-digits", "--model.init_args.size=16"],
            "size of the data must be 16",
        ),
        (["fit", "vae-digits", "--model.init_args.size=12"], "got 12"),
    ],
)
def test_errors_are_one_line_with_a_remedy(arguments: list[str], message: str, here: Path) -> None:
    printed = fails(*arguments)
    assert printed.startswith("zoo: ")
    assert message in printed
    assert "\n" not in printed.rstrip()


@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_an_invalid_number_of_samples_raises(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fails("sample", "vae-digits", f"-n={count}") == "2"
    assert f"-n: must be a whole number >= 1, got {count!r}" in capsys.readouterr().err
