"""Any recipe at toy size, trained through `zoo fit --smoke-test` or through its own Trainer."""

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
from zoo.training.fit import SmokeTest, quiet, train
from zoo.training.run_folders import Run
from zoo.training.smoke_test import smoke_test_overrides

Checkpoint = dict[str, Any]

QUIET = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]


class Strike(Callback):
    """At a step, what can befall a training; once in each run folder, on its last
    rank."""

    struck: ClassVar[set[str]] = set()

    def __init__(self, step: int, blow: str) -> None:
        self.step, self.blow = step, blow

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: object, batch: object, index: int
    ) -> None:
        last = trainer.global_rank == trainer.world_size - 1
        if trainer.global_step != self.step or trainer.default_root_dir in self.struck or not last:
            return
        self.struck.add(trainer.default_root_dir)
        if self.blow == "kill":
            raise MemoryError("as if by kill -9: nothing is saved any more")
        os.kill(os.getpid(), getattr(signal, self.blow))


def fit(name: str, *overrides: str) -> Checkpoint:
    """Train by the command line, in the folder where we are; what last.ckpt then holds."""
    main(["fit", name, "--smoke-test", *QUIET, *overrides])
    return last(name)


def strike(name: str, step: int, blow: str, *overrides: str) -> Checkpoint:
    """The same, struck at a step."""
    words = ["--trainer.callbacks+", "toys.Strike", "--trainer.callbacks.step", str(step)]
    Strike.struck.clear()
    with pytest.raises((MemoryError, SystemExit)):
        fit(name, *overrides, *words, "--trainer.callbacks.blow", blow)
    return last(name)


class Toy:
    """A recipe at toy size, parsed once and trained as often as one likes."""

    def __init__(self, name: str, folder: Path) -> None:
        recipe = catalog.recipe_path(name)
        run = Run(folder, recipe, [*smoke_test_overrides(recipe, []), *QUIET])
        with quiet():
            self.made = train(SmokeTest, run, at_once=False)

    def fit(self, folder: Path, strike: Strike | None = None, resume: bool = False) -> Checkpoint:
        """Train in a folder; what its last.ckpt then holds."""
        made, path = self.made, folder / "last.ckpt"
        made.config.trainer.default_root_dir = made.config.checkpoint.dirpath = str(folder)
        lightning.seed_everything(made.config.seed_everything, verbose=False)
        with quiet():
            made.instantiate_classes()
            made.before_fit()
            made.trainer.callbacks[:0] = [strike] if strike else []
            way = {"ckpt_path": path, "weights_only": True} if resume else {}
            with pytest.raises(MemoryError) if strike else nullcontext():
                made.trainer.fit(made.model, made.datamodule, **way)
        return torch.load(path, weights_only=True)


def last(name: str) -> Checkpoint:
    return torch.load(Path("runs") / f"{name}-smoke-test" / "last.ckpt", weights_only=True)


def differences(one: object, other: object, place: str = "") -> Iterator[str]:
    """Where two checkpoints differ, apart from clocks and folders."""
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
    """What a command says when it stops."""
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
    """Train a model on the digits, from one seed, until `max_steps` or `max_epochs`."""
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
