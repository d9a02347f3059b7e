"""R3GAN. Huang, Gokaslan, Kuleshov & Tompkin, 2025, https://arxiv.org/abs/2501.05441

A baseline without the tricks of StyleGAN: a relativistic loss that compares pairs of real and fake
images, penalties on the gradients at both, and residual networks without normalization.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.errors import BadRecipe
from zoo.layers.resample import downsample, upsample
from zoo.losses.penalties import r1, r2

EXPANSION, GROUP = 2, 16  # of the channels within a block; channels of a group
GAIN = 2**0.5  # of leaky ReLUs with a slope of 0.2, nearly


class BiasedActivation(nn.Module):
    """Add a bias to maps (n, a, h, w), then apply a leaky ReLU."""

    def __init__(self, a: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(a, 1, 1))
        self.activation = nn.LeakyReLU(0.2)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.bias)


class ResBlock(nn.Module):
    """Add to feature maps (n, a, h, w) an inverted bottleneck (section 3.3): 1 x 1, grouped 3 x 3,
    1 x 1. The last weights begin at zero, the others by the number of blocks of the network."""

    def __init__(self, a: int, blocks: int) -> None:
        super().__init__()
        wide, scale = EXPANSION * a, blocks**-0.25
        self.body = nn.Sequential(
            convolution(a, wide, 1, gain=GAIN * scale),
            BiasedActivation(wide),
            convolution(wide, wide, 3, groups=max(1, wide // GROUP), gain=GAIN * scale),
            BiasedActivation(wide),
            convolution(wide, a, 1, gain=0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Transition(nn.Module):
    """Halve or double the sides of feature maps (n, a, h, w), with bilinear filters, to b maps."""

    def __init__(self, a: int, b: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.project = nn.Identity() if a == b else convolution(a, b, 1)

    def forward(self, x: Tensor) -> Tensor:
        return upsample(self.project(x)) if self.up else self.project(downsample(x))


class Basis(nn.Module):
    """Map latents (n, latent) to feature maps (n, a, 4, 4): a learned basis, whose channels a
    linear layer scales."""

    def __init__(self, latent: int, a: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(a, 4, 4))
        self.linear = nn.Linear(latent, a, bias=False)
        nn.init.normal_(self.linear.weight, std=latent**-0.5)

    def forward(self, z: Tensor) -> Tensor:
        return self.basis * self.linear(z)[:, :, None, None]


class Generator(nn.Sequential):
    """Map latents (n, latent) to images (n, channels, size, size)."""

    def __init__(self, latent: int, widths: list[int], blocks: int, channels: int) -> None:
        total = blocks * len(widths)
        layers: list[nn.Module] = [Basis(latent, widths[0])]
        for stage, width in enumerate(widths):
            if stage:
                layers.append(Transition(widths[stage - 1], width, up=True))
            layers += [ResBlock(width, total) for _ in range(blocks)]
        super().__init__(*layers, convolution(widths[-1], channels, 1))


class Discriminator(nn.Sequential):
    """Map images (n, channels, size, size) to logits (n,)."""

    def __init__(self, widths: list[int], blocks: int, channels: int) -> None:
        total, last = blocks * len(widths), widths[-1]
        layers: list[nn.Module] = [convolution(channels, widths[0], 1)]
        for stage, width in enumerate(widths):
            if stage:
                layers.append(Transition(widths[stage - 1], width, up=False))
            layers += [ResBlock(width, total) for _ in range(blocks)]
        to_vector = nn.Conv2d(last, last, 4, groups=last, bias=False)  # depthwise, 1 x 1
        linear = nn.Linear(last, 1, bias=False)
        nn.init.normal_(to_vector.weight, std=1 / 4)
        nn.init.normal_(linear.weight, std=last**-0.5)
        super().__init__(*layers, to_vector, nn.Flatten(), linear, nn.Flatten(0))


def convolution(a: int, b: int, kernel: int, groups: int = 1, gain: float = 1.0) -> nn.Conv2d:
    """A convolution without bias, with weights of standard deviation gain / sqrt(fan in)."""
    layer = nn.Conv2d(a, b, kernel, padding=kernel // 2, groups=groups, bias=False)
    fan_in = a // groups * kernel**2
    nn.init.normal_(layer.weight, std=gain / fan_in**0.5) if gain else nn.init.zeros_(layer.weight)
    return layer


def stages(width: int, size: int) -> int:
    """The number of resolutions from 4 pixels to `size`; raises BadRecipe for other settings."""
    if size < 8 or size & (size - 1):
        raise BadRecipe(f"size must be a power of two >= 8, got {size}. Set 32 or 64")
    if EXPANSION * width % GROUP and EXPANSION * width > GROUP:
        raise BadRecipe(f"width must be a multiple of {GROUP // EXPANSION}, got {width}. Set 64")
    return size.bit_length() - 2


class R3GAN(LatentAdversarialModule):
    """R3GAN, with `width` channels at all resolutions, 768 in the paper.

    During the training learning rates, penalties and beta2 of Adam move by a cosine from the first
    to the second of each pair of values (appendix D: those of CIFAR-10). Raises BadRecipe unless
    `size` is a power of two >= 8 and `width` a multiple of 8, or below.
    """

    double_backward = True

    def __init__(
        self,
        size: Count = 32,
        channels: Count = 3,
        latent: Count = 64,
        width: Width = 768,
        blocks: Count = 2,
        lr: tuple[float, float] = (2e-4, 5e-5),
        gamma: tuple[float, float] = (0.05, 0.005),
        beta2: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        widths = [width] * stages(width, size)
        self.generator = Generator(latent, widths, blocks, channels)
        self.discriminator = Discriminator(widths, blocks, channels)

    def players(self) -> dict[str, Optimizer]:
        betas = 0.0, self.hparams["beta2"][0]
        adam = partial(Adam, lr=self.hparams["lr"][0], betas=betas)
        return {
            "discriminator": adam(self.discriminator.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to images (n, channels, size, size), clipped to [-1, 1]."""
        return super().decode(z).clamp(-1, 1)

    def scheduled(self, name: str) -> float:
        """The current value of a setting."""
        first, last = self.hparams[name]
        return last + (first - last) * (1 + math.cos(math.pi * self.progress())) / 2

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of the discriminator on equation 3 with both penalties, then one of the
        generator, on the same pairs."""
        D, G, gamma = self.discriminator, self.generator, self.scheduled("gamma")
        real, _ = batch
        for player in self.player_names:
            self.update_optimizer(player, lr=self.scheduled("lr"))
            for group in self.optimizer(player).param_groups:
                group["betas"] = 0.0, self.scheduled("beta2")
        fake = G(self.prior(len(real)))

        with self.turn("discriminator") as descend:
            relativistic = softplus(D(fake.detach()) - D(real)).mean()
            descend(relativistic + gamma * (r1(D, real) + r2(D, fake)))

        with self.turn("generator") as descend:
            descend(softplus(D(real) - D(fake)).mean())
