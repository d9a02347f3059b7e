"""Loggers of `zoo fit`: whatever they are, they write into the run folder."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning import Trainer
from lightning.pytorch.loggers import CSVLogger

from zoo.training.class_paths import class_at

DEFAULTS = ("CSVLogger", "TensorBoardLogger")  # both need a folder and have no default for it


def default_loggers(folder: str) -> list[dict[str, object]]:
    """The loggers of a run that names none."""
    paths = [f"lightning.pytorch.loggers.{name}" for name in DEFAULTS]
    return [{"class_path": path, "init_args": flat(folder)} for path in paths]


def flat(folder: str) -> dict[str, object]:
    """Arguments by which a logger writes into the folder itself."""
    return {"save_dir": folder, "name": "", "version": ""}


def place_loggers(trainer: Namespace) -> None:
    """Have every logger of parsed Trainer arguments write into `default_root_dir`, unless another
    folder was typed for it; a recipe that comes from a run names the folder of that run."""
    folder = str(trainer.default_root_dir)
    if trainer.logger in (None, True):
        parts = default_loggers(folder)
        trainer.logger = [
            Namespace(part | {"init_args": Namespace(flat(folder))}) for part in parts
        ]
    for logger in named(trainer.logger):
        arguments = logger.init_args
        usual = inspect.signature(class_at(logger.class_path)).parameters["save_dir"].default
        of_a_run = arguments.get("version") == ""
        if of_a_run or arguments.save_dir in (None, usual):
            arguments.save_dir = folder
        if logger.class_path.rpartition(".")[2] in DEFAULTS and arguments.version is None:
            arguments.name = arguments.version = ""


def named(loggers: Any) -> Iterator[Namespace]:
    """Those of one or several loggers that take a folder."""
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        if isinstance(logger, Namespace) and "save_dir" in (logger.get("init_args") or {}):
            yield logger


def add_csv(trainer: Trainer) -> None:
    """Write metrics.csv into the run folder, whatever else logs, and where; a Trainer without
    loggers keeps none."""
    folder = trainer.default_root_dir
    tables = [Path(each.log_dir) for each in trainer.loggers if isinstance(each, CSVLogger)]
    if trainer.loggers and Path(folder) not in tables:
        trainer.loggers = [*trainer.loggers, CSVLogger(folder, name="", version="")]
