"""Mode collapse and posterior collapse: alarms during training."""

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
    """Logs `diversity`: the mean pairwise L2 distance between the pixels of `n` samples of the
    current weights, divided by that of real images.

    On digits and Fashion-MNIST, healthy GANs are above 0.6 from step 200 on and end near 1. A
    generator that ignores its latent has 0. A GAN that failed without batch norm stays at 0.3.
    Raises BadRecipe without `sample`.
    """

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
            raise BadRecipe(f"n must be >= 2, got {n}. Distances are between two samples")
        self.n = n

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_sampling(self, pl_module)

    def measure(self, trainer: Trainer, pl_module: LightningModule, batch: Batch) -> None:
        real = float(mean_distance(batch[0][: self.n]))
        if trainer.strategy.broadcast(real == 0):  # one image, or copies of one
            return
        with isolate_rng():
            images = require_sampling(self, pl_module).sample(self.n, seed=0)
        ratio = float(mean_distance(images)) / real
        message = (
            f"mode collapse? the mean distance between samples is {ratio:.2g} of that between real "
            f"images (below {self.alarm.threshold:g}). Compare the samples in alarms/"
        )
        self.report(trainer, pl_module, ratio, message, lambda: grid(images, COLUMNS))


class PosteriorCollapse(Monitor):
    """Logs `latents_in_use`: the share of latents whose posterior mean has a variance above 0.1
    over the batch.

    The evaluation of trained models uses 0.01 (Burda et al., 2016,
    https://arxiv.org/abs/1509.00519), which during training is late: with beta 50, 2 of 32 latents
    are in use by 0.1 at step 350, while 19 others have not yet fallen to 0.01. Shipped VAEs use all
    latents by 0.1. The evidence is rows of real images above their reconstructions. Raises
    BadRecipe without `posterior` and `reconstruct`.
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
        share = share_in_use(posterior_means(pl_module, batch[0]))
        message = (
            f"posterior collapse? {share:.0%} of the latents depend on the image (below "
            f"{self.alarm.threshold:.0%}). Use free bits or a smaller `noise`"
        )
        self.report(trainer, pl_module, share, message, lambda: self.evidence(pl_module, batch[0]))

    def evidence(self, model: LightningModule, x: Tensor) -> Tensor:
        """A grid of the first 32 images (n, channels, size, size) above their reconstructions."""
        with isolate_rng():
            reconstruction = require_reconstruction(self, model).reconstruct(x[:32])
        return grid(rows(x[:32], reconstruction, columns=COLUMNS), COLUMNS)


def mean_distance(images: Tensor) -> Tensor:
    """Mean L2 distance between two of the images (n, channels, size, size); 0 for n < 2."""
    distances = torch.pdist(images.float().flatten(1))
    return distances.mean() if len(images) > 1 else distances.new_zeros(())


def share_in_use(means: Tensor) -> float:
    """The share of latents whose posterior means (n, latent) have a variance above 0.1 over the
    images; NaN for n < 2."""
    if len(means) < 2:
        return math.nan
    return (means.var(0) > 0.1).double().mean().item()


def posterior_means(model: LightningModule, x: Tensor) -> Tensor:
    """Posterior means (n, latent) of images (n, channels, size, size)."""
    posterior = cast(HasPosterior, model).posterior
    with isolate_rng():
        return eval_in_chunks(model, x, lambda chunk: posterior(chunk).mean).float()
