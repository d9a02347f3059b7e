"""Checkpoints from which a training goes on as if it had never stopped."""

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

Batch = tuple[torch.Tensor, ...]


class Checkpoint(ModelCheckpoint):
    """`last.ckpt` at the end of each epoch, and when Ctrl-C or SIGTERM ask to stop: the step is
    finished first, so that nothing is lost; asked again, the training stops at once.

    Besides what Lightning keeps there are the random streams of every rank, and the loops are put
    down as they stand between two batches. A file is whole or not there. An error saves nothing:
    it may have come in the middle of a step, and the last good checkpoint stays.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        self.signal, self.streams, self.at_epoch_end = 0, list[rng_state.State](), False
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = WholeFiles()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        if trainer.global_rank < len(self.streams):
            rng_state.restore(self.streams[trainer.global_rank], pl_module.device)
        if self.at_epoch_end:  # Lightning would go through the end of that epoch once more
            trainer.fit_loop.epoch_loop.restarting = False
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):  # the Trainer puts the old ones back
                signal.signal(number, self.ask)

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Stop after this step; the second time, now."""
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
        if not trainer.is_last_batch:  # else at the end of the epoch
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        loop = trainer.fit_loop
        if not loop.epoch_loop._should_check_val_fx(loop._data_fetcher):  # type: ignore[arg-type]
            self.leave(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        leaving, every = self.leave(trainer), max(self._every_n_epochs, 1)
        wanted = (trainer.current_epoch + 1) % every == 0 or is_over(trainer) or leaving
        if wanted and not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def leave(self, trainer: Trainer) -> bool:
        """Have all ranks leave before the next batch, if one was asked to; not before a validation,
        which Lightning would break off with the average in the model's place."""
        if trainer.strategy.reduce_boolean_decision(bool(self.signal), all=False):
            trainer._signal_connector.received_sigterm = True
        return trainer.received_sigterm

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = rng_state.state(pl_module.device)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A training that is cut short validates once more than one that is not: it draws alike."""
        super().on_validation_end(trainer, pl_module)
        rng_state.restore(self.before, pl_module.device)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """All is saved already; from here on the model may hold the average of its weights."""

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        stopped = isinstance(exception, SIGTERMException)
        if stopped and not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["streams"] = rng_state.states(pl_module.device)
        kind = type(pl_module)  # a module of one's own may keep neither
        checkpoint.setdefault("images_seen", 0)
        checkpoint.setdefault(
            "hyper_parameters", {"_class_path": f"{kind.__module__}.{kind.__qualname__}"}
        )
        settle(checkpoint["loops"]["fit_loop"], trainer.num_training_batches)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.streams = list(checkpoint.get("streams", []))
        if trainer.global_rank < len(self.streams):
            rng_state.check(self.streams[trainer.global_rank], pl_module.device)
        epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["total"]
        self.at_epoch_end = epochs["completed"] == epochs["ready"]


class WholeFiles(TorchCheckpointIO):
    """Lightning's own writes in the folder for temporary files and moves, which copies where that
    is another disk: this one writes beside, and renames what has reached the disk."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        with atomic_write(Path(path)) as beside, beside.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:  # torch closes its archive over the error of the disk
                if isinstance(cause := error.__context__, OSError):
                    raise cause from error
                raise
            file.flush()
            os.fsync(file.fileno())


def is_over(trainer: Trainer) -> bool:
    """Whether this epoch's end is that of the training."""
    enough = 0 <= trainer.max_steps <= trainer.global_step
    last = trainer.max_epochs is not None and 0 <= trainer.max_epochs <= trainer.current_epoch + 1
    return enough or last or trainer.should_stop


def settle(loops: dict[str, Any], batches: float) -> None:
    """Put Lightning's counters to where they stand between two batches, or between two epochs.

    `completed` lags behind in its hooks, and an epoch that `max_steps` cuts short counts as done.
    """
    batch, epoch = loops["epoch_loop.batch_progress"], loops["epoch_progress"]
    if batch["total"]["completed"] < batch["total"]["processed"]:  # in on_train_batch_end
        loops["epoch_loop.state_dict"]["_batches_that_stepped"] += 1
    ended = epoch["total"]["processed"] == epoch["total"]["started"]  # in on_train_epoch_end
    cut = ended and not batch["is_last_batch"] and batch["current"]["ready"] < batches
    for span in ("total", "current"):
        batch[span]["completed"] = batch[span]["processed"]
        epoch[span]["processed"] -= cut
        epoch[span]["completed"] = epoch[span]["processed"]
    for loader in loops["state_dict"].get("combined_loader", []) if ended and not cut else []:
        loader |= {"yielded": 0} if "yielded" in loader else {}
