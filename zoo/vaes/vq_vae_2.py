"""VQ-VAE-2. Razavi, van den Oord & Vinyals, 2019, https://arxiv.org/abs/1906.00446

Two levels of codes: a coarse one for the shape of things, and a fine one for what it leaves out.
Each has its PixelCNN, the fine one's being told the coarse codes.
"""

import torch
from torch import Tensor, nn

from zoo.layers.quantize import Quantizer
from zoo.losses.reconstruction import squared_distance
from zoo.metrics.bounds import perplexity
from zoo.vaes.pixel_cnn import PixelCNN
from zoo.vaes.quantized import QuantizedModel, downsampled_size
from zoo.vaes.vq_vae import Decoder, Encoder, Residual


class DownBlock(nn.Sequential):
    """Maps (n, width, h, w) to (n, dim, h / 2, w / 2)."""

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
    """Maps (n, dim, h, w) to (n, width, 2 h, 2 w)."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(dim, width, 3, padding=1),
            Residual(width),
            Residual(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
        )


class VQVAE2(QuantizedModel):
    """The defaults are the paper's; its priors are wider, and attend to all that came before.

    Codes are those of the top level, size / 8 a row, then those of the bottom level, size / 4 a
    row, which count on from the top's `codebook`.
    """

    def __init__(
        self,
        size: int = 256,
        channels: int = 3,
        width: int = 128,
        codebook: int = 512,
        dim: int = 64,
        commitment: float = 0.25,
        depth: int = 20,
        autoencoder_fraction: float = 0.5,
        lr: float = 3e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.coarse = downsampled_size(size, 8)  # codes a row
        self.fine = 2 * self.coarse
        self.positions = self.coarse**2 + self.fine**2
        self.encoder = Encoder(width, width, channels)
        self.encoder_top = DownBlock(width, dim)
        self.quantizer_top = Quantizer(codebook, dim)
        self.decoder_top = UpBlock(dim, width)
        self.join = nn.Conv2d(2 * width, dim, 1)
        self.quantizer_bottom = Quantizer(codebook, dim)
        self.upsample = nn.ConvTranspose2d(dim, dim, 4, stride=2, padding=1)
        self.decoder = Decoder(2 * dim, width, channels)
        self.prior_top = PixelCNN(codebook, self.coarse, width, depth)
        self.prior_bottom = PixelCNN(codebook, self.fine, width, depth)
        self.guide = UpBlock(dim, width)
        self.to(memory_format=torch.channels_last)

    def quantizers(self) -> dict[int, Quantizer]:
        return {self.coarse**2: self.quantizer_top, self.fine**2: self.quantizer_bottom}

    @property
    def codebook_size(self) -> int:
        return 2 * self.hparams["codebook"]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Algorithm 1; then, the codes being kept, algorithm 2."""
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
        """What the top level leaves to the bottom: (n, dim, size / 4, size / 4)."""
        return self.join(torch.cat([h, self.decoder_top(e_top.to(h))], dim=1))

    def decode_levels(self, e_top: Tensor, e_bottom: Tensor) -> Tensor:
        """Both levels' vectors to images (n, channels, size, size) in [-1, 1]."""
        e_top, e_bottom = e_top.to(self.parameter_dtype), e_bottom.to(self.parameter_dtype)
        return self.decoder(torch.cat([self.upsample(e_top), e_bottom], dim=1))

    def usage(self) -> dict[str, Tensor]:
        levels = {"top": self.quantizer_top, "bottom": self.quantizer_bottom}
        return {
            f"perplexity/{k}": torch.tensor(perplexity(v.cluster_size)) for k, v in levels.items()
        }

    def quantize(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to codes (n, size / 8 squared + size / 4 squared)."""
        h = self.encoder(x)
        top = self.quantizer_top.encode_indices(self.encoder_top(h))
        bottom = self.quantizer_bottom.encode_indices(
            self.refine(h, self.quantizer_top.embed_indices(top))
        )
        return self.side_by_side(top, bottom)

    def embed_indices(self, codes: Tensor) -> Tensor:
        self.check_codes(codes)
        top, bottom = self.levels(codes)
        e_top, e_bottom = (
            self.quantizer_top.embed_indices(top),
            self.quantizer_bottom.embed_indices(bottom),
        )
        return torch.cat([e_top.flatten(1), e_bottom.flatten(1)], dim=1)

    def decode_latents(self, z: Tensor) -> Tensor:
        dim, coarse, fine = self.hparams["dim"], self.coarse, self.fine
        top, bottom = z.split([dim * coarse**2, dim * fine**2], dim=1)
        maps = top.unflatten(1, (dim, coarse, coarse)), bottom.unflatten(1, (dim, fine, fine))
        return self.decode_levels(*maps)

    def code_nll(self, codes: Tensor) -> Tensor:
        self.check_codes(codes)
        top, bottom = self.levels(codes)
        return self.prior_top.code_nll(top) + self.prior_bottom.code_nll(
            bottom, self.top_conditioning(top)
        )

    def sample_indices(self, chances: Tensor) -> Tensor:
        first, second = self.grids(chances)
        top = self.prior_top.sample_indices(first)
        return self.side_by_side(
            top, self.prior_bottom.sample_indices(second, self.top_conditioning(top))
        )

    def top_conditioning(self, top: Tensor) -> Tensor:
        """What the bottom level's prior hears of the top codes."""
        return self.guide(self.quantizer_top.embed_indices(top).to(self.parameter_dtype))

    def grids(self, values: Tensor) -> tuple[Tensor, Tensor]:
        top, bottom = values.split([self.coarse**2, self.fine**2], dim=1)
        return top.unflatten(1, (self.coarse, -1)), bottom.unflatten(1, (self.fine, -1))

    def levels(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        top, bottom = self.grids(codes)
        return top, bottom - self.hparams["codebook"]

    def side_by_side(self, top: Tensor, bottom: Tensor) -> Tensor:
        return torch.cat([top.flatten(1), bottom.flatten(1) + self.hparams["codebook"]], dim=1)
