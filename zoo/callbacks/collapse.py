"""Two ways to fail, told early: samples that are all alike, and codes that say nothing."""

import math
from typing import cast

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from zoo.callbacks.alarms import Action, AlarmState, Batch, Monitor
from zoo.callbacks.requirements import missing, require_reconstruction, require_sampling
from zoo.callbacks.sample_grid import COLUMNS
from zoo.core.arguments import Count
from zoo.core.module import eval_in_chunks
from zoo.core.protocols import HasPosterior
from zoo.errors import BadRecipe
from zoo.plotting.pictures import grid, rows


class ModeCollapse(Monitor):
    """Logs `diversity`: how far apart `n` samples of the current weights are, as a share of how
    far apart real images are (mean pairwise L2 of pixels). Low is below `threshold`: on digits and
    Fashion-MNIST healthy GANs are above 0.6 from step 200 on and end near 1; one that is deaf to
    its latent has 0, and one that failed for lack of batch norm lingers at 0.3. Raises BadRecipe
    without a Sampler."""

    metric_name = "diversity"

    def __init__(
        self,
        every_n_steps: Count = 50,
        n: Count = 64,
        threshold: float = 0.5,
        action: Action = "warn",
    ) -> None:
        super().__init__(AlarmState(every_n_steps, threshold), action)
        if n < 2:
            raise BadRecipe(f"n must be >= 2, got {n}. Distances are measured between samples")
        self.n = n

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_sampling(self, pl_module)

    def measure(self, trainer: Trainer, pl_module: LightningModule, batch: Batch) -> None:
        real = float(spread(batch[0][: self.n]))
        if trainer.strategy.broadcast(real == 0):  # one image, or copies of one, have no distance
            return
        with isolate_rng():
            images = require_sampling(self, pl_module).sample(self.n, seed=0)
        ratio = float(spread(images)) / real
        words = (
            f"mode collapse? samples are {ratio:.2g} times as far apart as real images (less than "
            f"{self.watch.threshold:g}): look at them, and stop if they are all alike"
        )
        self.report(trainer, pl_module, ratio, words, lambda: grid(images, COLUMNS))


class PosteriorCollapse(Monitor):
    """Logs `latents_in_use`: the share of latents whose posterior mean varies over the batch by
    more than 0.1, a tenth of the prior's variance. Trained models are counted by 0.01 (Burda et
    al., 2016, https://arxiv.org/abs/1509.00519), but while training that tells too late: with
    beta 50, 2 of 32 latents are in use at step 350, and 19 more still fade towards 0.01.
    Low is below `threshold`: the VAEs that ship use all. The evidence is real images above what is
    made of them. Raises BadRecipe without `posterior` and `reconstruct`.
    """

    metric_name = "latents_in_use"

    def __init__(
        self, every_n_steps: Count = 50, threshold: float = 0.25, action: Action = "warn"
    ) -> None:
        super().__init__(AlarmState(every_n_steps, threshold), action)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            if not isinstance(pl_module, HasPosterior):
                raise missing(self, "a model with `posterior(x)`", pl_module)
            require_reconstruction(self, pl_module)

    def measure(self, trainer: Trainer, pl_module: LightningModule, batch: Batch) -> None:
        if trainer.strategy.broadcast(len(batch[0]) < 2):  # one image has no variance
            return
        share = in_use(codes(pl_module, batch[0]))
        words = (
            f"posterior collapse? {share:.0%} of the latents depend on the image (less than "
            f"{self.watch.threshold:.0%}): free bits or a smaller `noise` keep more alive"
        )
        self.report(
            trainer, pl_module, share, words, lambda: self.beside_reals(pl_module, batch[0])
        )

    def beside_reals(self, model: LightningModule, x: Tensor) -> Tensor:
        """Images (n, channels, size, size), at most 32, above their reconstructions."""
        with isolate_rng():
            again = require_reconstruction(self, model).reconstruct(x[:32])
        return grid(rows(x[:32], again, columns=COLUMNS), COLUMNS)


def spread(images: Tensor) -> Tensor:
    """Mean L2 distance between two of the images (n, channels, size, size); zero for one."""
    distances = torch.pdist(images.float().flatten(1))
    return distances.mean() if len(images) > 1 else distances.new_zeros(())


def in_use(means: Tensor) -> float:
    """The share of latents of posterior means (n, latent) that tell images apart; NaN for fewer
    than two images, which have no variance."""
    if len(means) < 2:
        return math.nan
    return (means.var(0) > 0.1).double().mean().item()


def codes(model: LightningModule, x: Tensor) -> Tensor:
    """Posterior means (n, latent) of images (n, channels, size, size)."""
    posterior = cast(HasPosterior, model).posterior
    with isolate_rng():
        return eval_in_chunks(model, x, lambda chunk: posterior(chunk).mean).float()
