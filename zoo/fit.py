"""`zoo fit`: a LightningCLI that trains from a recipe and keeps all it makes in one run folder."""

from pathlib import Path

from lightning import LightningDataModule, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from recipes.callbacks.logbook import Logbook
from zoo.errors import BadRecipe

RUNS = Path("runs")


class Fit(LightningCLI):
    """LightningCLI with a checkpoint each epoch and a logbook, from which a card is written."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(Logbook, "logbook")
        parser.set_defaults({"checkpoint.save_last": True, "checkpoint.filename": "{epoch}"})


def fit(name: str, arguments: list[str], recipe: Path) -> Path:
    """Train `recipe`; return the run folder. `--ckpt_path last` goes on with the newest run."""
    resumed = "--ckpt_path=last" in " ".join(arguments).replace("--ckpt_path last", "--ckpt_path=last")
    folder = newest_run(name) if resumed else fresh_run(name)
    arguments = [a.replace("last", str(folder / "last.ckpt")) if resumed and "ckpt_path" in p + a
                 and a.endswith("last") else a for p, a in zip(["", *arguments], arguments, strict=False)]
    logger = "lightning.pytorch.loggers."
    Fit(
        LightningModule,
        LightningDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        save_config_kwargs={"config_filename": "recipe.yaml", "overwrite": True},
        trainer_defaults={
            "default_root_dir": str(folder),
            "logger": [
                {
                    "class_path": logger + kind,
                    "init_args": {"save_dir": str(folder), "name": "", "version": ""},
                }
                for kind in ("CSVLogger", "TensorBoardLogger")
            ],
        },
        args=["fit", "--config", str(recipe), f"--checkpoint.dirpath={folder}", *arguments],
    )
    return folder


def fresh_run(name: str) -> Path:
    """The first of runs/name, runs/name-2, ... that holds no checkpoint."""
    folder, count = RUNS / name, 1
    while (folder / "last.ckpt").exists():
        count += 1
        folder = RUNS / f"{name}-{count}"
    return folder


def newest_run(name: str) -> Path:
    """The run of `name` whose last.ckpt is the newest."""
    found = [*RUNS.glob(f"{name}/last.ckpt"), *RUNS.glob(f"{name}-[0-9]*/last.ckpt")]
    if not found:
        raise BadRecipe(
            f"there is no {RUNS / name / 'last.ckpt'} to go on with: leave out --ckpt_path"
        )
    return max(found, key=lambda path: path.stat().st_mtime).parent
