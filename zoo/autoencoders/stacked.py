"""Stacked autoencoder. Hinton & Salakhutdinov, 2006, https://doi.org/10.1126/science.1127647

A deep encoder with a narrow code, and a decoder that unrolls it: each decoder layer has the
transposed weight of its encoder layer. SELU (https://arxiv.org/abs/1706.02515) makes layer-wise
pretraining unnecessary.
"""

from itertools import pairwise

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.arguments import Count
from zoo.core.latent_models import Autoencoder
from zoo.core.module import eval_in_chunks
from zoo.layers.precision import at_least_float32
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.layers.tied import TiedLinear
from zoo.losses.reconstruction import binary_cross_entropy


class StackedAutoencoder(Autoencoder):
    """Stacked autoencoder with tied weights, by default 784-100-30-100-784.

    The brightness of a pixel in [0, 1] is treated as the probability of white.
    """

    encoder: nn.Sequential
    decoder: nn.Sequential

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        widths: tuple[Count, ...] = (100,),
        latent: Count = 30,
        components: Count = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        units = [channels * size**2, *widths, latent]
        layers = [dense(a, b) for a, b in pairwise(units)]
        first, *others = [TiedLinear(layer) for layer in layers]
        self.encoder = nn.Sequential(
            nn.Flatten(), *(nn.Sequential(layer, nn.SELU()) for layer in layers)
        )
        self.decoder = nn.Sequential(
            *(nn.Sequential(layer, nn.SELU()) for layer in others[::-1]),
            nn.Sequential(first, nn.Unflatten(1, (channels, size, size))),  # logits
        )
        self.sampler = GaussianMixtureSampler(latent, components)

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        logits = eval_in_chunks(self, self.validate_latents(z), self.decoder)
        return at_least_float32(logits).sigmoid() * 2 - 1

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss: cross-entropy of x and D(E(x)), in nats per image."""
        x, _ = batch
        loss = binary_cross_entropy(self.decoder(self.encoder(x)), x)
        self.log_on_interval({"cross_entropy": loss})
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])


def dense(a: int, b: int) -> nn.Linear:
    """Dense layer with weights of variance 1 / a (LeCun normal), as SELU requires."""
    layer = nn.Linear(a, b)
    nn.init.normal_(layer.weight, std=a**-0.5)
    nn.init.zeros_(layer.bias)
    return layer
