"""Checkpoints of `zoo fit`: only tensors and plain data are unpickled."""

import warnings
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.errors import BadCard, BadRecipe, BadWeights
from zoo.files import DAMAGE
from zoo.pretrained.arguments import check_arguments
from zoo.pretrained.card_schema import AMOUNT, TEXT, Schema, check
from zoo.pretrained.headers import build_meta, compare, construct
from zoo.pretrained.trust import find_class
from zoo.text import brief

REQUIRED: dict[str, type] = {
    "hyper_parameters": dict,
    "state_dict": dict,
    "callbacks": dict,
    "global_step": int,
}
OPTIONAL: dict[str, type] = {"images_seen": int}  # which modules of the zoo count
RUN_METADATA: Schema = {
    "seconds?": AMOUNT,
    "hardware?": TEXT,
    "precision?": TEXT,
    "commit?": TEXT,
    "init_from?": TEXT,
    "saved_at?": TEXT,
}
UNREAD = 2**63  # the step of a checkpoint that cannot be read: tried first, with a warning


def read_checkpoint(path: Path) -> dict[str, object]:
    """The contents of a checkpoint, whose types are checked; raises BadWeights."""
    if not path.is_file():
        raise BadWeights(f"there is no checkpoint {path}")
    try:
        with zipfile.ZipFile(path) as file:
            reject_compressed(file)
            if file.testzip():  # torch does not check them
                raise OSError("a checksum is wrong")
        state = unpickle(path)
    except (*DAMAGE, UnpicklingError) as error:
        raise BadWeights(
            f"{path} is damaged, or holds more than tensors and plain data, which may run code. "
            "Use another checkpoint"
        ) from error
    check_contents(path, state)
    return state


def unpickle(path: Path) -> dict[str, object]:
    """Tensors and plain data, the tensors mapped from the file rather than read."""
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def reject_compressed(file: zipfile.ZipFile) -> None:
    """Raise OSError for a compressed archive, whose contents may be of any size; torch compresses
    none."""
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in file.infolist()):
        raise OSError("the archive is compressed")


def check_contents(path: Path, state: object) -> None:
    """Raise BadWeights unless `state` has the keys and types of a checkpoint of `zoo fit`."""
    if not isinstance(state, dict) or not state.keys() >= REQUIRED.keys():
        lacking = REQUIRED.keys() - (state.keys() if isinstance(state, dict) else set())
        names = ", ".join(sorted(lacking))
        raise BadWeights(f"{path} is not a checkpoint of `zoo fit`: it lacks {names}")
    for key, kind in (REQUIRED | OPTIONAL).items():
        if not isinstance(state.get(key, kind()), kind):
            found = brief(state[key])
            raise BadWeights(f"{path}: {key} must be {kind.__name__}, got {found}")
    try:
        check(state["callbacks"], {"RunMetadata?": RUN_METADATA}, str(path))
    except BadCard as error:
        raise BadWeights(str(error)) from error


class SavedCheckpoint(NamedTuple):
    """A checkpoint, its step, and the time when it was saved, in seconds."""

    step: int
    time: float
    path: Path


def newest_checkpoint(folders: Iterable[Path]) -> Path:
    """The valid checkpoint of most steps in the run that was saved last; a damaged one is skipped
    with a warning. Raises BadRecipe where there is none."""
    folders = list(folders)
    runs = [run for folder in folders if (run := list_checkpoints(folder))]
    for run in sorted(runs, key=time_of, reverse=True):
        for candidate in run:
            try:
                read_checkpoint(candidate.path)
            except BadWeights as error:
                warnings.warn(f"skipped: {error}", stacklevel=2)
            else:
                return candidate.path
    raise BadRecipe(
        f"there is no valid checkpoint in {folders[0]}. Train by `zoo fit`, or leave out "
        "--ckpt_path"
    )


def time_of(run: list[SavedCheckpoint]) -> float:
    """The time when a run was saved last, by a checkpoint that can be read if there is one."""
    return next((saved.time for saved in run if saved.step < UNREAD), run[0].time)


def list_checkpoints(folder: Path) -> list[SavedCheckpoint]:
    """The checkpoints of a run folder, sorted by steps and then by time, the newest first.

    File times do not survive copies: a run's time is `saved_at` of its run metadata, and the time
    of the file only where there is none.
    """
    return sorted((describe(path) for path in folder.glob("*.ckpt")), reverse=True)


def describe(path: Path) -> SavedCheckpoint:
    """The step and the time of a checkpoint."""
    time = path.stat().st_mtime
    try:
        state = unpickle(path)
        check_contents(path, state)
    except (*DAMAGE, UnpicklingError, BadWeights):
        return SavedCheckpoint(UNREAD, time, path)
    step: int = state["global_step"]  # type: ignore[assignment]
    saved = state["callbacks"].get("RunMetadata", {}).get("saved_at")  # type: ignore[attr-defined]
    try:
        return SavedCheckpoint(step, datetime.fromisoformat(str(saved)).timestamp(), path)
    except (ValueError, OverflowError, OSError):
        return SavedCheckpoint(step, time, path)


def model_from_checkpoint(path: Path, state: dict[str, object]) -> LightningModule:
    """The model in a checkpoint: its average, where one was kept. Within `trusting` it may be
    another LightningModule. Raises BadWeights.

    Checked like a weights file: built on the meta device and compared with the tensors, before
    memory is allocated.
    """
    settings: dict[object, object] = state["hyper_parameters"]  # type: ignore[assignment]
    kind = find_class(path, settings.get("_class_path"))
    given = {k: v for k, v in settings.items() if not str(k).startswith("_")}
    arguments = check_arguments(path, kind, given)
    tensors = check_tensors(path, state["state_dict"])
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    expected = build_meta(path, kind, arguments).state_dict()
    compare(path, expected, found)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() != expected[name].is_floating_point():
            raise BadWeights(f"{path}: {name} must be {expected[name].dtype}, got {tensor.dtype}")
    model = construct(path, kind, arguments)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise BadWeights(f"{path}: the tensors do not fit the model: {error}") from error
    return model.eval()


def check_tensors(path: Path, state: object) -> Mapping[str, Tensor]:
    """Named tensors whose every number lies in the file; raises BadWeights."""
    size = 0
    for name, tensor in state.items():  # type: ignore[attr-defined]
        plain = isinstance(name, str) and isinstance(tensor, Tensor)
        if not plain or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise BadWeights(f"{path}: {brief(name)} must be a dense tensor, got {brief(tensor)}")
        size += tensor.numel() * tensor.element_size()
    if size > (limit := 2 * path.stat().st_size):  # twice, as tensors may be shared
        raise BadWeights(f"{path}: its tensors must take at most {limit:,} bytes, got {size:,}")
    return state  # type: ignore[return-value]
