"""Codes first, then their prior. van den Oord et al., 2017, https://arxiv.org/abs/1711.00937

What VQ-VAE and its successor share: while an autoencoder learns its codes their prior is uniform;
then the codes are kept, and a prior learns which of them go together (section 3.3).
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
    """An autoencoder with a codebook, and a prior over its codes; needs `hparams.lr` and
    `hparams.autoencoder_fraction`.

    The first `autoencoder_fraction` of the steps trains the autoencoder, the rest the prior; in
    each stage Adam's learning rate falls from `lr` to zero along a cosine. Several devices need the
    strategy `ddp_find_unused_parameters_true`.
    """

    positions: int  # codes of an image

    def __init__(self) -> None:
        super().__init__()
        self.resumed: tuple[int, int] | None = None  # a checkpoint's turn and step

    @property
    def min_sub_batch(self) -> int:
        """Codebooks that have not started need a vector for each of their codes."""
        grids = self.quantizers().items()
        fresh = ((n, len(q.codebook)) for n, q in grids if not q.cluster_size.any())
        return max((ceil(codes / n) for n, codes in fresh), default=1)

    @abstractmethod
    def quantizers(self) -> dict[int, Quantizer]:
        """The codebook of each grid of codes, by the number of its codes."""

    @property
    @abstractmethod
    def codebook_size(self) -> int:
        """Codes are from 0 to below this."""

    def codebook_entries(self) -> int:
        """How many entries the codebook has."""
        return self.codebook_size

    @abstractmethod
    def quantize(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to codes (n, positions)."""

    @abstractmethod
    def embed_indices(self, codes: Tensor) -> Tensor:
        """Codes (n, positions) to their vectors, one after another: (n, latent)."""

    @abstractmethod
    def decode_latents(self, z: Tensor) -> Tensor:
        """Vectors (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    @abstractmethod
    def code_nll(self, codes: Tensor) -> Tensor:
        """How much the prior is surprised by the codes (n, positions) of images, -log p: (n,)."""

    @abstractmethod
    def sample_indices(self, chances: Tensor) -> Tensor:
        """Codes (n, positions) of the prior, by uniform chances (n, positions) in [0, 1)."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["turn"] = self.turn

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        if "turn" in checkpoint:
            self.resumed = int(checkpoint["turn"]), checkpoint["global_step"]

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        steps = finite_steps(self.trainer.estimated_stepping_batches)
        self.turn = turn = self.prior_start_step(
            round(self.hparams["autoencoder_fraction"] * steps)
        )

        def fall(step: int) -> float:
            done = step / turn if step < turn else (step - turn) / max(1, steps - turn)
            return (1 + cos(pi * done)) / 2

        adam = Adam(self.parameters(), lr=self.hparams["lr"])
        schedule = LambdaLR(adam, fall)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def prior_start_step(self, planned: int) -> int:
        """The planned step, but in a resumed training of another length: codes that a prior has
        begun to learn are kept, and no part is entered afterwards."""
        resumed, self.resumed = self.resumed, None
        if resumed is None:
            return planned
        turn, step = resumed
        return turn if step >= turn else max(planned, step)

    def in_codebook_stage(self) -> bool:
        """Whether it is the autoencoder's turn."""
        return self.trainer.global_step < self.turn

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, _ = batch
        error = squared_distance(self.reconstruct(x), x)
        nats = self.code_nll(self.encode_indices(x)).mean()
        self.log_dict({"val/error": error, "val/nats": nats}, prog_bar=True, sync_dist=True)

    def check_codes(self, codes: Tensor) -> None:
        """Raise BadInput unless codes are int64 (n, positions) of the codebook; a training step
        does not wait for a look at them."""
        if self._trainer is None or not self._trainer.training:
            check_codes(codes, [(n, len(q.codebook)) for n, q in self.quantizers().items()])

    def encode_indices(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to codes (n, positions)."""
        return eval_in_chunks(self, self.validate_images(x), self.quantize)

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to their codes' vectors (n, latent)."""
        return self.embed_indices(self.encode_indices(x))

    def decode(self, z: Tensor) -> Tensor:
        """Vectors (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        check_latents(z, self.hparams["dim"] * self.positions)
        z = z.to(self.parameter_dtype)
        return at_least_float32(eval_in_chunks(self, z, self.decode_latents))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] through their codes."""
        return self.decode(self.encode(x))

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1], their codes drawn from the prior; a seed
        fixes them, and more of them continue the fewer."""
        chances = self.chances(n, seed)
        return self.decode(self.embed_indices(eval_in_chunks(self, chances, self.sample_indices)))

    def sample_chunks(self, n: int, seed: int | None = None) -> Iterator[Tensor]:
        """The images of `sample`, some after others: no more are in memory."""
        for chances in self.chances(n, seed).split(CHUNK):
            yield self.decode(
                self.embed_indices(eval_in_chunks(self, chances, self.sample_indices))
            )

    def chances(self, n: int, seed: int | None) -> Tensor:
        """Uniform chances (n, positions) in float32, by which codes are drawn."""
        generator = seeded(n, seed)
        draws = torch.rand(n, self.positions, generator=generator, dtype=torch.float32)
        return draws.to(self.device)


def downsampled_size(size: int, by: int) -> int:
    """The side of a map `by` times smaller than an image; raises BadRecipe."""
    if size < by or size % by:
        raise BadRecipe(f"size {size} is not a multiple of {by}: try 32")
    return size // by
