"""What the model in a checkpoint learned from: what its run recorded, never a guess."""

from pathlib import Path
from typing import NamedTuple

from zoo.data.images import DatasetInfo, ImageDataModule
from zoo.errors import BadWeights, ZooError
from zoo.evaluation.report import build_data, data_of
from zoo.pretrained.checkpoints import read_checkpoint
from zoo.text import printable

UNKNOWN = "unknown"


class TrainingData(NamedTuple):
    """The data set, built again to measure on, and the facts of it that a card states."""

    data: ImageDataModule
    facts: dict[str, object]
    license: str


class Terms(NamedTuple):
    """On what terms people's own pictures were used, and the license of what came of them."""

    license: str | None = None
    terms: str | None = None


def find_training_data(
    checkpoint: Path, state: dict[str, object], recipe: Path | None, terms: Terms
) -> TrainingData:
    """What a checkpoint learned from: by `recipe`, else by the recipe of its run, else by its own
    record. Raises BadWeights where they contradict each other, and ZooError where all are missing.
    """
    seen, named = seen_in(state), recipe or recipe_beside(checkpoint)
    if named is not None:
        data = data_of(str(named))
    elif seen:
        data = build_data(str(seen["class"]), arguments(seen))
    else:
        raise ZooError(
            f"{checkpoint} does not say what data it learned from, and no recipe.yaml is beside "
            "it: name its recipe by --recipe NAME or --recipe FILE"
        )
    kind = f"{type(data).__module__}.{type(data).__qualname__}"
    if seen and seen["class"] != kind:
        raise BadWeights(
            f"{checkpoint} learned from {seen['class']}, the recipe {named} names {kind}. Name the "
            "recipe of this checkpoint by --recipe"
        )
    return TrainingData(data, facts(data, seen, terms), license_of(data, terms))


def facts(data: ImageDataModule, seen: dict[str, object], terms: Terms) -> dict[str, object]:
    """Name, address and terms; count and digest of the images that a training saw and, where the
    data set is no longer the same, of those that the metrics are measured on."""
    source = data.source
    found: dict[str, object] = {"name": str(seen.get("name") or source.title), "url": source.url}
    found["terms"] = stated(source.terms, terms.terms, "terms", source)
    here = {"images": data.count("train"), "sha256": data.fingerprint()}
    then = {key: seen[key] for key in here if key in seen}
    found |= then or here
    return found | ({"measured_on": here} if then and then != here else {})


def license_of(data: ImageDataModule, terms: Terms) -> str:
    """The license of weights that were learned from a data set."""
    return stated(data.source.weights_license, terms.license, "license", data.source)


def stated(known: str, given: str | None, option: str, source: DatasetInfo) -> str:
    """What is known, else what was given; raises ZooError for what contradicts it."""
    given = " ".join(printable(given or "").split())
    if given in ("", known):
        return known
    if known != UNKNOWN:
        raise ZooError(
            f"--{option} must be left out for {source.title}, whose {option} is {known!r}, got "
            f"{given!r}. It is for pictures of your own"
        )
    return given


def recipe_beside(checkpoint: Path) -> Path | None:
    """The recipe in the run folder of a checkpoint."""
    path = checkpoint.parent / "recipe.yaml"
    return path if path.is_file() else None


def source_of(checkpoint: Path) -> DatasetInfo:
    """Where the data of a checkpoint comes from; raises ZooError."""
    if recipe := recipe_beside(checkpoint):
        return data_of(str(recipe)).source
    return find_training_data(checkpoint, read_checkpoint(checkpoint), None, Terms()).data.source


def seen_in(state: dict[str, object]) -> dict[str, object]:
    """The record that ImageDataModule leaves in a checkpoint; empty in one without."""
    for part in state.values():
        seen = part.get("seen") if isinstance(part, dict) else None
        if isinstance(seen, dict) and isinstance(seen.get("class"), str):
            return seen
    return {}


def arguments(seen: dict[str, object]) -> dict[str, object]:
    found = seen.get("arguments")
    return found if isinstance(found, dict) else {}
