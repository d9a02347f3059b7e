"""`zoo fit NAME --fast`: any recipe in seconds, end to end, as a check that it runs."""

import inspect
from importlib import import_module
from pathlib import Path

import yaml
from lightning import LightningDataModule, Trainer

from recipes.data.images import ImageData

SMALL = {"width": 8, "discriminator_width": 8, "depth": 2}  # of a model, where it has them
IMAGES, BATCHES, EPOCHS = 40, 3, 2
SHORT = {
    "max_epochs": EPOCHS,
    "max_steps": -1,
    "check_val_every_n_epoch": 1,
    "limit_val_batches": 2,
    "log_every_n_steps": 1,
}


def toy(recipe: Path, overrides: list[str]) -> list[str]:
    """Overrides that make a recipe small; a resumed model stays as it is."""
    words = [part for key, value in SHORT.items() for part in (f"--trainer.{key}", str(value))]
    settings = yaml.safe_load(recipe.read_text())
    module, _, name = settings["model"]["class_path"].rpartition(".")
    if "--ckpt_path" in overrides:
        return words
    if "from" in settings and "--from" not in overrides:
        words += ["--from", "null"]  # whose tensors are larger
    for key in inspect.signature(getattr(import_module(module), name)).parameters:
        if key in SMALL:
            words += [f"--model.init_args.{key}", str(SMALL[key])]
    if settings["data"].get("init_args", {}).get("batch_size", 0) > IMAGES:
        words += ["--data.init_args.batch_size", str(IMAGES)]
    return words


def cut_down(data: LightningDataModule, trainer: Trainer) -> None:
    """A few batches of the data, noise where there are no files; callbacks at every occasion."""
    if isinstance(data, ImageData):
        data.cut_down(BATCHES * data.batch_size * trainer.world_size, trainer.default_root_dir)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for name, most in (("every_n_epochs", 1), ("n", 64)):
            if name in vars(callback):
                setattr(callback, name, min(most, getattr(callback, name)))
