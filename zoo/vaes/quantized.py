"""Two-stage training of VQ-VAEs. van den Oord et al., 2017, https://arxiv.org/abs/1711.00937

Common to VQ-VAE and VQ-VAE-2: the first stage trains the autoencoder and its codebook under a
uniform prior; the second stage freezes them and trains a prior over the codes (section 3.3).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from math import ceil, cos, pi
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from zoo.checks import check_codes, check_latents
from zoo.core.module import CHUNK, ZooModule, eval_in_chunks
from zoo.core.schedules import finite_steps
from zoo.errors import BadRecipe
from zoo.layers.noise import seeded
from zoo.layers.precision import at_least_float32
from zoo.layers.quantize import Quantizer
from zoo.losses.reconstruction import squared_distance


class QuantizedModel(ZooModule, ABC):
    """Autoencoder with a codebook and a prior over its codes.

    The first `hparams.autoencoder_fraction` of the steps trains the autoencoder, the others train
    the prior. In each stage Adam's learning rate decays from `hparams.lr` to zero along a cosine.
    Training on several devices needs the strategy `ddp_find_unused_parameters_true`.
    """

    positions: int  # number of codes of an image

    def __init__(self) -> None:
        super().__init__()
        self.resumed: tuple[int, int] | None = None  # prior_start and step of a checkpoint

    @property
    def min_sub_batch(self) -> int:
        """Number of images with at least one vector for each entry of a new codebook."""
        grids = self.quantizers().items()
        new = ((n, len(q.codebook)) for n, q in grids if not q.cluster_size.any())
        return max((ceil(entries / n) for n, entries in new), default=1)

    @abstractmethod
    def quantizers(self) -> dict[int, Quantizer]:
        """Quantizer of each grid of codes, by the grid's number of positions."""

    @property
    @abstractmethod
    def codebook_size(self) -> int:
        """Number of codebook entries; codes are whole numbers from 0 to this minus one."""

    def codebook_entries(self) -> int:
        """Number of codebook entries, as the protocol `Quantizes` names it."""
        return self.codebook_size

    @abstractmethod
    def quantize(self, x: Tensor) -> Tensor:
        """Quantize images (n, channels, size, size), without checks, to codes (n, positions)."""

    @abstractmethod
    def embed_indices(self, codes: Tensor) -> Tensor:
        """Look up the codebook vectors of codes (n, positions), concatenated to (n, latent).

        Raises BadInput for invalid codes.
        """

    @abstractmethod
    def decode_latents(self, z: Tensor) -> Tensor:
        """Decode vectors (n, latent), without checks, to images (n, channels, size, size)."""

    @abstractmethod
    def code_nll(self, codes: Tensor) -> Tensor:
        """Negative log-likelihood (n,) of codes (n, positions) under the prior, in nats.

        Raises BadInput for invalid codes.
        """

    @abstractmethod
    def sample_indices(self, uniform: Tensor) -> Tensor:
        """Sample codes (n, positions) of the prior from uniform numbers in [0, 1) of that shape."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["prior_start"] = self.prior_start

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        if "prior_start" in checkpoint:
            self.resumed = int(checkpoint["prior_start"]), checkpoint["global_step"]

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        steps = finite_steps(self.trainer.estimated_stepping_batches)
        planned = round(self.hparams["autoencoder_fraction"] * steps)
        self.prior_start = start = self.resolve_prior_start(planned)

        def cosine_decay(step: int) -> float:
            progress = step / start if step < start else (step - start) / max(1, steps - start)
            return (1 + cos(pi * progress)) / 2

        adam = Adam(self.parameters(), lr=self.hparams["lr"])
        schedule = LambdaLR(adam, cosine_decay)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def resolve_prior_start(self, planned: int) -> int:
        """First step of the second stage: `planned`, unless a resumed training is past it.

        A training that was resumed in its second stage keeps the start of that stage, so that the
        codes do not change under a trained prior. One resumed in its first stage starts the second
        stage at the resumed step or later.
        """
        resumed, self.resumed = self.resumed, None
        if resumed is None:
            return planned
        start, step = resumed
        return start if step >= start else max(planned, step)

    def in_codebook_stage(self) -> bool:
        """Whether the training is in its first stage, which trains the autoencoder."""
        return self.trainer.global_step < self.prior_start

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, _ = batch
        error = squared_distance(self.reconstruct(x), x)
        nats = self.code_nll(self.encode_indices(x)).mean()
        self.log_dict({"val/error": error, "val/nats": nats}, prog_bar=True, sync_dist=True)

    def check_codes(self, codes: Tensor) -> None:
        """Raise BadInput unless codes are int64 (n, positions) within the codebook.

        Training steps skip the check, which would synchronize the GPU.
        """
        if self._trainer is None or not self._trainer.training:
            check_codes(codes, [(n, len(q.codebook)) for n, q in self.quantizers().items()])

    def encode_indices(self, x: Tensor) -> Tensor:
        """Codes (n, positions) of images (n, channels, size, size) in [-1, 1]."""
        return eval_in_chunks(self, self.validate_images(x), self.quantize)

    def encode(self, x: Tensor) -> Tensor:
        """Codebook vectors (n, latent) of images (n, channels, size, size) in [-1, 1]."""
        return self.embed_indices(self.encode_indices(x))

    def decode(self, z: Tensor) -> Tensor:
        """Decode codebook vectors (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        check_latents(z, self.hparams["dim"] * self.positions)
        z = z.to(self.parameter_dtype)
        return at_least_float32(eval_in_chunks(self, z, self.decode_latents))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Reconstruct images (n, channels, size, size) in [-1, 1] from their codes."""
        return self.decode(self.encode(x))

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Sample n images (n, channels, size, size) in [-1, 1], with codes from the prior.

        A seed makes the images reproducible; a larger n extends the images of a smaller n.
        """
        return self.decode_uniform(self.uniform_numbers(n, seed))

    def sample_chunks(self, n: int, seed: int | None = None) -> Iterator[Tensor]:
        """Yield the images of `sample` in chunks, which bounds the memory."""
        for uniform in self.uniform_numbers(n, seed).split(CHUNK):
            yield self.decode_uniform(uniform)

    def decode_uniform(self, uniform: Tensor) -> Tensor:
        """Decode the codes that uniform numbers (n, positions) select from the prior."""
        codes = eval_in_chunks(self, uniform, self.sample_indices)
        return self.decode(self.embed_indices(codes))

    def uniform_numbers(self, n: int, seed: int | None) -> Tensor:
        """Uniform numbers (n, positions) in [0, 1), float32, from which codes are sampled."""
        generator = seeded(n, seed)
        uniform = torch.rand(n, self.positions, generator=generator, dtype=torch.float32)
        return uniform.to(self.device)


def downsampled_size(size: int, factor: int) -> int:
    """Side of a feature map that is `factor` times smaller than an image.

    Raises BadRecipe unless `size` is a positive multiple of `factor`.
    """
    if size < factor or size % factor:
        raise BadRecipe(f"size must be a multiple of {factor}, got {size}. Set 32, for example")
    return size // factor
