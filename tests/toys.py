"""Any recipe at toy size, trained by `zoo fit --smoke-test` or by its own Trainer."""

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar

import lightning
import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from zoo.cli import main
from zoo.core.module import ZooModule
from zoo.data import Digits
from zoo.pretrained import catalog
from zoo.training.fit import SmokeTest, run_cli
from zoo.training.message_filter import filter_messages
from zoo.training.run_folders import Run
from zoo.training.smoke_test import smoke_test_overrides

Checkpoint = dict[str, Any]

QUIET = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]


class Interruption(Callback):
    """Sends a signal, or raises MemoryError for the kind `kill`, after a step; once in each run
    folder, on the last rank."""

    interrupted: ClassVar[set[str]] = set()

    def __init__(self, step: int, kind: str) -> None:
        self.step, self.kind = step, kind

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: object, batch: object, index: int
    ) -> None:
        is_last_rank = trainer.global_rank == trainer.world_size - 1
        folder = trainer.default_root_dir
        if trainer.global_step != self.step or folder in self.interrupted or not is_last_rank:
            return
        self.interrupted.add(folder)
        if self.kind == "kill":
            raise MemoryError("like kill -9, no checkpoint is saved")
        os.kill(os.getpid(), getattr(signal, self.kind))


def fit(name: str, *overrides: str) -> Checkpoint:
    """Train by the command line in the current folder; return last.ckpt."""
    main(["fit", name, "--smoke-test", *QUIET, *overrides])
    return last(name)


def interrupted_fit(name: str, step: int, kind: str, *overrides: str) -> Checkpoint:
    """`fit` with an interruption after a step."""
    callback = ["--trainer.callbacks+", "toys.Interruption", "--trainer.callbacks.step", str(step)]
    Interruption.interrupted.clear()
    with pytest.raises((MemoryError, SystemExit)):
        fit(name, *overrides, *callback, "--trainer.callbacks.kind", kind)
    return last(name)


class Toy:
    """A recipe at toy size, parsed once and trained any number of times."""

    def __init__(self, name: str, folder: Path) -> None:
        recipe = catalog.recipe_path(name)
        run = Run(folder, recipe, [*smoke_test_overrides(recipe, []), *QUIET])
        with filter_messages():
            self.cli = run_cli(SmokeTest, run, fit=False)

    def fit(
        self, folder: Path, interruption: Interruption | None = None, resume: bool = False
    ) -> Checkpoint:
        """Train in a folder; return its last.ckpt."""
        cli, path = self.cli, folder / "last.ckpt"
        cli.config.trainer.default_root_dir = cli.config.checkpoint.dirpath = str(folder)
        lightning.seed_everything(cli.config.seed_everything, verbose=False)
        with filter_messages():
            cli.instantiate_classes()
            cli.before_fit()
            cli.trainer.callbacks[:0] = [interruption] if interruption else []
            options = {"ckpt_path": path, "weights_only": True} if resume else {}
            with pytest.raises(MemoryError) if interruption else nullcontext():
                cli.trainer.fit(cli.model, cli.datamodule, **options)
        return torch.load(path, weights_only=True)


def last(name: str) -> Checkpoint:
    """The checkpoint last.ckpt of a smoke test."""
    return torch.load(Path("runs") / f"{name}-smoke-test" / "last.ckpt", weights_only=True)


def differences(one: object, other: object, place: str = "") -> Iterator[str]:
    """The paths at which two checkpoints differ, except for times and folders."""
    if type(one) is not type(other):
        yield f"{place}: {one} {other}"
    elif isinstance(one, dict):
        yield from (f"{place}/{key}" for key in one.keys() ^ other.keys())
        for key in one.keys() & other.keys() - {
            "dirpath",
            "last_model_path",
            "seconds",
            "RunMetadata",
        }:
            yield from differences(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list | tuple):
        yield from ([f"{place}: {len(one)}"] if len(one) != len(other) else [])
        for i, (a, b) in enumerate(zip(one, other, strict=False)):
            yield from differences(a, b, f"{place}/{i}")
    elif isinstance(one, torch.Tensor):
        yield from [] if torch.equal(one, other) else [place]
    elif one != other:
        yield f"{place}: {one} {other}"


def fails(*arguments: str) -> str:
    """The message of a command that fails."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return str(stop.value.code)


def on_digits(
    model: ZooModule,
    folder: Path,
    *callbacks: Callback,
    logs: bool = False,
    resume: Path | None = None,
    **limit: int,
) -> Trainer:
    """Train a model on Digits from seed 0 until `max_steps` or `max_epochs`."""
    trainer = Trainer(
        accelerator="cpu",
        callbacks=list(callbacks),
        default_root_dir=folder,
        logger=TensorBoardLogger(folder, name="", version="") if logs else False,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        **limit,
    )
    lightning.seed_everything(0, verbose=False)
    data = Digits(str(folder), batch_size=64)
    trainer.fit(model, datamodule=data, ckpt_path=resume, weights_only=True)
    return trainer
