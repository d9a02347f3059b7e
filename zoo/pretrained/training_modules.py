"""Opponents: what a model is trained with and sampling does not need, in a file of their own."""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from zoo.core.module import ZooModule
from zoo.files import expand_user
from zoo.pretrained import catalog
from zoo.pretrained.checkpoints import model_from_checkpoint, newest_checkpoint, read_checkpoint
from zoo.pretrained.headers import compare, header, parse
from zoo.pretrained.weights import (
    inference_state_dict,
    matching,
    opened,
    save_tensors,
    training_state_dict,
)

FILE = "discriminator.safetensors"
REMEDY = "begin from weights of the recipe's own model"


class Initialization(NamedTuple):
    """Where a training began: a pinned name or a path, and the parts that no file brought."""

    origin: str
    anew: list[str]


def save_training_modules(model: ZooModule, path: Path) -> None:
    """Write what a weights file leaves out; of a model that leaves out nothing, write nothing."""
    if opponents := training_state_dict(model):
        save_tensors(opponents, header(model), path)


def init_from_pretrained(model: ZooModule, origin: str) -> Initialization:
    """Fill a new model with the tensors of a name, a file or a run, opponents included.

    Its class may be another where the tensors fit. Raises ZooError where nothing is found, and
    BadWeights for tensors that do not fit.
    """
    if checkpoint := checkpoint_of(origin):
        tensors = model_from_checkpoint(checkpoint, read_checkpoint(checkpoint)).state_dict()
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        compare(checkpoint, model.state_dict(), shapes, REMEDY)
        model.load_state_dict(tensors)
        return Initialization(str(checkpoint), [])
    path, second, origin = found(origin)
    opponents = training_state_dict(model)
    tensors = tensors_of(path, inference_state_dict(model))
    if second is not None:
        tensors |= tensors_of(second, opponents)
        opponents = {}
    model.load_state_dict(tensors, strict=False)
    return Initialization(origin, sorted({name.partition(".")[0] for name in opponents}))


def checkpoint_of(origin: str) -> Path | None:
    """The checkpoint that a file, or a run folder, means; None for other names."""
    if not catalog.is_run(origin):
        return None
    path = expand_user(origin)
    return newest_checkpoint([path]) if path.is_dir() else path


def found(origin: str) -> tuple[Path, Path | None, str]:
    """The weights file of a name, that of its opponents if there is one, and the name, pinned."""
    place = catalog.repository(origin)
    if place is None:
        path = catalog.weights_path(origin)
        beside = path.with_name(FILE)  # in a folder that holds a copy of a repository
        copied = path.name == "model.safetensors" and beside.is_file()
        return path, beside if copied else None, origin
    from zoo.pretrained.hub import fetch

    pinned = fetch.pinned(place)
    return fetch.weights(pinned), fetch.training_modules(pinned), str(pinned)


def tensors_of(path: Path, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file of the zoo, which are those wanted; else BadWeights."""
    with opened(path) as file:
        parse(path, file.metadata())
        return matching(path, file, wanted, REMEDY)
