"""`zoo fit NAME --smoke-test`: any recipe in seconds, from start to end."""

from pathlib import Path

from lightning import LightningDataModule, Trainer

from zoo.core.arguments import SmokeTestValue, marked
from zoo.data.module import ZooDataModule
from zoo.pretrained.recipes import read_recipe
from zoo.training.class_paths import class_and_arguments, class_at
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
    """Overrides for a short training of a small model; a resumed model keeps its size."""
    options = [part for key, value in SHORT.items() for part in (f"--trainer.{key}", str(value))]
    settings = read_recipe(recipe, ())
    if "--ckpt_path" in overrides:
        return options
    if "init_from" in settings and "--init_from" not in overrides:
        options += ["--init_from", "null"]  # its tensors are those of the full size
    class_path, _ = class_and_arguments(settings.get("model"))
    if IMPORT_PATH.fullmatch(class_path):
        for name, marker in marked(class_at(class_path), SmokeTestValue).items():
            options += [f"--model.init_args.{name}", str(marker.value)]
    batch_size = class_and_arguments(settings.get("data"))[1].get("batch_size", 0)
    if isinstance(batch_size, int) and batch_size > IMAGES:
        options += ["--data.init_args.batch_size", str(IMAGES)]
    return options


def shrink(data: LightningDataModule, trainer: Trainer) -> None:
    """Limit the data to three batches, random where there are no files, and the callbacks to 64
    samples in every epoch."""
    if isinstance(data, ZooDataModule):
        data.limit_to(BATCHES * data.batch_size * trainer.world_size, trainer.default_root_dir)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for name, limit in (("every_n_epochs", 1), ("n", 64)):
            if name in vars(callback):
                setattr(callback, name, min(limit, getattr(callback, name)))
