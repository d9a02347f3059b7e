"""3D-GAN. Wu, Zhang, Xue, Freeman & Tenenbaum, 2016, https://arxiv.org/abs/1610.07584

DCGAN with volumetric convolutions: a latent becomes a shape of voxels. The discriminator, which
learns faster than the generator, waits while it is right too often.
"""

from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.modality import Voxels
from zoo.layers.convnets import widening
from zoo.layers.noise import normal, uniform
from zoo.losses.adversarial import non_saturating
from zoo.losses.penalties import r1

R1_INTERVAL = 4  # steps


class Generator(nn.Sequential):
    """Map latents (n, latent) to occupancies (n, 1, size, size, size) in [0, 1] (section 3.1)."""

    def __init__(self, latent: int, width: int, size: int) -> None:
        widths = widening(width, size)[::-1]  # at 64 voxels: 8w, 4w, 2w, w
        super().__init__(
            nn.Unflatten(1, (latent, 1, 1, 1)),
            nn.ConvTranspose3d(latent, widths[0], 4, bias=False),  # 4 x 4 x 4
            nn.BatchNorm3d(widths[0]),
            nn.ReLU(),
            *(upsample(a, b) for a, b in pairwise(widths)),
            nn.ConvTranspose3d(width, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )


class Discriminator(nn.Sequential):
    """Map shapes (n, 1, size, size, size) to logits (n,) that each is real."""

    def __init__(self, width: int, size: int) -> None:
        widths = widening(width, size)
        super().__init__(
            nn.Conv3d(1, width, 4, stride=2, padding=1),  # no norm at the voxels
            nn.LeakyReLU(0.2),
            *(downsample(a, b) for a, b in pairwise(widths)),
            nn.Conv3d(widths[-1], 1, 4),  # 1 x 1 x 1
            nn.Flatten(0),
        )


def upsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, s, s, s) to (n, b, 2s, 2s, 2s)."""
    conv = nn.ConvTranspose3d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(b), nn.ReLU())


def downsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, s, s, s) to (n, b, s / 2, s / 2, s / 2)."""
    conv = nn.Conv3d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(b), nn.LeakyReLU(0.2))


def initialize(layer: nn.Module) -> None:
    """Sample weights of convolutions from N(0, 0.02^2), as DCGAN does."""
    if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d):
        nn.init.normal_(layer.weight, std=0.02)


class GAN3D(LatentAdversarialModule):
    """3D-GAN with the paper's defaults for 64 voxels: 200 latents, uniform in [0, 1].

    The discriminator takes a step only after a batch of which it recognized at most a share
    `accuracy_limit` (section 3.2). Latents of mean 0, `normal`, and an `r1_weight` in place of that
    limit keep small networks from collapsing. Raises BadRecipe unless `size` is a power of two
    >= 8.
    """

    double_backward = True

    def __init__(
        self,
        size: Count = 64,
        latent: Count = 200,
        width: Width = 64,
        generator_lr: float = 2.5e-3,
        discriminator_lr: float = 1e-5,
        accuracy_limit: float = 0.8,
        latents: Literal["uniform", "normal"] = "uniform",
        r1_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, width, size)
        self.discriminator = Discriminator(width, size)
        self.apply(initialize)
        self.accuracy = 0.0  # of the discriminator on the last batch

    @property
    def modality(self) -> Voxels:
        return Voxels(self.hparams["size"])

    @property
    def min_sub_batch(self) -> int:
        return 2  # batch norm

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        """Sample z (n, latent), uniform in [0, 1] or from N(0, I)."""
        z = normal(n, self.latent_size, seed, self.device)
        z = z if self.hparams["latents"] == "normal" else uniform(z)
        return z.to(self.parameter_dtype)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, betas=(0.5, 0.999))
        d, g = self.hparams["discriminator_lr"], self.hparams["generator_lr"]
        return {
            "discriminator": adam(self.discriminator.parameters(), lr=d),
            "generator": adam(self.generator.parameters(), lr=g),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of the discriminator, unless it is too accurate, and one of the generator."""
        D, G = self.discriminator, self.generator
        step, (real, _) = self.global_step, batch
        fake = G(self.prior(len(real)))

        with self.turn("discriminator") as descend:
            of_real, of_fake = D(real), D(fake.detach())
            if self.accuracy <= self.hparams["accuracy_limit"]:
                loss = non_saturating.discriminator(of_real, of_fake)
                if (weight := self.hparams["r1_weight"]) and step % R1_INTERVAL == 0:
                    loss = loss + R1_INTERVAL * weight * r1(D, real)
                descend(loss)
            self.accuracy = float(torch.cat([of_real > 0, of_fake < 0]).double().mean())

        with self.turn("generator") as descend:
            descend(non_saturating.generator(D(fake)))
        self.log_on_interval({"accuracy": torch.tensor(self.accuracy)})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["accuracy"] = self.accuracy

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.accuracy = float(checkpoint["accuracy"])
