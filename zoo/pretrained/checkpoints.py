"""Checkpoints of `zoo fit`, read without unpickling anything but tensors and plain data."""

import warnings
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.core.module import ZooModule
from zoo.errors import BadCard, BadRecipe, BadWeights
from zoo.pretrained.card_schema import AMOUNT, TEXT, Schema, check
from zoo.pretrained.headers import build_meta, check_arguments, compare, find_class
from zoo.text import brief

DAMAGE = (RuntimeError, EOFError, OSError, LookupError, TypeError, ValueError, AttributeError,
          zipfile.BadZipFile, NotImplementedError)  # fmt: skip
NEEDED: dict[str, type] = {
    "hyper_parameters": dict,
    "state_dict": dict,
    "callbacks": dict,
    "global_step": int,
    "images_seen": int,
}
RUN_METADATA: Schema = {
    "seconds?": AMOUNT,
    "hardware?": TEXT,
    "precision?": TEXT,
    "commit?": TEXT,
    "init_from?": TEXT,
    "saved_at?": TEXT,
}
UNREAD = 2**63  # the step of a checkpoint that cannot be read: it is tried first, and told of


def read_checkpoint(path: Path) -> dict[str, object]:
    """The contents of a checkpoint, of the types that a training gives them; raises BadWeights."""
    if not path.is_file():
        raise BadWeights(f"there is no checkpoint {path}")
    try:
        with zipfile.ZipFile(path) as file:
            refuse_compressed(file)
            if file.testzip():  # torch does not look at the check sums
                raise OSError("a check sum is wrong")
        state = unpickle(path)
    except (*DAMAGE, UnpicklingError) as error:
        raise BadWeights(
            f"{path} cannot be read safely: it is damaged or holds more than tensors and plain data"
        ) from error
    check_contents(path, state)
    return state


def unpickle(path: Path) -> dict[str, object]:
    """Tensors and plain data, the tensors mapped from the file rather than read."""
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def refuse_compressed(file: zipfile.ZipFile) -> None:
    """What torch saves is stored as it is; what is compressed may grow without end."""
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in file.infolist()):
        raise OSError("it is compressed")


def check_contents(path: Path, state: object) -> None:
    """Refuse what is no checkpoint of a training, or not of its types; raises BadWeights."""
    if not isinstance(state, dict) or not state.keys() >= NEEDED.keys():
        raise BadWeights(f"{path} is not a checkpoint of `zoo fit`: it lacks what rebuilds a model")
    for key, kind in NEEDED.items():
        if not isinstance(state[key], kind):
            found = brief(state[key])
            raise BadWeights(f"{path}: {key} must be {kind.__name__}, got {found}")
    try:
        check(state["callbacks"], {"RunMetadata?": RUN_METADATA}, str(path))
    except BadCard as error:
        raise BadWeights(str(error)) from error


class SavedCheckpoint(NamedTuple):
    """A checkpoint and when it was made: at which step, and at which time in seconds."""

    step: int
    time: float
    path: Path


def newest_checkpoint(folders: Iterable[Path]) -> Path:
    """The checkpoint of most steps that can be read, in the run that was saved last; a damaged one
    is passed over with a warning. Raises BadRecipe where there is none."""
    folders = list(folders)
    runs = [run for folder in folders if (run := saved(folder))]
    for run in sorted(runs, key=time_of, reverse=True):
        for candidate in run:
            try:
                read_checkpoint(candidate.path)
            except BadWeights as error:
                warnings.warn(f"passed over: {error}", stacklevel=2)
            else:
                return candidate.path
    raise BadRecipe(
        f"there is no good checkpoint in {folders[0]}: train one with `zoo fit`, or "
        "leave out --ckpt_path to start anew"
    )


def time_of(run: list[SavedCheckpoint]) -> float:
    """When a run was saved last, by a checkpoint that can be read if there is one."""
    return next((saved.time for saved in run if saved.step < UNREAD), run[0].time)


def saved(folder: Path) -> list[SavedCheckpoint]:
    """The checkpoints of a run folder, those of most steps first; of as many, the latest.

    File times do not survive copies: a run's time is what its logbook notes as `saved_at`, and that
    of the file only where it notes none.
    """
    return sorted((saved_at(path) for path in folder.glob("*.ckpt")), reverse=True)


def saved_at(path: Path) -> SavedCheckpoint:
    """At which step and when a checkpoint was made."""
    time = path.stat().st_mtime
    try:
        state = unpickle(path)
        check_contents(path, state)
    except (*DAMAGE, UnpicklingError, BadWeights):
        return SavedCheckpoint(UNREAD, time, path)
    step: int = state["global_step"]  # type: ignore[assignment]
    noted = state["callbacks"].get("RunMetadata", {}).get("saved_at")  # type: ignore[attr-defined]
    try:
        return SavedCheckpoint(step, datetime.fromisoformat(str(noted)).timestamp(), path)
    except (ValueError, OverflowError, OSError):
        return SavedCheckpoint(step, time, path)


def model_from_checkpoint(path: Path, state: dict[str, object]) -> ZooModule:
    """The model in a checkpoint: its average, where one was kept; raises BadWeights.

    It is judged as a weights file is, on the meta device against the tensors that are there, before
    memory is given to it.
    """
    settings: dict[object, object] = state["hyper_parameters"]  # type: ignore[assignment]
    kind = find_class(path, settings.get("_class_path"))
    arguments = {k: v for k, v in settings.items() if not str(k).startswith("_")}
    checked = check_arguments(path, kind, arguments)
    tensors = check_tensors(path, state["state_dict"])
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wanted = build_meta(path, kind, checked).state_dict()
    compare(path, wanted, found)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() != wanted[name].is_floating_point():
            raise BadWeights(f"{path}: {name} is {tensor.dtype}, should be {wanted[name].dtype}")
    model = kind(**checked)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise BadWeights(f"the tensors of {path} do not fit its model: {error}") from error
    return model.eval()


def check_tensors(path: Path, state: object) -> Mapping[str, Tensor]:
    """Named tensors that lie in the file, each number of them; raises BadWeights."""
    bytes_needed = 0
    for name, tensor in state.items():  # type: ignore[attr-defined]
        plain = isinstance(name, str) and isinstance(tensor, Tensor)
        if not plain or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise BadWeights(f"{path}: {brief(name)} must be a tensor with numbers")
        bytes_needed += tensor.numel() * tensor.element_size()
    if bytes_needed > 2 * path.stat().st_size:  # twice, as tensors may be shared
        raise BadWeights(f"{path}: its tensors must lie in it, but would take {bytes_needed:,} B")
    return state  # type: ignore[return-value]
