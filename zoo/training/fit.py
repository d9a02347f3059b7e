"""`zoo fit`: a LightningCLI that trains a recipe and writes all files into one run folder."""

import os
import sys
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
from zoo.training.class_paths import class_at
from zoo.training.config_checks import (
    GUARD,
    Parser,
    check_resumed,
    check_settings,
    foreign_code,
)
from zoo.training.folder_option import split_options
from zoo.training.loggers import add_csv_logger, default_loggers, place_loggers
from zoo.training.message_filter import filter_messages
from zoo.training.parser_errors import translate_parser_error, unknown_metric
from zoo.training.resuming import CheckedRestore
from zoo.training.run_folders import (
    RUN,
    Run,
    disk_error,
    lock_folder,
    prepare_run,
    remove_unstarted,
)
from zoo.training.smoke_test import shrink, smoke_test_overrides

CHECKPOINTS = {"save_last": True, "save_top_k": 0, "enable_version_counter": False}
CONFIG = ("--config", "-c")
INIT_FROM = "initialize from the weights of a NAME, a FILE, a run folder or owner/name of the Hub"


class Stopped(SystemExit):
    """A training that Ctrl-C or SIGTERM stopped; `resumable` if there is a checkpoint."""

    def __init__(self, resumable: bool) -> None:
        super().__init__(1)
        self.resumable = resumable


class AutoTrainer(Trainer):
    """Lightning's Trainer with the precision `auto`: bf16-mixed where the device has native
    bfloat16, else 32-true; `config_checks.check_settings` resolves it. Checks checkpoints before
    they are restored."""

    def __init__(
        self,
        *args: Any,
        precision: _PRECISION_INPUT | Literal["auto"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, precision=precision, **kwargs)  # type: ignore[arg-type]
        self._checkpoint_connector = CheckedRestore(self)


class SaveRecipe(SaveConfigCallback):
    """Writes `recipe.yaml` into the run folder, independent of the loggers."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        with atomic_write(Path(trainer.default_root_dir) / "recipe.yaml") as temporary:
            self.parser.save(
                self.config, temporary, skip_none=False, overwrite=True, multifile=False
            )


class FitCLI(LightningCLI):
    """LightningCLI with checkpoints, run metadata for cards, and a divergence guard."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Only `fit`: building the parser of each other command would take as long again."""
        return {"fit": LightningCLI.subcommands()["fit"]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(Checkpoint, "checkpoint")
        parser.add_lightning_class_args(RunMetadata, "metadata")
        parser.add_lightning_class_args(DivergenceGuard, GUARD)
        parser.add_lightning_class_args(ThroughputMonitor, "throughput")
        parser.set_defaults({f"checkpoint.{key}": value for key, value in CHECKPOINTS.items()})
        parser.add_argument("--init_from", type=str | None, help=INIT_FROM)

    def _parse_ckpt_path(self) -> None:
        """Check a checkpoint before Lightning takes the model's class and arguments from it."""
        settings = self.config.get("fit", self.config)
        if settings.get("ckpt_path"):
            check_resumed(Path(settings.ckpt_path), settings.model)
        super()._parse_ckpt_path()

    def before_instantiate_classes(self) -> None:
        settings = self.config.get("fit", self.config)
        check_settings(settings)
        make_paths_absolute(settings.data)
        place_loggers(settings.trainer)

    def instantiate_classes(self) -> None:
        """Build all classes; raises the ZooError of a class, which jsonargparse wraps in others."""
        try:
            super().instantiate_classes()
        except ValueError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, ZooError):
                cause = cause.__cause__
            raise cause or translate_parser_error(str(error), []) from error
        settings = self.config.get("fit", self.config)
        if settings["init_from"] and not settings.get("ckpt_path"):  # a checkpoint has its weights
            self.init_weights(settings["init_from"])

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except (RuntimeError, ImportError) as error:  # duplicate callbacks, or a missing package
            reason = " ".join(str(error).split())
            raise BadRecipe(f"the trainer cannot be built: {reason}") from error
        add_csv_logger(trainer)
        return trainer

    def init_weights(self, origin: str) -> None:
        """Initialize the model from pretrained weights, and record their origin."""
        origin, new = init_from_pretrained(self.model, origin)
        print(f"initialized from {origin}" + (f"; new: {', '.join(new)}" if new else ""))
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, RunMetadata):
                callback.entries["init_from"] = origin


