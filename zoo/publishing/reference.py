"""The reference recipe of an exported model, and the arguments in which the model differs."""

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
    """The recipe `name` of the zoo if it has the same data set, else the recipe of the run.

    Raises BadWeights if the recipe `name` trains a model of another class.
    """
    own = run_recipe(checkpoint)
    if name not in catalog.list_recipes():
        return own
    reference = catalog.recipe_path(name)
    differences(model, reference)
    return reference if data_of(name).class_path == data.class_path else own


def differences(model: LightningModule, recipe: Path) -> dict[str, object]:
    """The arguments of a model that differ from its recipe; raises BadWeights for another class."""
    section = catalog.read_recipe(recipe)["model"]
    kind = type(model)
    path = str(section["class_path"])
    if not names_class(path, kind):
        raise BadWeights(
            f"the class of {recipe.stem} must be {path.rpartition('.')[2]}, as in its recipe, got "
            f"{kind.__name__}. Export the checkpoint by another name"
        )
    parameters = inspect.signature(kind).parameters
    arguments = {key: value.default for key, value in parameters.items()}
    arguments |= section.get("init_args") or {}  # type: ignore[call-overload]
    pairs = [(k, plain(v), plain(arguments[k])) for k, v in model.hparams.items() if k in arguments]
    return {key: value for key, value, in_recipe in pairs if value != in_recipe}


def plain(value: object) -> object:
    """A value as JSON stores it: tuples become lists."""
    return list(value) if isinstance(value, tuple) else value
