"""`zoo fit`: a LightningCLI that trains from a recipe and keeps all it makes in one run folder."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from lightning import LightningDataModule, LightningModule, Trainer
from lightning.fabric.plugins.precision.precision import _PRECISION_INPUT
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities.exceptions import SIGTERMException

from zoo.callbacks import Checkpoint, DivergenceGuard, RunMetadata, ThroughputMonitor
from zoo.errors import BadRecipe, ZooError
from zoo.files import atomic_write
from zoo.pretrained.training_modules import init_from_pretrained
from zoo.training.config_checks import Parser, check, check_resumed, foreign_code, translated
from zoo.training.loggers import add_csv, default_loggers, place_loggers
from zoo.training.resuming import CheckedRestore
from zoo.training.run_folders import (
    RUN,
    Run,
    lock_folder,
    prepare_run,
    remove_unstarted,
    stopped_by,
)
from zoo.training.smoke_test import shrink, smoke_test_overrides

CHECKPOINTS = {"save_last": True, "save_top_k": 0, "enable_version_counter": False}
CONFIG = ("--config", "-c")
FROM = "start from the weights, and opponents, of a NAME, a FILE, a run or owner/name of the Hub"


class Stopped(SystemExit):
    """A training that Ctrl-C or SIGTERM stopped; `resumable` where it left a checkpoint."""

    def __init__(self, resumable: bool) -> None:
        super().__init__(1)
        self.resumable = resumable


class AutoTrainer(Trainer):
    """Lightning's Trainer, whose precision may also be `auto`: bf16-mixed where the device computes
    in bfloat16, else 32-true. `config_checks.check` puts one of them in its place. A checkpoint
    that does not fit the training is rejected."""

    def __init__(
        self,
        *args: Any,
        precision: _PRECISION_INPUT | Literal["auto"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, precision=precision, **kwargs)  # type: ignore[arg-type]
        self._checkpoint_connector = CheckedRestore(self)


class SaveRecipe(SaveConfigCallback):
    """Writes `recipe.yaml` into the run folder, wherever the loggers write."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        with atomic_write(Path(trainer.default_root_dir) / "recipe.yaml") as beside:
            self.parser.save(self.config, beside, skip_none=False, overwrite=True, multifile=False)


class FitCLI(LightningCLI):
    """LightningCLI with checkpoints, a logbook from which a card is written, and a guard."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Only `fit` is used here: to describe the others takes as long again each."""
        return {"fit": LightningCLI.subcommands()["fit"]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(Checkpoint, "checkpoint")
        parser.add_lightning_class_args(RunMetadata, "logbook")
        parser.add_lightning_class_args(DivergenceGuard, "guard")
        parser.add_lightning_class_args(ThroughputMonitor, "pace")
        parser.set_defaults({f"checkpoint.{key}": value for key, value in CHECKPOINTS.items()})
        parser.add_argument("--init_from", type=str | None, help=FROM)

    def _parse_ckpt_path(self) -> None:
        """Judge a checkpoint before Lightning takes the model's class and arguments from it."""
        settings = self.config.get("fit", self.config)
        if settings.get("ckpt_path"):
            check_resumed(Path(settings.ckpt_path), settings.model)
        super()._parse_ckpt_path()

    def before_instantiate_classes(self) -> None:
        settings = self.config.get("fit", self.config)
        check(settings)
        place_loggers(settings.trainer)

    def instantiate_classes(self) -> None:
        """Say in words what a class refused: jsonargparse buries it under its own errors."""
        try:
            super().instantiate_classes()
        except ValueError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, ZooError):
                cause = cause.__cause__
            raise cause or translated(str(error), []) from error
        settings = self.config.get("fit", self.config)
        if settings["init_from"] and not settings.get("ckpt_path"):  # which has gone on from there
            self.begin(settings["init_from"])

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except (RuntimeError, ImportError) as error:  # of two callbacks of a kind, or no package
            raise BadRecipe(
                f"the trainer cannot be built: {' '.join(str(error).split())}"
            ) from error
        add_csv(trainer)
        return trainer

    def begin(self, origin: str) -> None:
        """Start from weights that are there, and note from which."""
        origin, anew = init_from_pretrained(self.model, origin)
        print(f"begun from {origin}" + (f"; new: the {' and the '.join(anew)}" if anew else ""))
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, RunMetadata):
                callback.entries["init_from"] = origin


