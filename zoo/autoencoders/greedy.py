"""Greedy layer-wise training. Bengio et al., 2006, https://dl.acm.org/doi/10.5555/2976456.2976476

The stacked autoencoder, trained one layer at a time: each layer learns to reconstruct the output of
the frozen layers below it. Then all layers are fine-tuned together.
"""

import math

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from zoo.autoencoders.stacked import StackedAutoencoder
from zoo.core.arguments import Count
from zoo.core.schedules import finite_steps
from zoo.losses.reconstruction import binary_cross_entropy


class GreedyAutoencoder(StackedAutoencoder):
    """Stacked autoencoder with greedy layer-wise pretraining of `layer_steps` steps a layer.

    The remaining steps train all layers. The stage depends on the global step alone, so that a
    resumed training continues in the right stage.
    """

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        widths: tuple[Count, ...] = (100,),
        latent: Count = 30,
        layer_steps: int = 5000,
        components: Count = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__(size, channels, widths, latent, components, lr)
        self.depth = len(widths) + 1

    def stage(self, step: int) -> int:
        """Index of the layer that is trained in a step, from 0; `depth` if all layers are."""
        return min(step // self.hparams["layer_steps"], self.depth)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Reconstruction loss of one layer, or of the whole stack in the last stage."""
        x, _ = batch
        layer = self.stage(self.global_step)
        if layer == self.depth:
            return super().training_step(batch, batch_idx)
        with torch.no_grad():
            below = self.encoder[: 1 + layer](x)  # module 0 flattens, module 1 + i is layer i
        # decoder modules are in reverse order: module -1 - i mirrors layer i
        reconstruction = self.decoder[-1 - layer](self.encoder[1 + layer](below))
        error = mse_loss if layer else binary_cross_entropy
        loss = error(reconstruction, below if layer else x)
        self.log_on_interval({f"loss/layer-{layer}": loss})
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log the mean squared error of a pixel in [0, 1], through the layers trained so far."""
        x, _ = batch
        n_layers = min(self.stage(max(self.global_step - 1, 0)) + 1, self.depth)
        logits = self.decoder[-n_layers:](self.encoder[: 1 + n_layers](x))
        reconstruction = logits.sigmoid() * 2 - 1
        error = (reconstruction - x).div(2).square().mean()
        self.log("val/mse", error, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam, whose learning rate decays along a cosine in each stage.

        Adam does not update parameters without a gradient, such as those of the other layers.
        """
        adam = Adam(self.parameters(), lr=self.hparams["lr"])
        steps = finite_steps(self.trainer.estimated_stepping_batches)
        layer_steps = self.hparams["layer_steps"]

        def cosine_decay(step: int) -> float:
            stage = self.stage(step)
            length = layer_steps if stage < self.depth else steps - self.depth * layer_steps
            return (1 + math.cos(math.pi * (step - stage * layer_steps) / max(length, 1))) / 2

        schedule = LambdaLR(adam, cosine_decay)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
