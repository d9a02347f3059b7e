"""The recipe that an exported model is compared with."""

import inspect
from pathlib import Path

from lightning import LightningModule

from zoo.data.module import ZooDataModule
from zoo.errors import BadWeights
from zoo.evaluation.training_data import data_of, run_recipe
from zoo.pretrained import catalog
from zoo.pretrained.trust import names_class


def recipe_of(
    checkpoint: Path, name: str, model: LightningModule, data: ZooDataModule
) -> Path | None:
    """The zoo's recipe of that name where it names the same data set, else that of the run.

    Raises BadWeights for a model of another class than the zoo's recipe of that name.
    """
    begun = run_recipe(checkpoint)
    if name not in catalog.list_recipes():
        return begun
    theirs = catalog.recipe_path(name)
    differences(model, theirs)
    return theirs if data_of(name).class_path == data.class_path else begun


def differences(model: LightningModule, recipe: Path) -> dict[str, object]:
    """Arguments in which a model is not that of the recipe; raises BadWeights for another class."""
    wanted = catalog.read_recipe(recipe)["model"]
    kind = type(model)
    path = str(wanted["class_path"])
    if not names_class(path, kind):
        raise BadWeights(
            f"the checkpoint holds a {kind.__name__}, the recipe {recipe.stem} trains a "
            f"{path.rpartition('.')[2]}. Export it under another name"
        )
    parameters = inspect.signature(kind).parameters
    arguments = {key: value.default for key, value in parameters.items()}
    arguments |= wanted.get("init_args") or {}  # type: ignore[call-overload]
    pairs = [(k, plain(v), plain(arguments[k])) for k, v in model.hparams.items() if k in arguments]
    return {key: ours for key, ours, theirs in pairs if ours != theirs}


def plain(value: object) -> object:
    """As JSON has it, where a tuple is a list."""
    return list(value) if isinstance(value, tuple) else value
