"""AC-GAN. Odena, Olah & Shlens, 2017, https://arxiv.org/abs/1610.09585

The discriminator also classifies the image, and the generator is trained to make images whose class
the discriminator predicts correctly.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import ConditionalAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.gans import dcgan
from zoo.losses.adversarial import non_saturating


class Generator(nn.Module):
    """Map latents (n, latent) and labels (n,) to images (n, channels, size, size) in [-1, 1].

    The network is DCGAN's; its input is the latent concatenated with the one-hot label.
    """

    def __init__(self, latent: int, classes: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        self.classes = classes
        self.draw = dcgan.Generator(latent + classes, width, size, channels)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.draw(torch.cat([z, one_hot(labels, self.classes).to(z)], 1))


class Discriminator(nn.Module):
    """Map images (n, channels, size, size) to real/fake logits (n,) and class logits (n, classes).

    The paper calls the first output S, the source, and the second C.
    """

    def __init__(self, classes: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        features = dcgan.widest(width, size)
        self.body = nn.Sequential(*dcgan.body(width, size, channels))
        self.source = nn.Conv2d(features, 1, 4, bias=False)
        self.label = nn.Conv2d(features, classes, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.source(features).flatten(), self.label(features).flatten(1)


class ACGAN(ConditionalAdversarialModule):
    """Auxiliary classifier GAN: DCGAN's networks, with a second head on the discriminator."""

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        classes: Count = 10,
        latent: Count = 100,
        width: Width = 64,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = Generator(latent, classes, width, size, channels)
        self.discriminator = Discriminator(classes, width, size, channels)
        self.apply(dcgan.initialize).to(memory_format=torch.channels_last)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.5, 0.999))
        return {
            "discriminator": adam(self.discriminator.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take one step of each player: D ascends L_C + L_S and G ascends L_C - L_S (section 3)."""
        D, G = self.discriminator, self.generator
        real, y = self.labeled_batch(batch)
        fake = G(self.prior(len(real)), y)

        with self.turn("discriminator") as descend:
            (real_source, real_class), (fake_source, fake_class) = D(real), D(fake.detach())
            class_loss = cross_entropy(real_class, y) + cross_entropy(fake_class, y)
            descend(non_saturating.discriminator(real_source, fake_source) + class_loss)

        with self.turn("generator") as descend:
            source, class_logits = D(fake)
            descend(non_saturating.generator(source) + cross_entropy(class_logits, y))
