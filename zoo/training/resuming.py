"""Checks of a checkpoint's states against the resumed training, before its first step."""

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

RESTORE_ERRORS = (RuntimeError, LookupError, TypeError, ValueError, AttributeError, AssertionError)


class CheckedRestore(_CheckpointConnector):
    """Lightning's restore of a checkpoint; raises BadWeights for a missing state and for a state of
    another shape or type than that of the training."""

    def _restore_modules_and_callbacks(
        self, checkpoint_path: str | Path | None = None, weights_only: bool | None = None
    ) -> None:
        with translate_restore_errors(checkpoint_path):
            super()._restore_modules_and_callbacks(checkpoint_path, weights_only)

    def restore_training_state(self) -> None:
        with translate_restore_errors(self._ckpt_path):
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
            check_optimizer_state(optimizer)

    def restore_lr_schedulers(self) -> None:
        schedules = [each.scheduler.state_dict() for each in self.trainer.lr_scheduler_configs]
        self.compare("lr_schedulers", schedules)
        super().restore_lr_schedulers()

    def compare(self, key: str, expected: object) -> None:
        """Check a part of the loaded checkpoint against that of the new training."""
        if key in self._loaded_checkpoint:
            check_same_types(self._loaded_checkpoint[key], expected, key)


@contextmanager
def translate_restore_errors(path: str | Path | None) -> Iterator[None]:
    """Raise BadWeights for errors of restoring a checkpoint within the context."""
    try:
        yield
    except RESTORE_ERRORS as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise BadWeights(
            f"the states of {path} must be those of this training, got {printable(reason, 200)}. "
            "Resume with the recipe and overrides of its own training, or leave out --ckpt_path "
            "for a new training"
        ) from error


def check_same_types(loaded: object, expected: object, name: str) -> None:
    """Raise TypeError for a loaded state of other types than the expected one. None, lists of other
    lengths and names in only one of both are left to the owner of the state."""
    if isinstance(expected, list) and name in ("optimizer_states", "lr_schedulers"):
        require(isinstance(loaded, list) and len(loaded) == len(expected), loaded, expected, name)
    if isinstance(expected, Mapping):
        require(isinstance(loaded, Mapping), loaded, expected, name)
        for key in expected.keys() & loaded.keys():  # type: ignore[attr-defined]
            check_same_types(loaded[key], expected[key], f"{name}.{key}")  # type: ignore[index]
    elif isinstance(expected, list | tuple):
        require(isinstance(loaded, list | tuple), loaded, expected, name)
        for part in loaded if expected else []:  # type: ignore[attr-defined]
            check_same_types(part, expected[0], name)
    elif isinstance(expected, int | float):
        require(isinstance(loaded, int | float), loaded, expected, name)
    elif isinstance(expected, str | Tensor):
        require(isinstance(loaded, type(expected)), loaded, expected, name)


def require(matches: bool, loaded: object, expected: object, name: str) -> None:
    """Raise TypeError unless a loaded state matches the expected one."""
    if not matches:
        kind = type(expected).__name__
        size = f" of {len(expected)}" if isinstance(expected, list) else ""
        raise TypeError(f"{name} must be {kind}{size}, got {brief(loaded)}")


def check_optimizer_state(optimizer: Optimizer) -> None:
    """Raise ValueError for tensors that have neither their parameter's shape nor one element."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            fits = isinstance(value, Tensor) and value.shape in (parameter.shape, torch.Size())
            if not fits and value is not None and not isinstance(value, int | float):
                raise ValueError(
                    f"{name} of an optimizer must be of shape {tuple(parameter.shape)}, got "
                    f"{brief(getattr(value, 'shape', value))}"
                )
