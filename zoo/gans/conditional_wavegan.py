"""Conditional WaveGAN. Lee, Toffy, Jung & Han, 2018, https://arxiv.org/abs/1809.10636

A WaveGAN that is told what to say: the class stands beside the latent. The critic projects its
features on an embedding of the class, as Miyato & Koyama, 2018, https://arxiv.org/abs/1802.05637
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from zoo.core.adversarial import ConditionalAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.gans import wavegan
from zoo.gans.wavegan import RATIO, SoundGAN, check_length, initialize, widening


class Generator(nn.Module):
    """Map latents (n, latent) and labels (n,) to waveforms (n, 1, length) in [-1, 1]."""

    def __init__(self, latent: int, classes: int, width: int, length: int) -> None:
        super().__init__()
        self.classes = classes
        self.joint = wavegan.Generator(latent + classes, width, length)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.joint(torch.cat([z, one_hot(labels, self.classes).to(z)], 1))


class Critic(nn.Module):
    """Map waveforms (n, 1, length) and labels (n,) to scores (n,)."""

    def __init__(self, classes: int, width: int, length: int, shuffle: int) -> None:
        super().__init__()
        *layers, linear, flatten = wavegan.Critic(width, length, shuffle)
        self.phi, self.psi = nn.Sequential(*layers), nn.Sequential(linear, flatten)
        self.embedding = nn.Embedding(classes, widening(width)[-1] * (length // RATIO))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        features = self.phi(x)
        return self.psi(features) + (self.embedding(labels) * features).sum(1)


class ConditionalWaveGAN(ConditionalAdversarialModule, SoundGAN):
    """Conditional WaveGAN of sounds with labels, by default one second of sound at 8 kHz.

    The players take one step each on the logistic loss, and R1 penalizes the critic at every eighth
    step, as `WaveGAN` does with an `r1_weight`. Raises BadRecipe unless `length` is a multiple of
    1,024 and, for reflection, longer than 1,024 * `shuffle`.
    """

    double_backward = True

    def __init__(
        self,
        length: Count = 8192,
        rate: Count = 8000,
        classes: Count = 10,
        latent: Count = 100,
        width: Width = 16,
        shuffle: int = 2,
        lr: float = 5e-4,
        r1_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_length(length, shuffle)
        self.save_hyperparameters()
        self.generator = Generator(latent, classes, width, length)
        self.critic = Critic(classes, width, length, shuffle)
        self.apply(initialize)
        nn.init.zeros_(self.critic.embedding.weight)  # its features are many

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of the critic and one of G; fake sounds have the labels of the real ones."""
        real, y = self.labeled_batch(batch)
        self.r1_step(partial(self.critic, labels=y), partial(self.generator, labels=y), real)
