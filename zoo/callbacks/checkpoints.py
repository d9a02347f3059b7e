"""Checkpoints for exact resume."""

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from zoo.callbacks import rng_state
from zoo.files import atomic_write
from zoo.pretrained.trust import class_path_of

Batch = tuple[torch.Tensor, ...]


class Checkpoint(ModelCheckpoint):
    """`last.ckpt` at the end of each epoch, and on Ctrl-C or SIGTERM after the current step; a
    second signal stops the training immediately.

    A checkpoint also contains the states of all random number generators of each rank, and loop
    counters as they are between two batches. It is written atomically. An error writes no
    checkpoint, as it may occur within a step; the last checkpoint remains.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        self.signal, self.rng_states, self.at_epoch_end = 0, list[rng_state.State](), False
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = AtomicCheckpointIO()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        if trainer.global_rank < len(self.rng_states):
            rng_state.restore(self.rng_states[trainer.global_rank], pl_module.device)
        if self.at_epoch_end:  # else Lightning runs the end of that epoch a second time
            trainer.fit_loop.epoch_loop.restarting = False
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):  # Trainer restores the old handlers
                signal.signal(number, self.request_stop)

    def request_stop(self, number: int, frame: FrameType | None) -> None:
        """Stop after this step; at the second signal, immediately."""
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    def on_train_batch_end(  # type: ignore[override]
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        if not trainer.is_last_batch:  # after the last one, on_train_epoch_end saves
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        loop = trainer.fit_loop
        if not loop.epoch_loop._should_check_val_fx(loop._data_fetcher):  # type: ignore[arg-type]
            self.stop_if_requested(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        stops, every = self.stop_if_requested(trainer), max(self._every_n_epochs, 1)
        is_due = (trainer.current_epoch + 1) % every == 0 or is_last_epoch(trainer) or stops
        if is_due and not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def stop_if_requested(self, trainer: Trainer) -> bool:
        """Stop all ranks before the next batch if one received a signal; return whether they stop.
        Not for the step before a validation, which Lightning would interrupt with the averaged
        weights in the model."""
        if trainer.strategy.reduce_boolean_decision(bool(self.signal), all=False):
            trainer._signal_connector.received_sigterm = True
        return trainer.received_sigterm

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.rng_before_validation = rng_state.state(pl_module.device)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the random number generators, as an interrupted and resumed training validates
        once more than an uninterrupted one."""
        super().on_validation_end(trainer, pl_module)
        rng_state.restore(self.rng_before_validation, pl_module.device)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save nothing: on_train_epoch_end has saved, and the model may have averaged weights."""

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        stopped = isinstance(exception, SIGTERMException)
        if stopped and not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["rng_states"] = rng_state.states(pl_module.device)
        checkpoint.setdefault(  # a LightningModule of other people's code may store none
            "hyper_parameters", {"_class_path": class_path_of(type(pl_module))}
        )
        align_progress(checkpoint["loops"]["fit_loop"], trainer.num_training_batches)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.rng_states = list(checkpoint.get("rng_states", []))
        if trainer.global_rank < len(self.rng_states):
            rng_state.check(self.rng_states[trainer.global_rank], pl_module.device)
        epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["total"]
        self.at_epoch_end = epochs["completed"] == epochs["ready"]


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its path and renames it once it is on the disk. Lightning writes
    to the folder for temporary files, from where a move to another disk is a copy."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        with atomic_write(Path(path)) as temporary, temporary.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:  # by closing torch's archive, after the disk's OSError
                if isinstance(cause := error.__context__, OSError):
                    raise cause from error
                raise
            file.flush()
            os.fsync(file.fileno())


def is_last_epoch(trainer: Trainer) -> bool:
    """Whether the training ends with this epoch."""
    enough = 0 <= trainer.max_steps <= trainer.global_step
    last = trainer.max_epochs is not None and 0 <= trainer.max_epochs <= trainer.current_epoch + 1
    return enough or last or trainer.should_stop


def align_progress(loops: dict[str, Any], batches: float) -> None:
    """Set the counters of Lightning's fit loop, of `batches` an epoch, to their values between two
    batches, or between two epochs.

    In hooks, `completed` lags behind; an epoch that `max_steps` interrupts counts as processed.
    """
    batch, epoch = loops["epoch_loop.batch_progress"], loops["epoch_progress"]
    if batch["total"]["completed"] < batch["total"]["processed"]:  # in on_train_batch_end
        loops["epoch_loop.state_dict"]["_batches_that_stepped"] += 1
    ended = epoch["total"]["processed"] == epoch["total"]["started"]  # in on_train_epoch_end
    is_partial = ended and not batch["is_last_batch"] and batch["current"]["ready"] < batches
    for span in ("total", "current"):
        batch[span]["completed"] = batch[span]["processed"]
        epoch[span]["processed"] -= is_partial  # a bool: minus one for an interrupted epoch
        epoch[span]["completed"] = epoch[span]["processed"]
    # after a whole epoch the loader starts at its first batch
    for loader in (
        loops["state_dict"].get("combined_loader", []) if ended and not is_partial else []
    ):
        loader |= {"yielded": 0} if "yielded" in loader else {}
