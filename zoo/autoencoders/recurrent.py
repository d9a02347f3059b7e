"""Recurrent autoencoder. Srivastava et al., 2015, https://arxiv.org/abs/1502.04681

An image is a sequence of its rows. One LSTM encodes the rows into a vector; another decodes the
vector, its input at every row, into rows.
"""

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam

from zoo.core.arguments import Count, Width
from zoo.core.latent_models import Autoencoder
from zoo.layers.recurrent import LSTM
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.losses.reconstruction import squared_error


class LSTMEncoder(nn.Module):
    """Map images (n, channels, size, size), row by row from the top, to codes (n, latent)."""

    def __init__(self, latent: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        self.lstm = LSTM(channels * size, width, batch_first=True)
        self.head = nn.Linear(width, latent)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.transpose(1, 2).flatten(2)  # (n, rows, channels * columns)
        _, (last, _) = self.lstm(rows)
        return self.head(last[0])  # of the only layer


class LSTMDecoder(nn.Module):
    """Map codes (n, latent) to images (n, channels, size, size), row by row, unbounded."""

    def __init__(self, latent: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        self.shape = (channels, size)
        self.lstm = LSTM(latent, width, batch_first=True)
        self.head = nn.Linear(width, channels * size)

    def forward(self, z: Tensor) -> Tensor:
        repeated = z[:, None].expand(-1, self.shape[1], -1)  # (n, rows, latent)
        rows, _ = self.lstm(repeated)
        return self.head(rows).unflatten(2, self.shape).transpose(1, 2)


class RecurrentAutoencoder(Autoencoder):
    """Recurrent autoencoder over the rows of an image, from top to bottom."""

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        latent: Count = 30,
        width: Width = 128,
        components: Count = 10,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = LSTMEncoder(latent, width, size, channels)
        self.decoder = LSTMDecoder(latent, width, size, channels)
        self.sampler = GaussianMixtureSampler(latent, components)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss |x - D(E(x))|^2 of pixels in [0, 1], summed over each image."""
        x, _ = batch
        loss = squared_error(self.decoder(self.encoder(x)), x)
        self.log_on_interval({"squared_error": loss})
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])
