"""Averages of the weights, and a context in which a module has the averaged weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from zoo.errors import BadRecipe


class EMAWithWarmup(WeightAveraging):
    """Exponential moving average of the weights with a decay that rises to `decay`, in [0, 1).

    After t updates the decay is min(decay, (1 + t) / (10 + t)), so that the initial weights decay
    fast. With a constant decay of 0.9995, 61 % of the initial weights remain after 1,000 steps.
    Checkpoints contain the number of updates. Raises BadRecipe for an invalid decay. The rule is
    that of `tf.train.ExponentialMovingAverage` with `num_updates`.
    """

    def __init__(self, decay: float = 0.999, use_buffers: bool = True) -> None:
        if not 0 <= decay < 1:
            raise BadRecipe(f"decay must be >= 0 and < 1, got {decay}. Usual is 0.99 to 0.9999")
        super().__init__(use_buffers=use_buffers, avg_fn=partial(update_average, decay=decay))


def update_average(average: Tensor, current: Tensor, updates: Tensor | int, decay: float) -> Tensor:
    """The average after one more update; `updates` is the number of earlier ones."""
    rising = (torch.as_tensor(updates) + 1) / (torch.as_tensor(updates) + 10)
    rate = rising.clamp(max=decay).to(average.device)
    return rate * average + (1 - rate) * current


@contextmanager
def averaged(trainer: Trainer, pl_module: LightningModule) -> Iterator[None]:
    """Give the module the averaged weights of a WeightAveraging callback within the context.

    Not for validation hooks: Lightning swaps the weights there, and a second swap undoes it.
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
    """The WeightAveraging callback, if it has an average: before its first update it has none."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, WeightAveraging) and callback._average_model is not None:
            return callback if callback._average_model.n_averaged > 0 else None
    return None
