"""WGAN-GP. Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028

DCGAN's generator with a critic whose gradient norm a penalty keeps near one, instead of weight
clipping. The critic takes several steps for each step of the generator.
"""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.gans.dcgan import Generator
from zoo.layers.convnets import widening
from zoo.losses.adversarial import wasserstein
from zoo.losses.penalties import gradient_penalty


class Critic(nn.Sequential):
    """Map images (n, channels, size, size) to scores (n,), without batch norm.

    Batch norm couples the images of a batch, and the penalty needs the gradient of each image
    (section 4).
    """

    def __init__(self, width: int, size: int, channels: int = 3) -> None:
        widths = [channels, *widening(width, size)]
        super().__init__(
            *(downsample(a, b) for a, b in pairwise(widths)),
            nn.Conv2d(widths[-1], 1, 4),  # 1 x 1
            nn.Flatten(0),
        )


def downsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, h / 2, w / 2)."""
    return nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.2))


class WGANGP(LatentAdversarialModule):
    """WGAN-GP with the paper's defaults: five critic steps, a penalty of weight ten."""

    double_backward = True

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        latent: Count = 128,
        width: Width = 64,
        discriminator_steps: Count = 5,
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
        """Take `discriminator_steps` of the critic, each on its own sub-batch, then one step of G.

        Algorithm 1.
        """
        D, G = self.critic, self.generator
        sub_batches = self.split_batch(batch[0])

        for real in sub_batches:  # lines 2-10
            with self.turn("critic") as descend:
                fake = G(self.prior(len(real)))
                penalty = self.hparams["gradient_penalty_weight"] * gradient_penalty(D, real, fake)
                descend(wasserstein.discriminator(D(real), D(fake)) + penalty)

        with self.turn("generator") as descend:  # lines 11-12
            fake = G(self.prior(len(sub_batches[0])))
            descend(wasserstein.generator(D(fake)))
