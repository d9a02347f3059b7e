"""Contractive autoencoder. Rifai et al., 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf

One layer of sigmoid units, whose slope with respect to the image has a price: the code may move
only where images do.
"""

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.latent_models import Autoencoder
from zoo.core.module import eval_in_chunks
from zoo.layers.precision import at_least_float32
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.layers.tied import TiedLinear
from zoo.losses.reconstruction import binary_cross_entropy


class ContractiveAutoencoder(Autoencoder):
    """Images (n, channels, size, size) to codes (n, latent) in [0, 1]; back by the transpose."""

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        latent: int = 300,
        contractive_weight: float = 0.1,
        components: int = 1,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        layer = nn.Linear(channels * size**2, latent)
        self.encoder = nn.Sequential(nn.Flatten(), layer, nn.Sigmoid())
        self.decoder = nn.Sequential(TiedLinear(layer), nn.Unflatten(1, (channels, size, size)))
        self.sampler = GaussianMixtureSampler(latent, components)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        logits = eval_in_chunks(self, self.validate_latents(z), self.decoder)
        return at_least_float32(logits).sigmoid() * 2 - 1

    def slope(self, code: Tensor) -> Tensor:
        """The squared Frobenius norm of the encoder's Jacobian at each code (n, latent): (n,).

        Of unit j it is h_j (1 - h_j) W_j (section 3.4), so that no second pass is needed.
        """
        rows = self.encoder.get_parameter("1.weight").square().sum(1)
        return (code * (1 - code)).square() @ rows

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend the cross-entropy of x and D(E(x)), plus penalty |dE/dx|^2."""
        x, _ = batch
        code = self.encoder(x)
        entropy, slope = binary_cross_entropy(self.decoder(code), x), self.slope(code).mean()
        self.log_on_interval({"cross_entropy": entropy, "slope": slope})
        return entropy + self.hparams["contractive_weight"] * slope

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