class SmokeTest(FitCLI):
    """The same on a few images: a check that everything runs."""

    def before_fit(self) -> None:
        shrink(self.datamodule, self.trainer)


def fit(name: str, recipe: Path, overrides: list[str], smoke_test: bool = False) -> Path:
    """Train a recipe with Lightning's overrides; return the run folder.

    `--ckpt_path last` goes on with the newest run, by the recipe and the overrides that it began
    with; else a run never writes over another. `smoke_test` trains for seconds, at toy size. Raises
    BadRecipe and BadWeights, and SystemExit when interrupted.
    """
    overrides = [
        part for word in overrides for part in (word.split("=", 1) if word[:2] == "--" else [word])
    ]
    warn_of_code(recipe, *(Path(file) for word, file in pairwise(overrides) if word in CONFIG))
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())  # a recipe of one's own may name a class of this folder
    run = prepare_run(f"{name}-smoke-test" if smoke_test else name, recipe, overrides)
    if smoke_test:
        run = run._replace(overrides=[*smoke_test_overrides(recipe, run.overrides), *run.overrides])
    with quiet(), lock_folder(run.folder):
        os.environ[RUN] = str(run.folder)
        try:
            train(SmokeTest if smoke_test else FitCLI, run)
        except MisconfigurationException as error:
            raise BadRecipe(" ".join(str(error).split())) from error
        except OSError as error:
            raise stopped_by(error, run.folder) from error
        except (SIGTERMException, KeyboardInterrupt, SystemExit) as stop:
            raise stopped(stop, run.folder) from None
        finally:
            del os.environ[RUN]
            remove_unstarted(run.folder)
    return run.folder


def stopped(stop: BaseException, folder: Path) -> BaseException:
    """Stopped by Ctrl-C or SIGTERM, of which Lightning makes exits; any other exit as it is."""
    asked = (SIGTERMException, KeyboardInterrupt)
    if isinstance(stop, asked) or isinstance(stop.__context__, KeyboardInterrupt):
        return Stopped(any(folder.glob("*.ckpt")))
    return stop


def warn_of_code(*recipes: Path) -> None:
    """Print what recipes import that is part of neither zoo, lightning nor torch."""
    for recipe in recipes:
        if foreign := foreign_code(recipe):
            print(
                f"{recipe} imports and runs code outside of zoo, lightning and torch: "
                f"{', '.join(foreign)}. A recipe is a program: train only with those that you "
                "trust.",
                file=sys.stderr,
            )


def train(kind: type[FitCLI], run: Run, at_once: bool = True) -> FitCLI:
    """Parse, build and fit, with all that is made in the run's folder; or parse and build alone."""
    folder = str(run.folder)
    settings = ["--config", str(run.recipe), "--checkpoint.dirpath", folder]
    settings += ["--trainer.default_root_dir", folder]
    safety = ["--weights_only", "true"]  # a checkpoint may be a stranger's
    anew = ["--ckpt_path", "null"]  # what the recipe of a resumed run names is not this one's
    words = ["fit", *settings, *safety, *anew] if at_once else settings
    return kind(
        LightningModule,
        LightningDataModule,
        run=at_once,
        subclass_mode_model=True,
        subclass_mode_data=True,
        parser_class=Parser,
        trainer_class=AutoTrainer,
        save_config_callback=SaveRecipe,
        save_config_kwargs={"save_to_log_dir": False},
        trainer_defaults={"logger": default_loggers(folder)},
        args=[*words, *run.overrides],
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep back what Lightning says of things that are as they should be, and its advertising."""
    shop = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    shop.addFilter(is_no_tip)
    before, threading.excepthook = threading.excepthook, report_unless_disk
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*exists and is not empty")
        warnings.filterwarnings("ignore", ".*have no `validation_step`")  # GANs have none
        warnings.filterwarnings("ignore", ".*does not have many workers")  # one array needs none
        warnings.filterwarnings("ignore", ".*no pre-optimization state")  # after the step is right
        warnings.filterwarnings("ignore", ".*LeafSpec.*")
        warnings.filterwarnings("ignore", module="lightning.pytorch.cli")  # of its own calls
        try:
            yield
        finally:
            shop.removeFilter(is_no_tip)
            threading.excepthook = before


def report_unless_disk(args: threading.ExceptHookArgs) -> None:
    """A logger's thread that cannot write: the training meets the same error, and reports it."""
    if not isinstance(args.exc_value, OSError):
        threading.__excepthook__(args)


def is_no_tip(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()
