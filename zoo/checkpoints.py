"""Checkpoints of `zoo fit`, read without unpickling anything but tensors and plain data."""

import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from zoo.animals import Animal
from zoo.errors import BadRecipe, BadWeights
from zoo.weights import check_arguments, find_class

NEEDED = {"hyper_parameters", "state_dict", "callbacks", "global_step", "images_seen"}
DAMAGE = (RuntimeError, EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile)


def read_checkpoint(path: Path) -> dict[str, object]:
    """The contents of a checkpoint; raises BadWeights."""
    if not path.is_file():
        raise BadWeights(f"there is no checkpoint {path}")
    try:
        with zipfile.ZipFile(path) as file:
            if file.testzip():  # torch does not look at the check sums
                raise OSError("a check sum is wrong")
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (*DAMAGE, UnpicklingError) as error:
        raise BadWeights(
            f"{path} cannot be read safely: it is damaged or holds more than tensors and plain data"
        ) from error
    if not isinstance(state, dict) or not state.keys() >= NEEDED:
        raise BadWeights(f"{path} is not a checkpoint of `zoo fit`: it lacks what rebuilds a model")
    return state


def newest_checkpoint(folders: Iterable[Path]) -> Path:
    """The newest checkpoint in run folders that can be read; a damaged one is passed over with a
    warning. Raises BadRecipe where there is none."""
    folders = list(folders)
    found = [path for folder in folders for path in folder.glob("*.ckpt")]
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            read_checkpoint(path)
        except BadWeights as error:
            warnings.warn(f"passed over: {error}", stacklevel=2)
        else:
            return path
    raise BadRecipe(
        f"there is no good checkpoint in {folders[0]}: leave out --ckpt_path to start anew"
    )


def revive(path: Path, state: dict[str, object]) -> Animal:
    """The model in a checkpoint: its average, where one was kept; raises BadWeights."""
    settings: dict[str, object] = state["hyper_parameters"]  # type: ignore[assignment]
    kind = find_class(path, settings.get("_class_path"))
    arguments = {k: v for k, v in settings.items() if not k.startswith("_")}
    model = kind(**check_arguments(path, kind, arguments))
    tensors: dict[str, Tensor] = state["state_dict"]  # type: ignore[assignment]
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise BadWeights(f"the tensors of {path} do not fit its model: {error}") from error
    return model.eval()
