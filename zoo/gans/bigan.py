"""BiGAN. Donahue, Krahenbuhl & Darrell, 2017, https://arxiv.org/abs/1605.09782

The discriminator classifies pairs of an image and a latent: encoded pairs (x, E(x)) against
generated pairs (G(z), z). At the optimum the encoder inverts the generator. ALI (Dumoulin et al.,
2017, https://arxiv.org/abs/1606.00704) is the same method.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import EncodingAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.gans import dcgan
from zoo.layers.convnets import Encoder
from zoo.losses.adversarial import non_saturating


class Discriminator(nn.Module):
    """Map images (n, channels, size, size) with latents (n, latent) to logits (n,)."""

    def __init__(self, latent: int, width: int, size: int, channels: int = 3) -> None:
        super().__init__()
        features = dcgan.widest(width, size)
        self.body = nn.Sequential(*dcgan.body(width, size, channels), nn.Flatten())
        self.joint = nn.Sequential(
            nn.Linear(16 * features + latent, 2 * features),
            nn.LeakyReLU(0.2),
            nn.Linear(2 * features, 1),
            nn.Flatten(0),
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        features = self.body(x)
        return self.joint(torch.cat([features, z.to(features.dtype)], 1))


class BiGAN(EncodingAdversarialModule):
    """Bidirectional GAN on DCGAN's networks."""

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        latent: Count = 50,
        width: Width = 64,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = Encoder(latent, width, size, channels)
        self.generator = dcgan.Generator(latent, width, size, channels)
        self.discriminator = Discriminator(latent, width, size, channels)
        self.apply(dcgan.initialize).to(memory_format=torch.channels_last)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.5, 0.999))
        both = [*self.generator.parameters(), *self.encoder.parameters()]
        return {"discriminator": adam(self.discriminator.parameters()), "generator": adam(both)}

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of the discriminator, then one of generator and encoder together.

        Section 3: generator and encoder descend the discriminator's loss with swapped labels.
        """
        D, G, E = self.discriminator, self.generator, self.encoder
        x, _ = batch
        z = self.prior(len(x))
        code, fake = E(x), G(z)

        with self.turn("discriminator") as descend:
            descend(non_saturating.discriminator(D(x, code.detach()), D(fake.detach(), z)))

        with self.turn("generator") as descend:
            descend(non_saturating.discriminator(D(fake, z), D(x, code)))
