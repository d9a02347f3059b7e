"""RaGAN. Jolicoeur-Martineau, 2018, https://arxiv.org/abs/1807.00734

The discriminator estimates how much more real an image is than the average image of the other kind.
Both players' losses therefore depend on real and on fake images.
"""

from torch import Tensor

from zoo.gans.dcgan import DCGAN
from zoo.losses.adversarial import relativistic


class RaGAN(DCGAN):
    """DCGAN with the relativistic average loss."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of each player (Algorithm 2, with one step of the discriminator)."""
        D, G = self.discriminator, self.generator
        real, _ = batch
        fake = G(self.prior(len(real)))

        with self.turn("discriminator") as descend:
            descend(relativistic.discriminator(D(real), D(fake.detach())))

        with self.turn("generator") as descend:
            descend(relativistic.generator(D(real), D(fake)))
