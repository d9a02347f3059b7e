"""CycleGAN. Zhu, Park, Isola & Efros, 2017, https://arxiv.org/abs/1703.10593

Two GANs translate between two sets of images without pairs, in opposite directions: there and back
again must give the input (cycle consistency).
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain, pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.checks import check_images
from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.modality import UnpairedImages
from zoo.core.module import eval_in_chunks
from zoo.core.translator import ImageTranslator
from zoo.errors import BadRecipe
from zoo.layers.precision import at_least_float32
from zoo.losses.adversarial import least_squares
from zoo.translation.pix2pix import PatchGAN, initialize

POOL = 50  # earlier outputs that a discriminator also sees, section 4


class ResidualBlock(nn.Module):
    """Add two convolutions to feature maps (n, a, h, w)."""

    def __init__(self, a: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*layer(a, a, 3), nn.ReLU(), *layer(a, a, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResNetGenerator(nn.Sequential):
    """Map images (n, a, h, w) to images (n, b, h, w) in [-1, 1] (appendix 7.2): c7s1-w, d2w, d4w,
    residual blocks, u2w, uw, c7s1-b. Sides are multiples of 4."""

    def __init__(self, a: int, b: int, width: int, blocks: int) -> None:
        widths = [width, 2 * width, 4 * width]
        super().__init__(
            nn.Sequential(*layer(a, width, 7), nn.ReLU()),
            *(nn.Sequential(*layer(i, o, 3, stride=2), nn.ReLU()) for i, o in pairwise(widths)),
            *(ResidualBlock(widths[-1]) for _ in range(blocks)),
            *(upsample(i, o) for i, o in pairwise(widths[::-1])),
            nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, b, 7), nn.Tanh()),
        )


def layer(a: int, b: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Reflection padding, a convolution and instance norm: (n, a, h, w) to (n, b, h / stride,
    w / stride)."""
    conv = nn.Conv2d(a, b, kernel, stride=stride)
    return [nn.ReflectionPad2d(kernel // 2), conv, nn.InstanceNorm2d(b)]


def upsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, 2h, 2w)."""
    conv = nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(conv, nn.InstanceNorm2d(b), nn.ReLU())


class ImagePool:
    """The last 50 outputs. `exchange` returns images of which, once the pool is full, about half
    are earlier ones, each replaced by a new one (Shrivastava et al., 2017)."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def exchange(self, images: Tensor) -> Tensor:
        """Images (n, c, h, w) to as many, new and earlier ones."""
        found = []
        for image in images.detach():
            if len(self.images) < POOL:
                self.images.append(image)
            elif torch.rand(()) < 0.5:
                at = int(torch.randint(POOL, ()))
                image, self.images[at] = self.images[at], image
            found.append(image)
        return torch.stack(found)


class UnpairedTranslator(AdversarialModule, ImageTranslator):
    """A translator between two sets of images, trained without pairs: its learning rates `lr` are
    constant for half of the training, then fall to 0."""

    @property
    def modality(self) -> UnpairedImages:
        pair = super().modality
        return UnpairedImages(pair.input, pair.target)

    def decay_learning_rates(self) -> None:
        """Set the learning rates of this step."""
        factor = min(1.0, 2 * (1 - self.progress()))
        for player in self.player_names:
            self.update_optimizer(player, lr=self.hparams["lr"] * factor)


class CycleGAN(UnpairedTranslator):
    """CycleGAN with the paper's defaults for 256 pixels; 128 pixels and less take six blocks.

    `generator` and `target_discriminator` are the paper's G and D_Y, `inverse` and
    `input_discriminator` its F and D_X. `identity_weight` is that of section 5.2, which keeps
    colors: 0.5 there. Raises BadRecipe unless `size` is a multiple of 4, at least 32.
    """

    inference_modules: ClassVar[tuple[str, ...] | None] = ("generator", "inverse")

    def __init__(
        self,
        size: Count = 256,
        input_channels: Count = 3,
        channels: Count = 3,
        width: Width = 64,
        blocks: Count = 9,
        cycle_weight: float = 10.0,
        identity_weight: float = 0.0,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        check_size(size)
        if identity_weight and input_channels != channels:
            raise BadRecipe(
                f"identity_weight must be 0 for {input_channels} and {channels} channels, got "
                f"{identity_weight}. Set it to 0"
            )
        self.generator = ResNetGenerator(input_channels, channels, width, blocks)
        self.inverse = ResNetGenerator(channels, input_channels, width, blocks)
        self.target_discriminator = PatchGAN(channels, width)
        self.input_discriminator = PatchGAN(input_channels, width)
        self.pools = {"target": ImagePool(), "input": ImagePool()}
        self.apply(initialize)

    def directions(self) -> tuple[str, ...]:
        """The names of both directions."""
        return ("forward", "reverse")

    def translate_to(self, x: Tensor, direction: str) -> Tensor:
        """Inputs (n, channels, size, size) to outputs in one direction, both in [-1, 1]."""
        if direction == "forward":
            return self.translate(x)
        check_images(x, (self.modality.target,))
        F = self.inverse
        return at_least_float32(eval_in_chunks(F, x.to(self.parameter_dtype), F))

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.5, 0.999))
        discriminators = self.target_discriminator, self.input_discriminator
        return {
            "generator": adam(parameters(self.generator, self.inverse)),
            "discriminator": adam(parameters(*discriminators)),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of both generators on equation 3, then one of both discriminators, each on
        real images and on outputs of its pool."""
        x, y = batch
        G, F = self.generator, self.inverse
        D_Y, D_X = self.target_discriminator, self.input_discriminator
        self.decay_learning_rates()

        with self.turn("generator") as descend:
            fake_y, fake_x = G(x), F(y)
            adversarial = (D_Y(fake_y) - 1).square().mean() + (D_X(fake_x) - 1).square().mean()
            cycle = (F(fake_y) - x).abs().mean() + (G(fake_x) - y).abs().mean()
            loss = adversarial + self.hparams["cycle_weight"] * cycle
            if weight := self.hparams["identity_weight"] * self.hparams["cycle_weight"]:
                loss = loss + weight * ((G(y) - y).abs().mean() + (F(x) - x).abs().mean())
            descend(loss)

        with self.turn("discriminator") as descend:  # halved, as least_squares is
            of_y = least_squares.discriminator(D_Y(y), D_Y(self.pools["target"].exchange(fake_y)))
            of_x = least_squares.discriminator(D_X(x), D_X(self.pools["input"].exchange(fake_x)))
            descend(of_y + of_x)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["pools"] = {name: pool.images for name, pool in self.pools.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        for name, pool in self.pools.items():
            pool.images = [image.to(self.device) for image in checkpoint["pools"][name]]


def parameters(*networks: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters of several networks."""
    return chain.from_iterable(network.parameters() for network in networks)


def check_size(size: int) -> None:
    """Raise BadRecipe unless images of `size` pixels pass the generator and the patches."""
    if size % 4 or size < 32:
        raise BadRecipe(f"size must be a multiple of 4, at least 32, got {size}. Set 64 or 128")
