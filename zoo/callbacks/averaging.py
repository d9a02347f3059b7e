"""Averages of the weights, and how to put one into the model's place for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from zoo.errors import BadRecipe


class EMAWithWarmup(WeightAveraging):
    """Exponential moving average of the weights whose decay rises to `decay`: after t updates it
    is (1 + t) / (10 + t), so that the initial weights are soon forgotten.

    Without the rise, a decay of 0.9995 keeps 61 % of the initial weights after 1,000 steps. The
    count of updates is part of a checkpoint. Raises BadRecipe for a decay that is none.
    """

    def __init__(self, decay: float = 0.999, use_buffers: bool = True) -> None:
        if not 0 <= decay < 1:
            raise BadRecipe(f"decay must be >= 0 and < 1, got {decay}. Usual is 0.99 to 0.9999")
        super().__init__(use_buffers=use_buffers, avg_fn=partial(follow, decay=decay))


def follow(average: Tensor, current: Tensor, updates: Tensor | int, decay: float) -> Tensor:
    """The next average, `updates` having been made."""
    kept = (torch.as_tensor(updates) + 1) / (torch.as_tensor(updates) + 10)
    kept = kept.clamp(max=decay).to(average.device)
    return kept * average + (1 - kept) * current


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
