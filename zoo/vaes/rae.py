"""RAE. Ghosh, Sajjadi, Vergari, Black & Schoelkopf, 2020, https://arxiv.org/abs/1903.12436

Penalties on the code's norm and on the decoder's weights replace the noise of a VAE. The density
from which codes are sampled is fitted after training (section 4).
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.arguments import Count, Width
from zoo.core.latent_models import Autoencoder
from zoo.layers.convnets import Decoder, Encoder
from zoo.layers.precision import at_least_float32
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.losses.reconstruction import squared_distance


class RAE(Autoencoder):
    """RAE-L2: minimizes |x - D(z)|^2 + shrinkage |z|^2 / 2 + decay |weights of D|^2.

    The fitted density is a mixture of `components` normals, 10 in section 5.
    """

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        latent: Count = 128,
        width: Width = 64,
        components: Count = 10,
        shrinkage: float = 0.1,
        decay: float = 1e-3,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = Encoder(latent, width, size, channels)
        self.decoder = nn.Sequential(Decoder(latent, width, size, channels), nn.Tanh())
        self.sampler = GaussianMixtureSampler(latent, components)
        self.to(memory_format=torch.channels_last)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of section 3, with the decoder regularized by L2."""
        x, _ = batch
        z = self.encoder(x).to(x.dtype)
        error = squared_distance(self.decoder(z), x)
        code = at_least_float32(z).square().sum(1).mean() / 2
        squares = [at_least_float32(p).square().sum() for p in self.decoder.parameters()]
        weights = torch.stack(squares).sum()
        self.log_on_interval({"error": error, "code": code, "weights": weights})
        return error + self.hparams["shrinkage"] * code + self.hparams["decay"] * weights

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.hparams["lr"])
