"""SPADE. Park, Liu, Wang & Zhu, 2019, https://arxiv.org/abs/1903.07291

A label map becomes a photograph: the map modulates every normalization of the generator, so that it
is not washed away, and the latent, encoded from a photograph, is the style.
"""

from functools import partial
from itertools import chain, pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, one_hot
from torch.optim import Adam, Optimizer

from zoo.checks import check_images
from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.modality import LabelMaps
from zoo.core.module import eval_in_chunks
from zoo.core.translator import ImageTranslator
from zoo.errors import BadInput, BadRecipe
from zoo.layers.noise import normal
from zoo.layers.precision import at_least_float32
from zoo.layers.spatially_adaptive import SpatiallyAdaptiveNorm2d
from zoo.layers.spectral import one_iteration
from zoo.losses.adversarial import hinge
from zoo.translation.multi_scale import (
    MultiScaleDiscriminator,
    feature_matching,
    initialize,
    judge,
    spectral,
)

STRIDE = 32  # of all layers of the generator
WIDTHS = (16, 16, 16, 8, 4, 2, 1)  # of its blocks, in units of `width`


class Block(nn.Module):
    """A residual block from maps (n, a, h, w) to (n, b, h, w) with a label map (figure 4)."""

    def __init__(self, a: int, b: int, labels: int, hidden: int) -> None:
        super().__init__()
        normalization = partial(SpatiallyAdaptiveNorm2d, labels=labels, hidden=hidden)
        middle = min(a, b)
        self.norms = nn.ModuleList(normalization(n) for n in (a, middle))
        self.convs = nn.ModuleList([convolution(a, middle), convolution(middle, b)])
        self.shortcut = nn.ModuleList()
        if a != b:
            conv = spectral(nn.Conv2d(a, b, 1, bias=False))
            self.shortcut.extend([normalization(a), conv])

    def forward(self, x: Tensor, m: Tensor) -> Tensor:
        h = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            h = conv(leaky_relu(norm(h, m), 0.2))
        if self.shortcut:
            norm, conv = self.shortcut
            x = conv(norm(x, m))
        return x + h


