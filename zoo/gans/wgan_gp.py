"""WGAN-GP. Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028

DCGAN's generator against a critic that scores instead of classifying; the critic's slope is held
at one by a penalty instead of clipped weights, and it takes k steps for each of the generator's.
"""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.gans.dcgan import Generator
from zoo.layers.convnets import widening
from zoo.losses.adversarial import wasserstein
from zoo.losses.penalties import gradient_penalty


class Critic(nn.Sequential):
    """Images (n, channels, size, size) to scores (n,), each image judged alone.

    No batch norm: the penalty is on each image's own gradient (section 4).
    """

    def __init__(self, width: int, size: int, channels: int = 3) -> None:
        widths = [channels, *widening(width, size)]
        super().__init__(
            *(downsample(a, b) for a, b in pairwise(widths)),
            nn.Conv2d(widths[-1], 1, 4),  # 1 x 1
            nn.Flatten(0),
        )


def downsample(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.2))


class WGANGP(LatentAdversarialModule):
    """The defaults are the paper's: five critic steps, a penalty of weight ten."""

    double_backward = True

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent: int = 128,
        width: int = 64,
        discriminator_steps: int = 5,
        gradient_penalty_weight: float = 10.0,
        lr: float = 1e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, width, size, channels)
        self.critic = Critic(width, size, channels)
        self.to(memory_format=torch.channels_last)

    @property
    def sub_batches(self) -> int:
        return int(self.hparams["discriminator_steps"])

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.0, 0.9))
        return {
            "critic": adam(self.critic.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Algorithm 1; a batch carries one share of images for each step of the critic."""
        D, G = self.critic, self.generator
        shares = self.split_batch(batch[0])

        for real in shares:  # lines 2-10
            with self.turn("critic") as descend:
                fake = G(self.prior(len(real)))
                slope = self.hparams["gradient_penalty_weight"] * gradient_penalty(D, real, fake)
                descend(wasserstein.discriminator(D(real), D(fake)) + slope)

        with self.turn("generator") as descend:  # lines 11-12
            fake = G(self.prior(len(shares[0])))
            descend(wasserstein.generator(D(fake)))
