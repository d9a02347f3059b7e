"""WGAN. Arjovsky, Chintala & Bottou, 2017, https://arxiv.org/abs/1701.07875

A critic estimates the Wasserstein-1 distance; clipping its weights makes it Lipschitz continuous.
It takes several steps for each step of the generator, without momentum.
"""

import torch
from torch import Tensor
from torch.optim import Optimizer, RMSprop

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.gans.dcgan import Discriminator, Generator, initialize
from zoo.losses.adversarial import wasserstein


class WGAN(LatentAdversarialModule):
    """WGAN with the paper's defaults: DCGAN's networks, c = 0.01, five critic steps."""

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        latent: Count = 100,
        width: Width = 64,
        discriminator_steps: Count = 5,
        clip: float = 0.01,
        lr: float = 5e-5,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, width, size, channels)
        self.critic = Discriminator(width, size, channels)
        self.apply(initialize).to(memory_format=torch.channels_last)

    @property
    def sub_batches(self) -> int:
        return int(self.hparams["discriminator_steps"])

    def players(self) -> dict[str, Optimizer]:
        return {
            "critic": RMSprop(self.critic.parameters(), lr=self.hparams["lr"]),
            "generator": RMSprop(self.generator.parameters(), lr=self.hparams["lr"]),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take `discriminator_steps` of the critic, each on its own sub-batch, then one step of G.

        Algorithm 1.
        """
        D, G = self.critic, self.generator
        sub_batches = self.split_batch(batch[0])

        for real in sub_batches:  # lines 2-8
            with self.turn("critic") as descend:
                fake = G(self.prior(len(real)))
                descend(wasserstein.discriminator(D(real), D(fake)))
            self.clip()

        with self.turn("generator") as descend:  # lines 9-11
            descend(wasserstein.generator(D(G(self.prior(len(sub_batches[0]))))))

    @torch.no_grad()
    def clip(self) -> None:
        """Clip the critic's weights to [-c, c] (line 7)."""
        for weight in self.critic.parameters():
            weight.clamp_(-self.hparams["clip"], self.hparams["clip"])