class Generator(nn.Module):
    """Map one-hot label maps (n, labels, size, size) and styles (n, latent) to images (n, channels,
    size, size) in [-1, 1] (figure 11)."""

    def __init__(self, size: int, labels: int, channels: int, latent: int, width: int, hidden: int):
        super().__init__()
        self.input = nn.Linear(latent, WIDTHS[0] * width * (size // STRIDE) ** 2)
        self.start = WIDTHS[0] * width, size // STRIDE, size // STRIDE
        widths = [width * factor for factor in (WIDTHS[0], *WIDTHS)]
        self.blocks = nn.ModuleList(Block(a, b, labels, hidden) for a, b in pairwise(widths))
        self.output = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, m: Tensor, z: Tensor) -> Tensor:
        x = self.input(z).unflatten(1, self.start)
        for number, block in enumerate(self.blocks):
            if number not in (0, 2):  # the first and the third block keep the size
                x = interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(x, m)
        return self.output(leaky_relu(x, 0.2)).tanh()


def convolution(a: int, b: int, stride: int = 1) -> nn.Module:
    """Spectrally normalized convolution of maps (n, a, h, w) to (n, b, h / stride, w / stride)."""
    return spectral(nn.Conv2d(a, b, 3, stride=stride, padding=1))


class Encoder(nn.Module):
    """Map images (n, channels, size, size) to the mean and the log-variance of their style, each
    (n, latent) (figure 14)."""

    def __init__(self, size: int, channels: int, latent: int, width: int) -> None:
        super().__init__()
        widths = [channels, *(width * factor for factor in (1, 2, 4, 8, 8))]
        layers = []
        for a, b in pairwise(widths):
            layers += [convolution(a, b, stride=2), nn.InstanceNorm2d(b), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.style = nn.Linear(widths[-1] * (size // STRIDE) ** 2, 2 * latent)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.style(self.body(y)).chunk(2, dim=1)
        return mean, log_variance


class SPADE(AdversarialModule, ImageTranslator):
    """SPADE with the encoder of styles, and the paper's defaults but for its loss in the features
    of a VGG network.

    `lr` is that of the generator and the encoder, the discriminator's is four times larger; both
    are constant for half of the training, then fall to 0. Raises BadRecipe unless `size` is a
    multiple of 32, at least 64.
    """

    inference_modules: ClassVar[tuple[str, ...] | None] = ("encoder", "generator")

    def __init__(
        self,
        size: Count = 256,
        labels: Count = 2,
        channels: Count = 3,
        latent: Count = 256,
        width: Width = 64,
        hidden: Width = 128,
        matching_weight: float = 10.0,
        kl_weight: float = 0.05,
        lr: float = 1e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if size % STRIDE or size < 2 * STRIDE:
            raise BadRecipe(
                f"size must be a multiple of {STRIDE}, at least {2 * STRIDE}, got {size}. Set 64 "
                "or 128"
            )
        self.generator = Generator(size, labels, channels, latent, width, hidden)
        self.encoder = Encoder(size, channels, latent, width)
        self.discriminator = MultiScaleDiscriminator(labels + channels, width)
        self.apply(initialize)

    @property
    def modality(self) -> LabelMaps:
        size, channels = self.hparams["size"], self.hparams["channels"]
        return LabelMaps((1, size, size), (channels, size, size), self.hparams["labels"])

    def one_hot(self, maps: Tensor) -> Tensor:
        """Label maps (n, 1, h, w) as (n, labels, h, w) of 0 and 1."""
        planes = one_hot(maps[:, 0], self.hparams["labels"]).permute(0, 3, 1, 2)
        return planes.to(self.parameter_dtype).contiguous()

    def translate(self, x: Tensor, seed: int = 0) -> Tensor:
        """Label maps (n, 1, size, size) in int64 to images (n, channels, size, size) in [-1, 1], of
        one style, which the seed fixes. Raises BadInput for other maps and seeds."""
        return self.in_style(x, normal(1, self.hparams["latent"], seed, x.device))

    def translate_like(self, x: Tensor, images: Tensor) -> Tensor:
        """Label maps (n, 1, size, size) to images (n, channels, size, size) in the style of one
        image for each, or of one for all. Raises BadInput for other numbers and shapes."""
        return self.in_style(x, self.encode(images))

    def encode(self, images: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to the means of their styles (n, latent)."""
        check_images(images, (self.modality.target,))
        y = images.to(self.parameter_dtype)
        return at_least_float32(eval_in_chunks(self.encoder, y, lambda some: self.encoder(some)[0]))

    def in_style(self, x: Tensor, styles: Tensor) -> Tensor:
        """Label maps (n, 1, size, size) to images in styles (n, latent) or (1, latent)."""
        self.modality.check_inputs(x)
        if len(styles) not in (1, len(x)):
            raise BadInput(f"there must be 1 or {len(x)} styles, got {len(styles)}. Repeat them")
        z = styles.to(self.parameter_dtype).expand(len(x), -1)
        G, indices = self.generator, torch.arange(len(x), device=x.device)
        return at_least_float32(eval_in_chunks(G, indices, lambda i: G(self.one_hot(x[i]), z[i])))

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, betas=(0.0, 0.9))
        lr = self.hparams["lr"]
        both = chain(self.generator.parameters(), self.encoder.parameters())
        return {
            "discriminator": adam(self.discriminator.parameters(), lr=4 * lr),
            "generator": adam(both, lr=lr),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of D, then one of G and the encoder, on the same images."""
        G, E, D = self.generator, self.encoder, self.discriminator
        maps, y = batch
        m = self.one_hot(maps)
        decay = min(1.0, 2 * (1 - self.progress())) * self.hparams["lr"]
        self.update_optimizer("discriminator", lr=4 * decay)
        self.update_optimizer("generator", lr=decay)
        with one_iteration(E), one_iteration(G):
            mean, log_variance = E(y)
            z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            fake = G(m, z)

        with self.turn("discriminator") as descend, one_iteration(D):
            real, generated = judge(D, m, y, fake.detach())
            pairs = zip(real, generated, strict=True)
            losses = [hinge.discriminator(a.logits, b.logits) for a, b in pairs]
            descend(torch.stack(losses).mean())

        with self.turn("generator") as descend, one_iteration(D):
            real, generated = judge(D, m, y, fake)
            adversarial = torch.stack([hinge.generator(j.logits) for j in generated]).mean()
            variance = log_variance.exp()
            kl = (mean.square() + variance - log_variance - 1).sum(1).mean() / 2
            matching = feature_matching(real, generated)
            weights = self.hparams["matching_weight"], self.hparams["kl_weight"]
            descend(adversarial + weights[0] * matching + weights[1] * kl)
