"""VQ-VAE-2. Razavi, van den Oord & Vinyals, 2019, https://arxiv.org/abs/1906.00446

Two levels of codes: the top level encodes the global structure, the bottom level the details. Each
level has a PixelCNN as prior; that of the bottom level is conditioned on the top codes.
"""

import torch
from torch import Tensor, nn

from zoo.core.arguments import Count, Depth, Width
from zoo.layers.quantize import Quantizer
from zoo.losses.reconstruction import squared_distance
from zoo.metrics.bounds import perplexity
from zoo.vaes.pixel_cnn import PixelCNN
from zoo.vaes.quantized import QuantizedModel, downsampled_size
from zoo.vaes.vq_vae import Decoder, Encoder, Residual


class DownBlock(nn.Sequential):
    """Map feature maps (n, width, h, w) to (n, dim, h / 2, w / 2)."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(width, width, 4, stride=2, padding=1),
            Residual(width),
            Residual(width),
            nn.ReLU(),
            nn.Conv2d(width, dim, 1),
        )


class UpBlock(nn.Sequential):
    """Map feature maps (n, dim, h, w) to (n, width, 2 h, 2 w)."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(dim, width, 3, padding=1),
            Residual(width),
            Residual(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
        )


class VQVAE2(QuantizedModel):
    """VQ-VAE-2 with the paper's defaults, but with narrower priors without self-attention.

    The codes (n, positions) concatenate the top map (size / 8 x size / 8) and the bottom map
    (size / 4 x size / 4), both in raster order. The bottom codes are offset by `codebook`, so that
    the codes of the two codebooks differ.
    """

    def __init__(
        self,
        size: Count = 256,
        channels: Count = 3,
        width: Width = 128,
        codebook: Count = 512,
        dim: Count = 64,
        commitment: float = 0.25,
        depth: Depth = 20,
        autoencoder_fraction: float = 0.5,
        lr: float = 3e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.top_side = downsampled_size(size, 8)
        self.bottom_side = 2 * self.top_side
        self.positions = self.top_side**2 + self.bottom_side**2
        self.encoder = Encoder(width, width, channels)
        self.encoder_top = DownBlock(width, dim)
        self.quantizer_top = Quantizer(codebook, dim)
        self.decoder_top = UpBlock(dim, width)
        self.join = nn.Conv2d(2 * width, dim, 1)
        self.quantizer_bottom = Quantizer(codebook, dim)
        self.upsample = nn.ConvTranspose2d(dim, dim, 4, stride=2, padding=1)
        self.decoder = Decoder(2 * dim, width, channels)
        self.prior_top = PixelCNN(codebook, self.top_side, width, depth)
        self.prior_bottom = PixelCNN(codebook, self.bottom_side, width, depth)
        self.guide = UpBlock(dim, width)  # conditions the bottom prior on the top codes
        self.to(memory_format=torch.channels_last)

    def quantizers(self) -> dict[int, Quantizer]:
        return {self.top_side**2: self.quantizer_top, self.bottom_side**2: self.quantizer_bottom}

    @property
    def codebook_size(self) -> int:
        return 2 * self.hparams["codebook"]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of Algorithm 1 in the first stage, of Algorithm 2 in the second."""
        x, _ = batch
        if self.in_codebook_stage():
            h = self.encoder(x)
            z_top = self.encoder_top(h)
            e_top, _ = self.quantizer_top(z_top)
            z_bottom = self.refine(h, e_top)
            e_bottom, _ = self.quantizer_bottom(z_bottom)
            error = squared_distance(self.decode_levels(e_top, e_bottom), x)
            commitment = squared_distance(z_top, e_top.detach())
            commitment = commitment + squared_distance(z_bottom, e_bottom.detach())
            self.log_on_interval({"error": error, "commitment": commitment} | self.usage())
            return error + self.hparams["commitment"] * commitment
        nats = self.code_nll(self.encode_indices(x)).mean()
        self.log_on_interval({"nats": nats})
        return nats

    def refine(self, h: Tensor, e_top: Tensor) -> Tensor:
        """Bottom vectors before quantization, (n, dim, size / 4, size / 4).

        From features h (n, width, size / 4, size / 4) and the quantized top level e_top.
        """
        return self.join(torch.cat([h, self.decoder_top(e_top.to(h))], dim=1))

    def decode_levels(self, e_top: Tensor, e_bottom: Tensor) -> Tensor:
        """Decode the vectors of both levels to images (n, channels, size, size) in [-1, 1].

        e_top is (n, dim, size / 8, size / 8), e_bottom (n, dim, size / 4, size / 4).
        """
        e_top, e_bottom = e_top.to(self.parameter_dtype), e_bottom.to(self.parameter_dtype)
        return self.decoder(torch.cat([self.upsample(e_top), e_bottom], dim=1))

    def usage(self) -> dict[str, Tensor]:
        """Perplexity of each level's codebook, by the name under which it is logged."""
        levels = {"top": self.quantizer_top, "bottom": self.quantizer_bottom}
        return {
            f"perplexity/{k}": torch.tensor(perplexity(v.cluster_size)) for k, v in levels.items()
        }

    def quantize(self, x: Tensor) -> Tensor:
        """Quantize images (n, channels, size, size) to the codes (n, positions) of both levels."""
        h = self.encoder(x)
        top = self.quantizer_top.encode_indices(self.encoder_top(h))
        e_top = self.quantizer_top.embed_indices(top)
        bottom = self.quantizer_bottom.encode_indices(self.refine(h, e_top))
        return self.join_levels(top, bottom)

    def embed_indices(self, codes: Tensor) -> Tensor:
        self.check_codes(codes)
        top, bottom = self.split_levels(codes)
        e_top = self.quantizer_top.embed_indices(top)
        e_bottom = self.quantizer_bottom.embed_indices(bottom)
        return torch.cat([e_top.flatten(1), e_bottom.flatten(1)], dim=1)

    def decode_latents(self, z: Tensor) -> Tensor:
        dim, top, bottom = self.hparams["dim"], self.top_side, self.bottom_side
        e_top, e_bottom = z.split([dim * top**2, dim * bottom**2], dim=1)
        e_top, e_bottom = (
            e.unflatten(1, (dim, side, side)) for e, side in ((e_top, top), (e_bottom, bottom))
        )
        return self.decode_levels(e_top, e_bottom)

    def code_nll(self, codes: Tensor) -> Tensor:
        self.check_codes(codes)
        top, bottom = self.split_levels(codes)
        bottom_nll = self.prior_bottom.code_nll(bottom, self.top_conditioning(top))
        return self.prior_top.code_nll(top) + bottom_nll

    def sample_indices(self, uniform: Tensor) -> Tensor:
        for_top, for_bottom = self.grids(uniform)
        top = self.prior_top.sample_indices(for_top)
        bottom = self.prior_bottom.sample_indices(for_bottom, self.top_conditioning(top))
        return self.join_levels(top, bottom)

    def top_conditioning(self, top: Tensor) -> Tensor:
        """Condition (n, width, size / 4, size / 4) of the bottom prior, from top codes."""
        return self.guide(self.quantizer_top.embed_indices(top).to(self.parameter_dtype))

    def grids(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Split values (n, positions) into the top and the bottom map, in raster order."""
        top, bottom = values.split([self.top_side**2, self.bottom_side**2], dim=1)
        return top.unflatten(1, (self.top_side, -1)), bottom.unflatten(1, (self.bottom_side, -1))

    def split_levels(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Index maps of both levels, each from 0, of codes (n, positions)."""
        top, bottom = self.grids(codes)
        return top, bottom - self.hparams["codebook"]

    def join_levels(self, top: Tensor, bottom: Tensor) -> Tensor:
        """Codes (n, positions) of index maps of both levels; inverts `split_levels`."""
        return torch.cat([top.flatten(1), bottom.flatten(1) + self.hparams["codebook"]], dim=1)
