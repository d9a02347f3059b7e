"""Snapshots of a running training, and rollback to them."""

from pathlib import Path

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging


def snapshot(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint for `rollback` and `--ckpt_path`."""
    trainer.save_checkpoint(path, weights_only=False)


def rollback(trainer: Trainer, pl_module: LightningModule, path: Path) -> None:
    """Restore weights, their average, optimizers and schedules from a snapshot, in place.

    Counts of steps and images, and random number generators, are not restored: the counts are the
    cost of the training, and other random numbers avoid a repetition of the failure.
    """
    state = trainer.strategy.load_checkpoint(path, weights_only=True)
    state["images_seen"] = getattr(pl_module, "images_seen", 0)
    pl_module.on_load_checkpoint(state)
    trainer.strategy.load_model_state_dict(state, strict=pl_module.strict_loading)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, WeightAveraging):
            callback.on_load_checkpoint(trainer, pl_module, state)
    trainer.strategy.load_optimizer_state_dict(state)
    for config, schedule in zip(trainer.lr_scheduler_configs, state["lr_schedulers"], strict=True):
        config.scheduler.load_state_dict(schedule)
