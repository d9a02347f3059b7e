"""Greedy layer-wise training. Bengio et al., 2006, https://dl.acm.org/doi/10.5555/2976456.2976476

The stacked autoencoder, one layer at a time: each learns to give back what the layers below it say,
those held still; then all of them are tuned together.
"""

import math

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from zoo.autoencoders.stacked import StackedAutoencoder
from zoo.core.schedules import finite_steps
from zoo.losses.reconstruction import binary_cross_entropy


class GreedyAutoencoder(StackedAutoencoder):
    """Layer by layer for `layer_steps` each, then the stack for what is left of the training.

    The step alone tells which layer learns, so that a resumed run goes on where it was.
    """

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        widths: tuple[int, ...] = (100,),
        latent: int = 30,
        layer_steps: int = 5000,
        components: int = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, widths, latent, components, lr)
        self.depth = len(widths) + 1

    def stage(self, step: int) -> int:
        """The layer that learns in a step, from 0; the number of layers when all of them do."""
        return min(step // self.hparams["layer_steps"], self.depth)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend the error of one layer on what those below it say, then that of the stack."""
        x, _ = batch
        layer = self.stage(self.global_step)
        if layer == self.depth:
            return super().training_step(batch, batch_idx)
        with torch.no_grad():
            below = self.encoder[: 1 + layer](x)  # the first one flattens
        again = self.decoder[-1 - layer](self.encoder[1 + layer](below))
        loss = mse_loss(again, below) if layer else binary_cross_entropy(again, x)
        self.log_on_interval({f"loss/layer-{layer}": loss})
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log the mean squared error of a pixel in [0, 1], through the layers that have learned."""
        x, _ = batch
        top = min(self.stage(max(self.global_step - 1, 0)) + 1, self.depth)
        again = self.decoder[-top:](self.encoder[: 1 + top](x)).sigmoid() * 2 - 1
        error = (again - x).div(2).square().mean()
        self.log("val/mse", error, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam, which leaves alone what has no gradient; its learning rate falls in each stage."""
        adam = Adam(self.parameters(), lr=self.hparams["lr"])
        steps = finite_steps(self.trainer.estimated_stepping_batches)
        each = self.hparams["layer_steps"]

        def falling(step: int) -> float:
            stage = self.stage(step)
            length = each if stage < self.depth else steps - self.depth * each
            return (1 + math.cos(math.pi * (step - stage * each) / max(length, 1))) / 2

        schedule = LambdaLR(adam, falling)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
