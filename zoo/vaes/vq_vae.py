"""VQ-VAE. van den Oord, Vinyals & Kavukcuoglu, 2017, https://arxiv.org/abs/1711.00937

An autoencoder whose codes are picked from a codebook, and a PixelCNN that learns which codes go
together, so that it samples: first the one, then, the codes being kept, the other.
"""

from math import cos, pi

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from zoo.contracts import Animal, apply
from zoo.errors import BadRecipe
from zoo.layers.quantize import Quantizer
from zoo.vaes.pixel_cnn import PixelCNN


class Residual(nn.Module):
    """Section 4.1: ReLU, 3x3 convolution, ReLU, 1x1 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class Encoder(nn.Sequential):
    """Images (n, channels, size, size) to maps (n, dim, size / 4, size / 4)."""

    def __init__(self, dim: int, width: int, channels: int = 3) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 4, stride=2, padding=1),
            Residual(width),
            Residual(width),
            nn.ReLU(),
            nn.Conv2d(width, dim, 1),
        )


class Decoder(nn.Sequential):
    """Maps (n, dim, size / 4, size / 4) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, dim: int, width: int, channels: int = 3) -> None:
        super().__init__(
            nn.Conv2d(dim, width, 3, padding=1),
            Residual(width),
            Residual(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )


class VQVAE(Animal):
    """The defaults are the paper's.

    The first `share` of the training is the autoencoder's, the rest the prior's; in each the
    learning rate falls from `lr` to zero.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        width: int = 256,
        codebook_size: int = 512,
        dim: int = 64,
        commitment: float = 0.25,
        depth: int = 12,
        share: float = 0.5,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = Encoder(dim, width, channels)
        self.quantizer = Quantizer(codebook_size, dim)
        self.decoder = Decoder(dim, width, channels)
        self.prior = PixelCNN(codebook_size, size // 4, width, depth)
        self.to(memory_format=torch.channels_last)

    @property
    def codebook_size(self) -> int:
        return self.hparams["codebook_size"]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Descend equation 3, the prior uniform; then fit the prior (section 3.3)."""
        x, _ = batch
        if self.trainer.global_step >= self.turn:
            nats = self.prior.nats(self.codes(x)).mean()
            self.note({"nats": nats})
            return nats
        z = self.encoder(x)
        e, _ = self.quantizer(z)
        error = (self.decoder(e) - x).square().flatten(1).sum(1).mean()
        commitment = (z - e.detach()).square().flatten(1).sum(1).mean()
        self.note({"error": error, "commitment": commitment, "perplexity": self.quantizer.perplexity})
        return error + self.hparams["commitment"] * commitment

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, _ = batch
        error = (self.reconstruct(x) - x).square().flatten(1).sum(1).mean()
        nats = self.prior.nats(self.codes(x)).mean()
        self.log_dict({"val/error": error, "val/nats": nats}, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        steps = self.trainer.estimated_stepping_batches
        self.turn = turn = round(self.hparams["share"] * steps)

        def fall(step: int) -> float:
            done = step / turn if step < turn else (step - turn) / (steps - turn)
            return (1 + cos(pi * done)) / 2

        adam = Adam(self.parameters(), lr=self.hparams["lr"])
        return {"optimizer": adam, "lr_scheduler": {"scheduler": LambdaLR(adam, fall), "interval": "step"}}

    def codes(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to codes (n, size / 4, size / 4)."""
        return apply(self, x, lambda chunk: self.quantizer.codes(self.encoder(chunk)))

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to their codes' vectors (n, latent)."""
        return self.quantizer.look_up(self.codes(x)).flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        """Vectors (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        side = self.hparams["size"] // 4
        maps = z.unflatten(1, (-1, side, side))
        return apply(self.decoder, maps, self.decoder).float()

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] through their codes."""
        return self.decode(self.encode(x))

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1], their codes drawn from the prior; a seed
        fixes them, and more of them continue the fewer."""
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        side = self.hparams["size"] // 4
        chances = torch.rand(n, side, side, generator=generator).to(self.device)
        codes = apply(self.prior, chances, self.prior.draw)
        return self.decode(self.quantizer.look_up(codes).flatten(1))
