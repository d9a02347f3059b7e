"""`zoo fit`: a LightningCLI that trains from a recipe and keeps all it makes in one run folder."""

import sys
import warnings
from pathlib import Path

from lightning import LightningDataModule, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from recipes.callbacks.logbook import Logbook
from zoo.errors import BadRecipe

RUNS = Path("runs")
LOGGERS = ("CSVLogger", "TensorBoardLogger")


class Fit(LightningCLI):
    """LightningCLI with a checkpoint each epoch and a logbook, from which a card is written."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(Logbook, "logbook")
        parser.set_defaults({"checkpoint.save_last": True, "checkpoint.filename": "{epoch}"})


def fit(name: str, recipe: Path, overrides: list[str]) -> Path:
    """Train a recipe with Lightning's overrides; return the run folder.

    `--ckpt_path last` goes on with the newest run; else a run never writes over another.
    """
    overrides = [part for override in overrides for part in override.split("=", 1)]
    folder = fresh_run(name)
    if "--ckpt_path" in overrides:
        at = overrides.index("--ckpt_path") + 1
        if overrides[at : at + 1] == ["last"]:
            folder = newest_run(name)
            overrides[at] = str(folder / "last.ckpt")
    sys.argv = sys.argv[:1]  # LightningCLI warns of arguments given twice
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*exists and is not empty")  # so it should be
        warnings.filterwarnings("ignore", ".*have no `validation_step`")  # GANs have none
        warnings.filterwarnings("ignore", ".*does not have many workers")  # one array needs none
        warnings.filterwarnings("ignore", ".*LeafSpec.*")
        Fit(
            LightningModule,
            LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_kwargs={"config_filename": "recipe.yaml", "overwrite": True},
            trainer_defaults={"default_root_dir": str(folder), "logger": loggers(folder)},
            args=[
                *("fit", "--config", str(recipe), "--checkpoint.dirpath", str(folder)),
                *overrides,
            ],
        )
    return folder


def loggers(folder: Path) -> list[dict[str, object]]:
    """Both write into the run folder itself."""
    place = {"save_dir": str(folder), "name": "", "version": ""}
    return [{"class_path": f"lightning.pytorch.loggers.{k}", "init_args": place} for k in LOGGERS]


def fresh_run(name: str) -> Path:
    """The first of runs/name, runs/name-2, ... that holds no checkpoint."""
    folder, count = RUNS / name, 1
    while (folder / "last.ckpt").exists():
        count += 1
        folder = RUNS / f"{name}-{count}"
    return folder


def newest_run(name: str) -> Path:
    """The run of `name` whose last.ckpt is the newest; raises BadRecipe."""
    found = [*RUNS.glob(f"{name}/last.ckpt"), *RUNS.glob(f"{name}-[0-9]*/last.ckpt")]
    if not found:
        raise BadRecipe(f"there is no {RUNS / name}/last.ckpt: leave out --ckpt_path to start anew")
    return max(found, key=lambda path: path.stat().st_mtime).parent
