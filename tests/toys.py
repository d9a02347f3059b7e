"""Any recipe at toy size, trained through `zoo fit --fast` or through its own Trainer."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from lightning import Callback, LightningModule, Trainer

from zoo.cli import main

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


def fit(name: str, *overrides: str) -> dict[str, object]:
    """Train by the command line, in the folder where we are; what last.ckpt then holds."""
    main(["fit", name, "--fast", *QUIET, *overrides])
    return last(name)


def strike(name: str, step: int, blow: str, *overrides: str) -> dict[str, object]:
    """The same, struck at a step."""
    words = ["--trainer.callbacks+", "toys.Strike", "--trainer.callbacks.step", str(step)]
    Strike.struck.clear()
    with pytest.raises((MemoryError, SystemExit)):
        fit(name, *overrides, *words, "--trainer.callbacks.blow", blow)
    return last(name)


def last(name: str) -> dict[str, object]:
    return torch.load(Path("runs") / f"{name}-fast" / "last.ckpt", weights_only=True)


def differences(one: object, other: object, place: str = "") -> Iterator[str]:
    """Where two checkpoints differ, apart from clocks and folders."""
    if type(one) is not type(other):
        yield f"{place}: {one} {other}"
    elif isinstance(one, dict):
        yield from (f"{place}/{key}" for key in one.keys() ^ other.keys())
        for key in one.keys() & other.keys() - {"dirpath", "last_model_path", "seconds", "Logbook"}:
            yield from differences(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list | tuple):
        yield from ([f"{place}: {len(one)}"] if len(one) != len(other) else [])
        for i, (a, b) in enumerate(zip(one, other, strict=False)):
            yield from differences(a, b, f"{place}/{i}")
    elif isinstance(one, torch.Tensor):
        yield from [] if torch.equal(one, other) else [place]
    elif one != other:
        yield f"{place}: {one} {other}"
