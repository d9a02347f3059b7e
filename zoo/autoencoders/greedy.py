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
from zoo.losses.reconstruction import cross_entropy


class GreedyAutoencoder(StackedAutoencoder):
    """Layer by layer for `layer_epochs` each, then the stack for what is left of the training.

    The epoch alone tells which layer learns, so that a resumed run goes on where it was.
    """

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        widths: tuple[int, ...] = (100,),
        latent: int = 30,
        layer_epochs: int = 10,
        components: int = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, widths, latent, components, lr)
        self.depth = len(widths) + 1

    def stage(self, epoch: int) -> int:
        """The layer that learns in an epoch, from 0; the number of layers when all of them do."""
        return min(epoch // self.hparams["layer_epochs"], self.depth)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend the error of one layer on what those below it say, then that of the stack."""
        x, _ = batch
        layer = self.stage(self.current_epoch)
        if layer == self.depth:
            return super().training_step(batch, batch_idx)
        with torch.no_grad():
            below = self.encoder[: 1 + layer](x)  # the first one flattens
        again = self.decoder[-1 - layer](self.encoder[1 + layer](below))
        loss = mse_loss(again, below) if layer else cross_entropy(again, x)
        self.note({f"loss/layer-{layer}": loss})
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log the mean squared error of a pixel in [0, 1], through the layers that have learned."""
        x, _ = batch
        top = min(self.stage(self.current_epoch) + 1, self.depth)
        again = self.decoder[-top:](self.encoder[: 1 + top](x)).sigmoid() * 2 - 1
        error = (again - x).div(2).square().mean()
        self.log("val/mse", error, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam, which leaves alone what has no gradient; its learning rate falls in each stage."""
        adam = Adam(self.parameters(), lr=self.hparams["lr"])
        return {"optimizer": adam, "lr_scheduler": LambdaLR(adam, self.falling)}

    def falling(self, epoch: int) -> float:
        """From 1 to nearly 0 along half a cosine, in every stage anew."""
        stage, each = self.stage(epoch), self.hparams["layer_epochs"]
        last = (self.trainer.max_epochs or 0) - self.depth * each
        length = last if stage == self.depth else each
        return (1 + math.cos(math.pi * (epoch - stage * each) / max(length, 1))) / 2
