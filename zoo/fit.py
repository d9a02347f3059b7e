"""`zoo fit`: a LightningCLI that trains from a recipe and keeps all it makes in one run folder."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning import LightningDataModule, LightningModule
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from recipes.callbacks.logbook import Logbook
from zoo.checkpoints import read_checkpoint
from zoo.errors import BadRecipe, ZooError
from zoo.opponents import begin

RUNS = Path("runs")
RUN = "ZOO_RUN"  # tells the other processes of a run where the first one works
LOGGERS = ("CSVLogger", "TensorBoardLogger")
FROM = "start from the weights of a NAME, a FILE or an owner/name of the Hub, opponents included"
CHECKPOINTS = {"save_last": True, "save_top_k": 0, "save_on_exception": True}


class Fit(LightningCLI):
    """LightningCLI with a checkpoint each epoch and a logbook, from which a card is written."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(Logbook, "logbook")
        parser.set_defaults({f"checkpoint.{key}": value for key, value in CHECKPOINTS.items()})
        parser.add_argument("--from", type=str | None, help=FROM)

    def instantiate_classes(self) -> None:
        """Unwrap what a class refused: jsonargparse buries it under its own errors."""
        try:
            super().instantiate_classes()
        except ValueError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, ZooError):
                cause = cause.__cause__
            raise (cause or error) from None
        settings = self.config[str(self.subcommand)]
        if settings["from"] and not settings["ckpt_path"]:  # a checkpoint has gone on from there
            self.begin(settings["from"])

    def begin(self, origin: str) -> None:
        """Start from weights that are there, and note from which."""
        origin, anew = begin(self.model, origin)
        print(f"begun from {origin}" + (f"; new: the {' and the '.join(anew)}" if anew else ""))
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Logbook):
                callback.entries["begun_from"] = origin


def fit(name: str, recipe: Path, overrides: list[str]) -> Path:
    """Train a recipe with Lightning's overrides; return the run folder.

    `--ckpt_path last` goes on with the newest run, by the recipe and the overrides that it began
    with; else a run never writes over another. Raises BadRecipe and BadWeights, and SystemExit
    for arguments that Lightning refuses and when interrupted.
    """
    overrides = [
        part for word in overrides for part in (word.split("=", 1) if word[:2] == "--" else [word])
    ]
    folder, recipe, overrides = place(name, recipe, overrides)
    os.environ[RUN] = str(folder)
    settings = ["--config", str(recipe), "--checkpoint.dirpath", str(folder)]
    safety = ["--weights_only", "true"]  # a checkpoint may be a stranger's
    with quiet():
        try:
            Fit(
                LightningModule,
                LightningDataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                save_config_kwargs={"config_filename": "recipe.yaml", "overwrite": True},
                trainer_defaults={"default_root_dir": str(folder), "logger": loggers(folder)},
                args=["fit", *settings, *safety, *overrides],
            )
        except MisconfigurationException as error:
            raise BadRecipe(" ".join(str(error).split())) from error
        finally:
            del os.environ[RUN]
    return folder


def place(name: str, recipe: Path, overrides: list[str]) -> tuple[Path, Path, list[str]]:
    """The run folder, the recipe to follow, and the overrides with `--ckpt_path last` a path."""
    if "--ckpt_path" in overrides:
        at = overrides.index("--ckpt_path") + 1
        if overrides[at : at + 1] == ["last"]:
            folder = newest_run(name)
            overrides[at] = str(folder / "last.ckpt")
            read_checkpoint(folder / "last.ckpt")
            put_aside(folder / "metrics.csv")
            begun = folder / "recipe.yaml"
            return folder, begun if begun.is_file() else recipe, overrides
        read_checkpoint(Path(*overrides[at : at + 1]))
    return fresh_run(name), recipe, overrides


def put_aside(log: Path) -> None:
    """Keep the log of the run so far, metrics-1.csv and on: CSVLogger begins a new one."""
    if log.exists():
        count = len(list(log.parent.glob("metrics-*.csv"))) + 1
        log.rename(log.with_name(f"metrics-{count}.csv"))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep back what Lightning says of things that are as they should be, and its advertising."""
    shop = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    shop.addFilter(is_no_tip)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*exists and is not empty")
        warnings.filterwarnings("ignore", ".*have no `validation_step`")  # GANs have none
        warnings.filterwarnings("ignore", ".*does not have many workers")  # one array needs none
        warnings.filterwarnings("ignore", ".*LeafSpec.*")
        warnings.filterwarnings("ignore", module="lightning.pytorch.cli")  # of its own calls
        try:
            yield
        finally:
            shop.removeFilter(is_no_tip)


def is_no_tip(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()


def loggers(folder: Path) -> list[dict[str, object]]:
    """Both write into the run folder itself."""
    where = {"save_dir": str(folder), "name": "", "version": ""}
    return [{"class_path": f"lightning.pytorch.loggers.{k}", "init_args": where} for k in LOGGERS]


def fresh_run(name: str) -> Path:
    """The first of runs/name, runs/name.2, ... that is empty; all processes of a run share it."""
    if RUN in os.environ:
        return Path(os.environ[RUN])
    folder, count = RUNS / name, 1
    while folder.exists() and any(folder.iterdir()):
        count += 1
        folder = RUNS / f"{name}.{count}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def newest_run(name: str) -> Path:
    """The run of `name` whose last.ckpt is the newest; raises BadRecipe."""
    found = [*RUNS.glob(f"{name}/last.ckpt"), *RUNS.glob(f"{name}.[0-9]*/last.ckpt")]
    if not found:
        raise BadRecipe(f"there is no {RUNS / name}/last.ckpt: leave out --ckpt_path to start anew")
    return max(found, key=lambda path: path.stat().st_mtime).parent
