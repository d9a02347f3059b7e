"""The average of the weights, where there is one, in their place for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging


@contextmanager
def averaged(trainer: Trainer, pl_module: LightningModule) -> Iterator[None]:
    """Put a WeightAveraging callback's average into the module, and the weights back afterwards.

    Not for validation hooks: there Lightning has swapped already, and a second swap undoes it.
    """
    average = average_of(trainer)
    if average is None:
        yield
        return
    average._swap_models(pl_module)
    try:
        yield
    finally:
        average._swap_models(pl_module)


def average_of(trainer: Trainer) -> WeightAveraging | None:
    """The callback that has an average; until its first update it has the initial weights."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, WeightAveraging) and callback._average_model is not None:
            return callback if callback._average_model.n_averaged > 0 else None
    return None
