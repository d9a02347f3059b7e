"""The data that a model was trained on: what its run recorded, never a guess."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from lightning import LightningDataModule

import zoo.data
from zoo.data.adapter import adapt
from zoo.data.arrays import DatasetInfo
from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe, BadWeights, UnknownName, ZooError
from zoo.pretrained import catalog
from zoo.pretrained.checkpoints import read_checkpoint
from zoo.pretrained.trust import TRUST
from zoo.text import brief, printable

UNKNOWN = "unknown"


class TrainingData(NamedTuple):
    """The data set, built again to measure on, and the facts of it that a card states."""

    data: ZooDataModule
    facts: dict[str, object]
    license: str


class Terms(NamedTuple):
    """The license of weights and the terms of data that are the user's own; None: not given."""

    license: str | None = None
    terms: str | None = None


def data_of(recipe: str) -> ZooDataModule:
    """The data set of a recipe, by its name or file; raises UnknownName and BadRecipe."""
    path = Path(recipe) if recipe.endswith(".yaml") else catalog.recipe_path(recipe)
    data = catalog.read_recipe(path, ("data",))["data"]
    return build_data(str(data["class_path"]), data.get("init_args") or {})  # type: ignore[arg-type]


def build_data(class_path: str, arguments: Mapping[str, object]) -> ZooDataModule:
    """A data module of zoo.data, or of a trusted package, with arguments; raises UnknownName and
    BadRecipe."""
    kind = data_class(class_path)
    try:
        return adapt(kind(**arguments))
    except TypeError as error:
        raise BadRecipe(f"{class_path} cannot be built: {error}") from error


def data_class(class_path: str) -> type[LightningDataModule]:
    """The class of a data module; its module is imported only if it is of zoo.data or trusted."""
    module, _, name = class_path.rpartition(".")
    if f"{module}.".startswith("zoo.data.") and name in zoo.data.__all__:
        return getattr(zoo.data, name)
    if not TRUST.get().includes(module):
        if class_path.startswith("zoo."):
            raise UnknownName("data set", class_path, [f"zoo.data.{n}" for n in zoo.data.__all__])
        raise BadRecipe(
            f"data must be a class of zoo.data or of a trusted package, got {brief(class_path)}. "
            f"If you trust its code, add --trust {module.partition('.')[0] or 'PACKAGE'}"
        )
    try:
        kind = getattr(import_module(module), name, None)
    except Exception as error:  # a trusted module runs its own code, which may raise anything
        raise BadRecipe(f"{class_path} cannot be imported: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, LightningDataModule)):
        raise BadRecipe(f"{class_path} must be a LightningDataModule, got {brief(kind)}")
    return kind


def find_training_data(
    checkpoint: Path, state: dict[str, object], recipe: Path | None, terms: Terms
) -> TrainingData:
    """The data of a checkpoint: by `recipe`, else by the recipe of its run, else by the record in
    the checkpoint. Raises BadWeights where record and recipe differ, ZooError without any of them.
    """
    record, named = training_record(state), recipe or run_recipe(checkpoint)
    if named is not None:
        data = data_of(str(named))
    elif record:
        data = build_data(str(record["class"]), recorded_arguments(record))
    else:
        raise ZooError(
            f"{checkpoint} must record its training data or lie beside its recipe.yaml, got "
            "neither. Name its recipe by --recipe NAME or --recipe FILE"
        )
    if record and record["class"] != data.class_path:
        raise BadWeights(
            f"the data of {named} must be {record['class']}, on which {checkpoint} was trained, "
            f"got {data.class_path}. Name the recipe of this checkpoint by --recipe"
        )
    return TrainingData(data, data_facts(data, record, terms), license_of(data, terms))


def data_facts(
    data: ZooDataModule, record: Mapping[str, object], terms: Terms
) -> dict[str, object]:
    """Name, address and terms of a data set; count and digest of the training examples and, where
    the data set has changed since, those of the data set that the metrics are measured on."""
    info = data.source
    facts: dict[str, object] = {"name": str(record.get("name") or info.title), "url": info.url}
    facts["terms"] = stated(info.terms, terms.terms, "terms", info)
    now = {"examples": data.count("train"), "sha256": data.fingerprint()}
    then = {key: record[key] for key in now if key in record}
    facts |= then or now
    return facts | ({"measured_on": now} if then and then != now else {})


def license_of(data: ZooDataModule, terms: Terms) -> str:
    """The license of weights that were trained on a data set."""
    return stated(data.source.weights_license, terms.license, "license", data.source)


def stated(known: str, given: str | None, option: str, info: DatasetInfo) -> str:
    """The known value, else the given one; raises ZooError where both differ."""
    given = " ".join(printable(given or "").split())
    if given in ("", known):
        return known
    if known != UNKNOWN:
        raise ZooError(
            f"--{option} must be {known!r} for {info.title}, got {given!r}. Leave it out: it is "
            "for data of your own"
        )
    return given


def run_recipe(checkpoint: Path) -> Path | None:
    """The recipe in the run folder of a checkpoint."""
    path = checkpoint.parent / "recipe.yaml"
    return path if path.is_file() else None


def dataset_info(checkpoint: Path) -> DatasetInfo:
    """The source of a checkpoint's training data; raises ZooError."""
    if recipe := run_recipe(checkpoint):
        return data_of(str(recipe)).source
    return find_training_data(checkpoint, read_checkpoint(checkpoint), None, Terms()).data.source


def training_record(state: Mapping[str, object]) -> dict[str, object]:
    """The record that ZooDataModule leaves in a checkpoint; empty without one."""
    for part in state.values():
        record = part.get("seen") if isinstance(part, dict) else None
        if isinstance(record, dict) and isinstance(record.get("class"), str):
            return record
    return {}


def recorded_arguments(record: Mapping[str, object]) -> dict[str, object]:
    """The arguments of the recorded data module; empty where they are not a mapping."""
    found = record.get("arguments")
    return found if isinstance(found, dict) else {}
