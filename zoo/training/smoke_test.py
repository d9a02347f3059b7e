"""`zoo fit NAME --smoke-test`: any recipe in seconds, end to end, as a check that it runs."""

from pathlib import Path
from typing import Any

from lightning import LightningDataModule, Trainer

from zoo.core.arguments import SmokeTestValue, marked
from zoo.data.module import ZooDataModule
from zoo.pretrained.recipes import read_recipe
from zoo.training.class_paths import class_at
from zoo.training.config_checks import IMPORT_PATH

IMAGES, BATCHES, EPOCHS = 40, 3, 2
SHORT = {
    "max_epochs": EPOCHS,
    "max_steps": -1,
    "check_val_every_n_epoch": 1,
    "limit_val_batches": 2,
    "log_every_n_steps": 1,
}


def smoke_test_overrides(recipe: Path, overrides: list[str]) -> list[str]:
    """Overrides that make a recipe small; a resumed model stays as it is."""
    words = [part for key, value in SHORT.items() for part in (f"--trainer.{key}", str(value))]
    settings = read_recipe(recipe, ())
    if "--ckpt_path" in overrides:
        return words
    if "init_from" in settings and "--init_from" not in overrides:
        words += ["--init_from", "null"]  # whose tensors are larger
    class_path, _ = class_and_arguments(settings, "model")
    if IMPORT_PATH.fullmatch(class_path):
        for name, marker in marked(class_at(class_path), SmokeTestValue).items():
            words += [f"--model.init_args.{name}", str(marker.value)]
    size = class_and_arguments(settings, "data")[1].get("batch_size", 0)
    if isinstance(size, int) and size > IMAGES:
        words += ["--data.init_args.batch_size", str(IMAGES)]
    return words


def class_and_arguments(settings: dict[str, Any], part: str) -> tuple[str, dict[str, Any]]:
    """What a recipe names as its model or data: `part: CLASS`, or a class path with arguments."""
    named = settings.get(part) or {}
    if isinstance(named, str):
        return named, {}
    return str(named.get("class_path", "")), named.get("init_args") or {}


def shrink(data: LightningDataModule, trainer: Trainer) -> None:
    """A few batches of the data, noise where there are no files; callbacks at every occasion."""
    if isinstance(data, ZooDataModule):
        data.limit_to(BATCHES * data.batch_size * trainer.world_size, trainer.default_root_dir)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for name, most in (("every_n_epochs", 1), ("n", 64)):
            if name in vars(callback):
                setattr(callback, name, min(most, getattr(callback, name)))
