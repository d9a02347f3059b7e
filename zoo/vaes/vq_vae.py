"""VQ-VAE. van den Oord, Vinyals & Kavukcuoglu, 2017, https://arxiv.org/abs/1711.00937

An autoencoder whose codes are the nearest entries of a codebook, and a PixelCNN as prior over the
codes. The two are trained one after the other.
"""

import torch
from torch import Tensor, nn

from zoo.core.arguments import Count, Depth, Width
from zoo.layers.quantize import Quantizer
from zoo.losses.reconstruction import squared_distance
from zoo.metrics.bounds import perplexity
from zoo.vaes.pixel_cnn import PixelCNN
from zoo.vaes.quantized import QuantizedModel, downsampled_size


class Residual(nn.Module):
    """Residual block on maps (n, width, h, w): ReLU, 3x3 convolution, ReLU, 1x1 convolution.

    Section 4.1.
    """

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
    """Map images (n, channels, size, size) to maps (n, dim, size / 4, size / 4)."""

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
    """Decode maps (n, dim, size / 4, size / 4) to images (n, channels, size, size) in [-1, 1]."""

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


class VQVAE(QuantizedModel):
    """VQ-VAE with the paper's defaults; `depth` is the prior's number of layers."""

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        width: Width = 256,
        codebook: Count = 512,
        dim: Count = 64,
        commitment: float = 0.25,
        depth: Depth = 12,
        autoencoder_fraction: float = 0.5,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.side = downsampled_size(size, 4)
        self.positions = self.side**2
        self.encoder = Encoder(dim, width, channels)
        self.quantizer = Quantizer(codebook, dim)
        self.decoder = Decoder(dim, width, channels)
        self.prior = PixelCNN(codebook, self.side, width, depth)
        self.to(memory_format=torch.channels_last)

    def quantizers(self) -> dict[int, Quantizer]:
        return {self.side**2: self.quantizer}

    @property
    def codebook_size(self) -> int:
        return self.hparams["codebook"]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of equation 3 in the first stage, -log p(codes) of the prior in the second.

        The middle term of equation 3 is the codebook's, which follows a moving average instead.
        """
        x, _ = batch
        if self.in_codebook_stage():
            z = self.encoder(x)
            e, _ = self.quantizer(z)
            error = squared_distance(self.decoder(e.to(self.parameter_dtype)), x)
            commitment = squared_distance(z, e.detach())
            usage = torch.tensor(perplexity(self.quantizer.cluster_size))
            self.log_on_interval({"error": error, "commitment": commitment, "perplexity": usage})
            return error + self.hparams["commitment"] * commitment
        nats = self.code_nll(self.encode_indices(x)).mean()
        self.log_on_interval({"nats": nats})
        return nats

    def quantize(self, x: Tensor) -> Tensor:
        """Quantize images (n, channels, size, size) to codes (n, size / 4 * size / 4)."""
        return self.quantizer.encode_indices(self.encoder(x)).flatten(1)

    def embed_indices(self, codes: Tensor) -> Tensor:
        self.check_codes(codes)
        return self.quantizer.embed_indices(self.grid(codes)).flatten(1)

    def decode_latents(self, z: Tensor) -> Tensor:
        return self.decoder(z.unflatten(1, (-1, self.side, self.side)))

    def code_nll(self, codes: Tensor) -> Tensor:
        self.check_codes(codes)
        return self.prior.code_nll(self.grid(codes))

    def sample_indices(self, uniform: Tensor) -> Tensor:
        return self.prior.sample_indices(self.grid(uniform)).flatten(1)

    def grid(self, values: Tensor) -> Tensor:
        """Reshape values (n, positions) to maps (n, size / 4, size / 4), in raster order."""
        return values.unflatten(1, (self.side, self.side))
