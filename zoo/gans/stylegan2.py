"""StyleGAN2. Karras et al., 2020, https://arxiv.org/abs/1912.04958

A mapping network turns latents z into styles w, which scale the channels of every convolution;
demodulation replaces StyleGAN's instance norm. The generator sums images of all resolutions, the
discriminator is residual, and both regularizers are lazy.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.arguments import Count, Depth, Width
from zoo.core.style_based import StyleAdversarialModule
from zoo.layers.augment import augmented
from zoo.layers.convnets import widening
from zoo.layers.equalized import EqualizedConv2d, EqualizedLinear, ScaledLeakyReLU
from zoo.layers.minibatch import MinibatchStdDev
from zoo.layers.resample import blur, downsample, upsample
from zoo.layers.styles import ModulatedConv, StyledLayer, StyleGenerator
from zoo.losses.adversarial import non_saturating
from zoo.losses.penalties import path_lengths, r1

R1_INTERVAL, PATH_LENGTH_INTERVAL = 16, 4  # steps, appendix B


def stages(width: int, size: int, most: int) -> list[int]:
    """Channels at 4, 8, ..., `size` pixels: `width` at the last, doubling down to `most`."""
    return [min(w, most) for w in [*widening(width, size), widening(width, size)[-1] * 2]][::-1]


class ToImage(nn.Module):
    """Map features (n, a, h, w) to images by a modulated 1 x 1 convolution, not demodulated."""

    def __init__(self, a: int, channels: int, latent: int) -> None:
        super().__init__()
        self.conv = ModulatedConv(a, channels, 1, latent)
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.conv(x, w, demodulate=False) + self.bias


class Block(nn.Module):
    """Double the resolution of maps (n, a, h, w) and of the image that is their sum so far."""

    def __init__(self, a: int, b: int, size: int, latent: int, channels: int) -> None:
        super().__init__()
        self.grow = StyledLayer(a, b, size, latent, up=True)
        self.refine = StyledLayer(b, b, size, latent)
        self.to_image = ToImage(b, channels, latent)

    def forward(self, x: Tensor, image: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        first, second, third = w.unbind(1)  # the third is the first of the next block
        x = self.refine(self.grow(x, first), second)
        return x, upsample(image) + self.to_image(x, third)


class Synthesis(nn.Module):
    """Map styles (n, layers, latent), one for each layer, to images (n, channels, size, size)."""

    def __init__(self, latent: int, width: int, size: int, channels: int) -> None:
        super().__init__()
        widths = stages(width, size, latent)
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.first = StyledLayer(widths[0], widths[0], 4, latent)
        self.to_image = ToImage(widths[0], channels, latent)
        blocks = (Block(*ab, 8 << i, latent, channels) for i, ab in enumerate(pairwise(widths)))
        self.blocks = nn.ModuleList(blocks)
        self.layers = 2 * len(widths)

    def forward(self, w: Tensor) -> Tensor:
        x = self.first(self.constant.expand(len(w), -1, -1, -1), w[:, 0])
        image = self.to_image(x, w[:, 1])
        for i, block in enumerate(self.blocks):
            x, image = block(x, image, w[:, 2 * i + 1 : 2 * i + 4])
        return image


class ResBlock(nn.Module):
    """Map feature maps (n, a, h, w) to (n, b, h / 2, w / 2)."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.first, self.second = EqualizedConv2d(a, a, 3), EqualizedConv2d(a, b, 3, stride=2)
        self.skip, self.activation = EqualizedConv2d(a, b, 1, bias=False), ScaledLeakyReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.activation(self.first(x))
        h = self.activation(self.second(blur(h, padding=2)))
        return (h + self.skip(downsample(x))) / 2**0.5


class Discriminator(nn.Sequential):
    """Map images (n, channels, size, size) to logits (n,) that each image is real."""

    def __init__(self, width: int, size: int, channels: int, most: int) -> None:
        widths = stages(width, size, most)[::-1]
        last = widths[-1]
        super().__init__(
            EqualizedConv2d(channels, widths[0], 1),
            ScaledLeakyReLU(),
            *(ResBlock(a, b) for a, b in pairwise(widths)),
            MinibatchStdDev(group=4),
            EqualizedConv2d(last + 1, last, 3),
            ScaledLeakyReLU(),
            nn.Flatten(),  # 4 x 4
            EqualizedLinear(last * 16, last),
            ScaledLeakyReLU(),
            EqualizedLinear(last, 1),
            nn.Flatten(0),
        )


class PathLengthPenalty(nn.Module):
    """Penalize path lengths other than their moving average: equation 4."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, synthesis: nn.Module, w: Tensor) -> Tensor:
        lengths = path_lengths(synthesis, w)
        self.mean.lerp_(lengths.detach().mean().to(self.mean), 0.01)
        return (lengths - self.mean).square().mean()


class StyleGAN2(StyleAdversarialModule):
    """StyleGAN2 with the authors' networks for 64 pixels; `path_length_weight` 0 omits the penalty.

    Latents, styles and the widest maps have `latent` channels, the maps at full resolution `width`.
    `r1_weight` is gamma; `augment` lists policies of zoo.layers.augment (color, translation,
    cutout). Raises UnknownName for another policy, BadRecipe unless `size` is 8, 16, 32 ...
    """

    double_backward = True

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        latent: Width = 512,
        width: Width = 256,
        mapping_depth: Depth = 8,
        r1_weight: float = 0.1,
        path_length_weight: float = 2.0,
        lr: float = 2.5e-3,
        augment: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        synthesis = Synthesis(latent, width, size, channels)
        self.generator = StyleGenerator(latent, mapping_depth, synthesis, synthesis.layers)
        discriminator = Discriminator(width, size, channels, latent)
        self.discriminator = augmented(discriminator, augment)
        self.path_length = PathLengthPenalty()
        self.to(memory_format=torch.channels_last)

    def style_weights(self) -> list[Tensor]:
        """The matrix (a, latent) of each layer that maps its style to the scales of its maps."""
        modules = list(self.generator.modules())
        convs = [m.conv for m in modules if isinstance(m, StyledLayer)]
        last = [m.conv for m in modules if isinstance(m, ToImage)][-1]
        return [conv.style.weight * conv.style.scale for conv in (*convs, last)]

    def players(self) -> dict[str, Optimizer]:
        def lazy(player: nn.Module, interval: int) -> Adam:  # appendix B
            c = interval / (interval + 1)
            return Adam(player.parameters(), lr=c * self.hparams["lr"], betas=(0.0, 0.99**c))

        return {
            "discriminator": lazy(self.discriminator, R1_INTERVAL),
            "generator": lazy(self.generator, PATH_LENGTH_INTERVAL),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of each player on the logistic loss; then, at their intervals, one on R1 and
        one on the path length penalty. Both players use the same fake images."""
        D, G = self.discriminator, self.generator
        step, (real, _) = self.global_step, batch
        fake = G(self.prior(len(real)))

        with self.turn("discriminator") as descend:
            descend(non_saturating.discriminator(D(real), D(fake.detach())))
            if step % R1_INTERVAL == 0:  # section 3.1
                descend(R1_INTERVAL * self.hparams["r1_weight"] * r1(D, real))

        with self.turn("generator") as descend:
            descend(non_saturating.generator(D(fake)))
            if (weight := self.hparams["path_length_weight"]) and step % PATH_LENGTH_INTERVAL == 0:
                w = G.styles(self.prior(max(len(real) // 2, 1)))
                descend(PATH_LENGTH_INTERVAL * weight * self.path_length(G.synthesis, w))
