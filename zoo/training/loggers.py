"""Loggers of `zoo fit`: all of them write into the run folder."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning import Trainer
from lightning.pytorch.loggers import CSVLogger

from zoo.training.class_paths import class_at

DEFAULTS = ("CSVLogger", "TensorBoardLogger")  # both require `save_dir`


def default_loggers(folder: str) -> list[dict[str, object]]:
    """The loggers of a recipe without `trainer.logger`."""
    paths = [f"lightning.pytorch.loggers.{name}" for name in DEFAULTS]
    return [{"class_path": path, "init_args": without_subfolder(folder)} for path in paths]


def without_subfolder(folder: str) -> dict[str, object]:
    """Arguments by which a logger writes into the folder itself."""
    return {"save_dir": folder, "name": "", "version": ""}


def place_loggers(trainer: Namespace) -> None:
    """Set `save_dir` of the loggers among parsed Trainer arguments to `default_root_dir`, unless
    the user names another folder. A recipe from a run folder names that folder, which is replaced.
    """
    folder = str(trainer.default_root_dir)
    if trainer.logger in (None, True):
        trainer.logger = [
            Namespace(part | {"init_args": Namespace(without_subfolder(folder))})
            for part in default_loggers(folder)
        ]
    for logger in loggers_with_folder(trainer.logger):
        arguments = logger.init_args
        default = inspect.signature(class_at(logger.class_path)).parameters["save_dir"].default
        is_of_a_run = arguments.get("version") == ""
        if is_of_a_run or arguments.save_dir in (None, default):
            arguments.save_dir = folder
        if logger.class_path.rpartition(".")[2] in DEFAULTS and arguments.version is None:
            arguments.name = arguments.version = ""


def loggers_with_folder(loggers: Any) -> Iterator[Namespace]:
    """Those of one or several parsed loggers that have `save_dir`."""
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        if isinstance(logger, Namespace) and "save_dir" in (logger.get("init_args") or {}):
            yield logger


def add_csv_logger(trainer: Trainer) -> None:
    """Add a CSVLogger for metrics.csv in the run folder, unless there is one, or no logger."""
    folder = trainer.default_root_dir
    folders = [Path(each.log_dir) for each in trainer.loggers if isinstance(each, CSVLogger)]
    if trainer.loggers and Path(folder) not in folders:
        trainer.loggers = [*trainer.loggers, CSVLogger(folder, name="", version="")]
