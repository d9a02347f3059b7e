"""DRAGAN. Kodali et al., 2017, https://arxiv.org/abs/1705.07215

DCGAN with a penalty on the discriminator's gradient around the data, where large gradients coincide
with mode collapse.
"""

from functools import partial

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.gans.dcgan import Generator
from zoo.gans.wgan_gp import Critic
from zoo.losses.adversarial import non_saturating
from zoo.losses.penalties import dragan_penalty


class DRAGAN(LatentAdversarialModule):
    """DRAGAN: DCGAN's generator and a discriminator without batch norm.

    Batch norm couples the images of a batch, and the penalty needs the gradient of each image.
    """

    double_backward = True

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        latent: Count = 100,
        width: Width = 64,
        gradient_penalty_weight: float = 10.0,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, width, size, channels)
        self.discriminator = Critic(width, size, channels)
        self.to(memory_format=torch.channels_last)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.5, 0.999))
        return {
            "discriminator": adam(self.discriminator.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of each player (Algorithm 1)."""
        D, G = self.discriminator, self.generator
        real, _ = batch
        fake = G(self.prior(len(real)))

        with self.turn("discriminator") as descend:
            penalty = self.hparams["gradient_penalty_weight"] * dragan_penalty(D, real)
            descend(non_saturating.discriminator(D(real), D(fake.detach())) + penalty)

        with self.turn("generator") as descend:
            descend(non_saturating.generator(D(fake)))
