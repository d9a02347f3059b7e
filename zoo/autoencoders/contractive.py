"""Contractive autoencoder. Rifai et al., 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf

One layer of sigmoid units. A penalty on the Jacobian of the code with respect to the image makes
the code insensitive to changes that do not occur between images.
"""

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


class ContractiveAutoencoder(Autoencoder):
    """Contractive autoencoder with codes (n, latent) in [0, 1] and tied weights."""

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        latent: Count = 300,
        contractive_weight: float = 0.1,
        components: Count = 1,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        layer = nn.Linear(channels * size**2, latent)
        self.encoder = nn.Sequential(nn.Flatten(), layer, nn.Sigmoid())
        self.decoder = nn.Sequential(TiedLinear(layer), nn.Unflatten(1, (channels, size, size)))
        self.sampler = GaussianMixtureSampler(latent, components)

    def decode(self, z: Tensor) -> Tensor:
        """Decode codes (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        logits = eval_in_chunks(self, self.validate_latents(z), self.decoder)
        return at_least_float32(logits).sigmoid() * 2 - 1

    def squared_jacobian_norm(self, code: Tensor) -> Tensor:
        """Squared Frobenius norm (n,) of the encoder's Jacobian, from codes (n, latent).

        Row j of the Jacobian is h_j (1 - h_j) W_j (section 3.4), which needs no backward pass.
        """
        row_norms = self.encoder.get_parameter("1.weight").square().sum(1)  # |W_j|^2: (latent,)
        return (code * (1 - code)).square() @ row_norms

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss: cross-entropy of x and D(E(x)) plus contractive_weight |dE/dx|^2."""
        x, _ = batch
        code = self.encoder(x)
        cross_entropy = binary_cross_entropy(self.decoder(code), x)
        penalty = self.squared_jacobian_norm(code).mean()
        self.log_on_interval({"cross_entropy": cross_entropy, "jacobian_norm": penalty})
        return cross_entropy + self.hparams["contractive_weight"] * penalty

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
