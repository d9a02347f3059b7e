"""Codes first, then their prior. van den Oord et al., 2017, https://arxiv.org/abs/1711.00937

What VQ-VAE and its successor share: while an autoencoder learns its codes their prior is uniform;
then the codes are kept, and a prior learns which of them go together (section 3.3).
"""

from abc import ABC, abstractmethod
from math import cos, inf, pi

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from zoo.animals import Animal, apply
from zoo.errors import BadRecipe
from zoo.losses.reconstruction import squared_distance


class QuantizedModel(Animal, ABC):
    """An autoencoder of codes, and a prior over them; needs `hparams.lr` and `hparams.share`.

    The first `share` of the training is the autoencoder's, the rest the prior's; in each, Adam's
    learning rate falls from `lr` to zero along a cosine. On several devices, the strategy is
    `ddp_find_unused_parameters_true`.
    """

    positions: int  # codes of an image

    @property
    @abstractmethod
    def codebook_size(self) -> int:
        """Codes are from 0 to below this."""

    @abstractmethod
    def quantize(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to codes (n, positions)."""

    @abstractmethod
    def look_up(self, codes: Tensor) -> Tensor:
        """Codes (n, positions) to their vectors, one after another: (n, latent)."""

    @abstractmethod
    def picture(self, z: Tensor) -> Tensor:
        """Vectors (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    @abstractmethod
    def nats(self, codes: Tensor) -> Tensor:
        """How much the prior is surprised by the codes (n, positions) of images, -log p: (n,)."""

    @abstractmethod
    def draw(self, chances: Tensor) -> Tensor:
        """Codes (n, positions) of the prior, by uniform chances (n, positions) in [0, 1)."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        steps = self.trainer.estimated_stepping_batches
        if steps == inf:
            raise BadRecipe("a training in two parts needs an end: set trainer.max_epochs")
        self.turn = turn = round(self.hparams["share"] * steps)

        def fall(step: int) -> float:
            done = step / turn if step < turn else (step - turn) / max(1, steps - turn)
            return (1 + cos(pi * done)) / 2

        adam = Adam(self.parameters(), lr=self.hparams["lr"])
        schedule = LambdaLR(adam, fall)
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def learns_codes(self) -> bool:
        """Whether it is the autoencoder's turn."""
        return self.trainer.global_step < self.turn

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, _ = batch
        error = squared_distance(self.reconstruct(x), x)
        nats = self.nats(self.codes(x)).mean()
        self.log_dict({"val/error": error, "val/nats": nats}, prog_bar=True, sync_dist=True)

    def codes(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to codes (n, positions)."""
        return apply(self, x, self.quantize)

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to their codes' vectors (n, latent)."""
        return self.look_up(self.codes(x))

    def decode(self, z: Tensor) -> Tensor:
        """Vectors (n, latent) to images (n, channels, size, size) in [-1, 1]."""
        return apply(self, z, self.picture).float()

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] through their codes."""
        return self.decode(self.encode(x))

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1], their codes drawn from the prior; a seed
        fixes them, and more of them continue the fewer."""
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        chances = torch.rand(n, self.positions, generator=generator).to(self.device)
        return self.decode(self.look_up(apply(self, chances, self.draw)))


def shrunk(size: int, by: int) -> int:
    """The side of a map `by` times smaller than an image; raises BadRecipe."""
    if size < by or size % by:
        raise BadRecipe(f"size {size} is not a multiple of {by}: try 32")
    return size // by
