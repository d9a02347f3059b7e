"""WGAN. Arjovsky, Chintala & Bottou, 2017, https://arxiv.org/abs/1701.07875

A critic whose weights are clipped to a box, and so is Lipschitz, estimates the earth mover's
distance; it takes k steps for each of the generator's, without momentum.
"""

import torch
from torch import Tensor
from torch.optim import Optimizer, RMSprop

from zoo.core.adversarial import LatentAdversarialModule
from zoo.gans.dcgan import Discriminator, Generator, initialize
from zoo.losses.adversarial import wasserstein


class WGAN(LatentAdversarialModule):
    """The defaults are the paper's: DCGAN's networks, c = 0.01, five critic steps."""

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        latent: int = 100,
        width: int = 64,
        discriminator_steps: int = 5,
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
        """Algorithm 1; a batch carries one share of images for each step of the critic."""
        D, G = self.critic, self.generator
        shares = self.split_batch(batch[0])

        for real in shares:  # lines 2-8
            with self.turn("critic") as descend:
                fake = G(self.prior(len(real)))
                descend(wasserstein.discriminator(D(real), D(fake)))
            self.clip()

        with self.turn("generator") as descend:  # lines 9-11
            descend(wasserstein.generator(D(G(self.prior(len(shares[0]))))))

    @torch.no_grad()
    def clip(self) -> None:
        """Line 7: w <- clip(w, -c, c)."""
        for weight in self.critic.parameters():
            weight.clamp_(-self.hparams["clip"], self.hparams["clip"])
