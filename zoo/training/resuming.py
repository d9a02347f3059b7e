"""States of a checkpoint that do not fit the training are refused before its first step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch.trainer import call
from lightning.pytorch.trainer.connectors.checkpoint_connector import _CheckpointConnector
from torch import Tensor
from torch.optim import Optimizer

from zoo.errors import BadWeights
from zoo.text import brief, printable

UNFIT = (RuntimeError, LookupError, TypeError, ValueError, AttributeError, AssertionError)


class CheckedRestore(_CheckpointConnector):
    """Lightning's way to restore a checkpoint; raises BadWeights for a state of another shape or
    type than that of the training, and for one that is missing."""

    def _restore_modules_and_callbacks(
        self, checkpoint_path: str | Path | None = None, weights_only: bool | None = None
    ) -> None:
        with fitting(checkpoint_path):
            super()._restore_modules_and_callbacks(checkpoint_path, weights_only)

    def restore_training_state(self) -> None:
        with fitting(self._ckpt_path):
            super().restore_training_state()

    def restore_datamodule(self) -> None:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if data is not None:
            self.compare(type(data).__qualname__, data.state_dict())
        super().restore_datamodule()

    def restore_callbacks(self) -> None:
        self.compare("callbacks", call._call_callbacks_state_dict(self.trainer))
        super().restore_callbacks()

    def restore_loops(self) -> None:
        loops = self.trainer.fit_loop.state_dict()
        if self._loaded_checkpoint:
            check_same_types(self._loaded_checkpoint["loops"]["fit_loop"], loops, "loops")
        super().restore_loops()

    def restore_optimizers(self) -> None:
        self.compare("optimizer_states", [each.state_dict() for each in self.trainer.optimizers])
        super().restore_optimizers()
        for optimizer in self.trainer.optimizers:
            check_moments(optimizer)

    def restore_lr_schedulers(self) -> None:
        schedules = [each.scheduler.state_dict() for each in self.trainer.lr_scheduler_configs]
        self.compare("lr_schedulers", schedules)
        super().restore_lr_schedulers()

    def compare(self, key: str, wanted: object) -> None:
        """Refuse a part of the loaded checkpoint that is unlike that of the new training."""
        if key in self._loaded_checkpoint:
            check_same_types(self._loaded_checkpoint[key], wanted, key)


@contextmanager
def fitting(path: str | Path | None) -> Iterator[None]:
    """Raise BadWeights for what restoring from a checkpoint raises."""
    try:
        yield
    except UNFIT as error:
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise BadWeights(
            f"{path} does not fit this training ({printable(words, 200)}). Resume it with the "
            "recipe and overrides of its own training, or leave out --ckpt_path to start anew"
        ) from error


def check_same_types(found: object, wanted: object, name: str) -> None:
    """Raise TypeError for a state of other types than those `wanted`; None and lists of other
    lengths are left to whose they are, and so are names that only one of both has."""
    if isinstance(wanted, list) and name in ("optimizer_states", "lr_schedulers"):
        require(isinstance(found, list) and len(found) == len(wanted), found, wanted, name)
    if isinstance(wanted, Mapping):
        require(isinstance(found, Mapping), found, wanted, name)
        for key in wanted.keys() & found.keys():  # type: ignore[attr-defined]
            check_same_types(found[key], wanted[key], f"{name}.{key}")  # type: ignore[index]
    elif isinstance(wanted, list | tuple):
        require(isinstance(found, list | tuple), found, wanted, name)
        for part in found if wanted else []:  # type: ignore[attr-defined]
            check_same_types(part, wanted[0], name)
    elif isinstance(wanted, int | float):
        require(isinstance(found, int | float), found, wanted, name)
    elif isinstance(wanted, str | Tensor):
        require(isinstance(found, type(wanted)), found, wanted, name)


def require(fits: bool, found: object, wanted: object, name: str) -> None:
    if not fits:
        kind = type(wanted).__name__
        size = f" of {len(wanted)}" if isinstance(wanted, list) else ""
        raise TypeError(f"{name} must be {kind}{size}, got {brief(found)}")


def check_moments(optimizer: Optimizer) -> None:
    """Raise ValueError for averages of gradients that are not of their parameter's shape."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            fits = isinstance(value, Tensor) and value.shape in (parameter.shape, torch.Size())
            if not fits and value is not None and not isinstance(value, int | float):
                raise ValueError(
                    f"{name} of an optimizer must be of shape {tuple(parameter.shape)}, got "
                    f"{brief(getattr(value, 'shape', value))}"
                )
