"""Linear autoencoder. Bourlard & Kamp, 1988, https://doi.org/10.1007/BF00332918

Without nonlinearities every local minimum of the squared error is global: the code spans the
subspace of the principal components (Baldi & Hornik, 1989,
https://doi.org/10.1016/0893-6080(89)90014-2).
"""

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.arguments import Count
from zoo.core.latent_models import Autoencoder
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.losses.reconstruction import squared_error


class LinearAutoencoder(Autoencoder):
    """Linear autoencoder: an affine map to codes (n, latent) and another back to the images."""

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        latent: Count = 30,
        components: Count = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        shape = (channels, size, size)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, latent))
        self.decoder = nn.Sequential(nn.Linear(latent, channels * size**2), nn.Unflatten(1, shape))
        self.sampler = GaussianMixtureSampler(latent, components)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss |x - D(E(x))|^2 of pixels in [0, 1], summed over each image."""
        x, _ = batch
        loss = squared_error(self.decoder(self.encoder(x)), x)
        self.log_on_interval({"squared_error": loss})
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
