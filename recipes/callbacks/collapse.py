"""Two ways to fail, told early: samples that are all alike, and codes that say nothing."""

import math
from typing import Protocol, cast, runtime_checkable

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor
from torch.distributions import Normal

from recipes.callbacks.requirements import name, refusal, sampler
from zoo.contracts import apply
from zoo.metrics.bounds import active_units

Batch = tuple[Tensor, ...]


class CollapseWarning(UserWarning):
    """A training that may have collapsed."""


@runtime_checkable
class Posterior(Protocol):
    """It explains images (n, channels, size, size) by latents, each (n, latent)."""

    def posterior(self, x: Tensor) -> Normal: ...


class Watch:
    """Turns with the steps, and an alarm that rings once until the figure has recovered.

    What is low but rising is left alone: an untrained generator draws grey, and grows out of it.
    """

    def __init__(self, every_n_steps: int, threshold: float) -> None:
        self.every_n_steps, self.threshold = every_n_steps, threshold
        self.step, self.last, self.ringing = 0, -math.inf, False

    def is_due(self, step: int) -> bool:
        """Whether this step is one to look at; batches that share a step are looked at once."""
        due = step % self.every_n_steps == 0 and step != self.step
        self.step = step
        return due

    def judge(self, figure: float, words: str) -> None:
        """Warn in `words` when the figure is below the threshold and not above the last one."""
        low = figure < self.threshold
        if low and figure <= self.last and not self.ringing:
            rank_zero_warn(f"step {self.step}: {words}", category=CollapseWarning)
            self.ringing = True
        self.ringing = self.ringing and low
        self.last = figure


class ModeCollapse(Callback):
    """Logs `diversity`: how far apart `n` samples of the current weights are, as a share of how
    far apart real images are (mean pairwise L2 of pixels). Warns below `threshold`, from the second
    look on, unless it is rising. Raises BadRecipe without a Sampler."""

    def __init__(self, every_n_steps: int = 100, n: int = 64, threshold: float = 0.3) -> None:
        self.n, self.watch = n, Watch(every_n_steps, threshold)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            sampler(self, pl_module)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        if not self.watch.is_due(trainer.global_step):
            return
        with isolate_rng():
            images = sampler(self, pl_module).sample(self.n, seed=0)
        ratio = float(spread(images) / spread(batch[0][: self.n]))
        pl_module.log("diversity", ratio)
        self.watch.judge(
            ratio,
            f"mode collapse? samples are {ratio:.2g} times as far apart as real images (less than "
            f"{self.watch.threshold:g}): look at them, and stop if they are all alike",
        )


class PosteriorCollapse(Callback):
    """Logs `active_units`: the share of latents whose posterior mean varies over the batch by more
    than 0.01 (Burda et al., 2016, https://arxiv.org/abs/1509.00519). Warns below `threshold`, from
    the second look on, unless it is rising. Raises BadRecipe for a model without `posterior`."""

    def __init__(self, every_n_steps: int = 200, threshold: float = 0.1) -> None:
        self.watch = Watch(every_n_steps, threshold)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and not isinstance(pl_module, Posterior):
            raise refusal(self, f"a model with `posterior(x)`, which {name(pl_module)} has not")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        if not self.watch.is_due(trainer.global_step):
            return
        share = active_units(codes(pl_module, batch[0]))
        pl_module.log("active_units", share)
        self.watch.judge(
            share,
            f"posterior collapse? {share:.0%} of the latents depend on the image (less than "
            f"{self.watch.threshold:.0%}): a warm-up or free bits keep more of them alive",
        )


def spread(images: Tensor) -> Tensor:
    """Mean L2 distance between two of the images (n, channels, size, size)."""
    return torch.pdist(images.float().flatten(1)).mean()


def codes(model: LightningModule, x: Tensor) -> Tensor:
    """Posterior means (n, latent) of images (n, channels, size, size)."""
    posterior = cast(Posterior, model).posterior
    with isolate_rng():
        return apply(model, x, lambda chunk: posterior(chunk).mean).float()