class SmokeTest(FitCLI):
    """A training on a few images, as a check that everything runs."""

    def before_fit(self) -> None:
        shrink(self.datamodule, self.trainer)


def fit(name: str, recipe: Path, overrides: list[str], smoke_test: bool = False) -> Path:
    """Train a recipe with overrides in the form of LightningCLI; return the run folder.

    `--ckpt_path last` resumes the newest run of that name with its own recipe and overrides; else
    the run has a new folder. `smoke_test` trains a small model for seconds. Raises BadRecipe and
    BadWeights, and SystemExit when interrupted.
    """
    overrides = split_options(overrides)
    warn_of_code(recipe, *(Path(file) for word, file in pairwise(overrides) if word in CONFIG))
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())  # for classes that a recipe names in the current folder
    run = prepare_run(f"{name}-smoke-test" if smoke_test else name, recipe, overrides)
    if smoke_test:
        run = run._replace(overrides=[*smoke_test_overrides(recipe, run.overrides), *run.overrides])
    with filter_messages(), lock_folder(run.folder):
        os.environ[RUN] = str(run.folder)
        try:
            run_cli(SmokeTest if smoke_test else FitCLI, run)
        except (MisconfigurationException, RuntimeError) as error:
            if (translated := translate_training_error(error)) is None:
                raise
            raise translated from error
        except OSError as error:
            raise disk_error(error, run.folder) from error
        except (SIGTERMException, KeyboardInterrupt, SystemExit) as stop:
            raise translate_stop(stop, run.folder) from None
        finally:
            del os.environ[RUN]
            remove_unstarted(run.folder)
    return run.folder


def translate_training_error(error: Exception) -> BadRecipe | None:
    """The error of an unknown metric or of an invalid configuration; None for others."""
    if unknown := unknown_metric(error):
        return unknown
    is_configuration = isinstance(error, MisconfigurationException)
    return BadRecipe(" ".join(str(error).split())) if is_configuration else None


def translate_stop(stop: BaseException, folder: Path) -> BaseException:
    """Stopped for Ctrl-C and SIGTERM, for which Lightning exits; other exits unchanged."""
    signals = (SIGTERMException, KeyboardInterrupt)
    if isinstance(stop, signals) or isinstance(stop.__context__, KeyboardInterrupt):
        return Stopped(any(folder.glob("*.ckpt")))
    return stop


def make_paths_absolute(data: Any) -> None:
    """Make the paths of own files in parsed arguments of a data module absolute, so that the recipe
    of the run is valid in any folder."""
    arguments = data.get("init_args") or {}
    for name in getattr(class_at(data.class_path), "own_paths", ()):
        if arguments.get(name):
            arguments[name] = str(Path(arguments[name]).absolute())


def warn_of_code(*recipes: Path) -> None:
    """Print the import paths in recipes outside of zoo, lightning and torch."""
    for recipe in recipes:
        if foreign := foreign_code(recipe):
            print(
                f"{recipe} imports and runs code outside of zoo, lightning and torch: "
                f"{', '.join(foreign)}. Train only with recipes that you trust.",
                file=sys.stderr,
            )


def run_cli(cli: type[FitCLI], run: Run, fit: bool = True) -> FitCLI:
    """Parse and build a run, and, unless `fit` is false, train it."""
    folder = str(run.folder)
    settings = ["--config", str(run.recipe), "--checkpoint.dirpath", folder]
    settings += ["--trainer.default_root_dir", folder]
    if fit:
        settings = ["fit", *settings]
        settings += ["--weights_only", "true"]  # a checkpoint may be untrusted
        settings += ["--ckpt_path", "null"]  # not that in the recipe of a resumed run
    return cli(
        LightningModule,
        LightningDataModule,
        run=fit,
        subclass_mode_model=True,
        subclass_mode_data=True,
        parser_class=Parser,
        trainer_class=AutoTrainer,
        save_config_callback=SaveRecipe,
        save_config_kwargs={"save_to_log_dir": False},
        trainer_defaults={"logger": default_loggers(folder)},
        args=[*settings, *run.overrides],
    )
