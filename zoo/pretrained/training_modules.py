"""Modules that only training needs, as a discriminator, in a file of their own."""

from pathlib import Path
from typing import NamedTuple

from lightning import LightningModule
from torch import Tensor

from zoo.files import expand_user
from zoo.pretrained import catalog
from zoo.pretrained.checkpoints import model_from_checkpoint, newest_checkpoint, read_checkpoint
from zoo.pretrained.headers import compare, header, parse
from zoo.pretrained.trust import trusting
from zoo.pretrained.weights import (
    inference_state_dict,
    matching,
    opened,
    save_tensors,
    training_state_dict,
)

FILE = "discriminator.safetensors"
REMEDY = "Initialize from weights of the recipe's own model"


class Initialization(NamedTuple):
    """The origin of initial weights, pinned to a commit if it is a repository, and the names of the
    modules that keep their random initialization."""

    origin: str
    random: list[str]


def save_training_modules(model: LightningModule, path: Path) -> None:
    """Write the tensors that a weights file leaves out; no file if there are none."""
    if tensors := training_state_dict(model):
        save_tensors(tensors, header(model), path)


def init_from_pretrained(model: LightningModule, origin: str) -> Initialization:
    """Fill a new model with the tensors of a name, a file, a repository or a run, those of its
    training modules included.

    The other model may be of another class if the tensors fit. Raises ZooError where nothing is
    found, and BadWeights for tensors that do not fit.
    """
    if checkpoint := checkpoint_of(origin):
        with trusting(classes=[type(model)]):  # whose code runs already
            trained = model_from_checkpoint(checkpoint, read_checkpoint(checkpoint))
        tensors = trained.state_dict()
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        compare(checkpoint, model.state_dict(), shapes, REMEDY)
        model.load_state_dict(tensors)
        return Initialization(str(checkpoint), [])
    with trusting(classes=[type(model)]):
        path, second, origin = files_of(origin)
    random = training_state_dict(model)
    tensors = tensors_of(path, inference_state_dict(model))
    if second is not None:
        tensors |= tensors_of(second, random)
        random = {}
    model.load_state_dict(tensors, strict=False)
    return Initialization(origin, sorted({name.partition(".")[0] for name in random}))


def checkpoint_of(origin: str) -> Path | None:
    """The checkpoint at a path, or the newest of a run folder; None for other names."""
    if not catalog.is_run(origin):
        return None
    path = expand_user(origin)
    return newest_checkpoint([path]) if path.is_dir() else path


def files_of(origin: str) -> tuple[Path, Path | None, str]:
    """The weights file of a name, the file of its training modules if there is one, and the name,
    pinned to a commit if it is a repository."""
    repo = catalog.repository(origin)
    if repo is None:
        path = catalog.weights_path(origin)
        second = path.with_name(FILE)  # in a folder that holds a copy of a repository
        is_copy = catalog.is_path(origin) and path.name == "model.safetensors" and second.is_file()
        return path, second if is_copy else None, origin
    from zoo.pretrained.hub import fetch

    pinned = fetch.pin(repo)
    return fetch.weights(pinned), fetch.training_modules(pinned), str(pinned)


def tensors_of(path: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a weights file; raises BadWeights unless they are the expected."""
    with opened(path) as file:
        parse(path, file.metadata())
        return matching(path, file, expected, REMEDY)
