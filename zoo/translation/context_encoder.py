"""Context encoder. Pathak, Krahenbuhl, Donahue et al., 2016, https://arxiv.org/abs/1604.07379

An encoder of the image around a hole, and a decoder that draws the content of the hole, trained by
a squared error and a discriminator of contents (section 3).
"""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.translator import ImageRestorer
from zoo.errors import BadRecipe
from zoo.layers.convnets import upsample, widening
from zoo.losses.adversarial import non_saturating
from zoo.translation.pix2pix import initialize

GRAY = torch.tensor([117.0, 104.0, 123.0])[:, None, None] / 127.5 - 1  # the mean of ImageNet
BORDER_WEIGHT = 10  # of the squared error where the context is known


class Encoder(nn.Sequential):
    """Map images (n, 3, size, size) to codes (n, latent, 1, 1) (figure 9)."""

    def __init__(self, size: int, latent: int, width: int) -> None:
        widths = encoder_widths(size, width)
        super().__init__(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            *(downsample(a, b) for a, b in pairwise(widths)),
            nn.Conv2d(widths[-1], latent, 4, bias=False),  # 4 x 4 to 1 x 1
            nn.BatchNorm2d(latent),
            nn.LeakyReLU(0.2),
        )


class Decoder(nn.Sequential):
    """Map codes (n, latent, 1, 1) to the center (n, 3, size / 2, size / 2) of images in [-1, 1]."""

    def __init__(self, size: int, latent: int, width: int) -> None:
        widths = widening(width, size // 2)[::-1]
        super().__init__(
            nn.ConvTranspose2d(latent, widths[0], 4, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            *(upsample(a, b) for a, b in pairwise(widths)),
            nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
            nn.Tanh(),
        )


class Discriminator(nn.Sequential):
    """Map centers of images (n, 3, size / 2, size / 2), without their context, to logits (n,)."""

    def __init__(self, size: int, width: int) -> None:
        widths = widening(width, size // 2)
        super().__init__(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            *(downsample(a, b) for a, b in pairwise(widths)),
            nn.Conv2d(widths[-1], 1, 4),
            nn.Flatten(0),
        )


def encoder_widths(size: int, width: int) -> list[int]:
    """Channels from size / 2 down to 4 x 4: at 128 pixels w, w, 2w, 4w, 8w. Raises BadRecipe unless
    `size` is a power of two >= 16."""
    if size < 16 or size & (size - 1):
        raise BadRecipe(f"size must be a power of two >= 16, got {size}. Set 64 or 128")
    return [width, *widening(width, size // 2)]


def border_weight(side: int, overlap: int) -> Tensor:
    """Weights (side, side) of the squared error: 10 where the context is known, else 1."""
    weight = torch.full((side, side), float(BORDER_WEIGHT))
    weight[overlap : side - overlap, overlap : side - overlap] = 1
    return weight


def downsample(a: int, b: int) -> nn.Sequential:
    """Map feature maps (n, a, h, w) to (n, b, h / 2, w / 2)."""
    conv = nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), nn.LeakyReLU(0.2))


class ContextEncoder(AdversarialModule, ImageRestorer):
    """The context encoder of a central hole, with the defaults of the paper and its code.

    The network draws the center (size / 2)^2 of an image. The hole is narrower by `overlap` pixels
    on each side: there the network redraws what it sees, with ten times the weight. `lr` is that of
    the discriminator, the generator's is ten times larger (section 5). Raises BadRecipe unless
    `size` is a power of two >= 16 and the overlap leaves a hole.
    """

    def __init__(
        self,
        size: Count = 128,
        latent: Count = 4000,
        width: Width = 64,
        overlap: int = 4,
        adversarial_weight: float = 0.001,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if not 0 <= overlap < size // 4:
            raise BadRecipe(
                f"overlap must be from 0 to {size // 4 - 1}, got {overlap}. The default is 4"
            )
        self.generator = nn.Sequential(Encoder(size, latent, width), Decoder(size, latent, width))
        self.discriminator = Discriminator(size, width)
        self.apply(initialize)

    @property
    def min_sub_batch(self) -> int:
        return 2  # batch norm of codes of 1 x 1

    def hole_size(self) -> int:
        """The side of the hole in pixels."""
        return self.hparams["size"] // 2 - 2 * self.hparams["overlap"]

    def degrade(self, x: Tensor) -> Tensor:
        """Images (n, 3, size, size) in [-1, 1] with a gray hole in their center."""
        return self.fill(x, GRAY.to(x).expand(len(x), -1, self.hole_size(), self.hole_size()))

    def fill(self, x: Tensor, content: Tensor) -> Tensor:
        """Images (n, 3, size, size) with a content (n, 3, hole, hole) of their hole."""
        start = (self.hparams["size"] - self.hole_size()) // 2
        filled = x.clone()
        filled[..., start : start + self.hole_size(), start : start + self.hole_size()] = content
        return filled

    def forward(self, x: Tensor) -> Tensor:
        center = self.generator(self.degrade(x))
        overlap, end = self.hparams["overlap"], center.shape[-1] - self.hparams["overlap"]
        return self.fill(x, center[..., overlap:end, overlap:end].to(x.dtype))

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, betas=(0.5, 0.999))
        lr = self.hparams["lr"]
        return {
            "discriminator": adam(self.discriminator.parameters(), lr=lr),
            "generator": adam(self.generator.parameters(), lr=10 * lr),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of D and a step of G on the same centers (section 3.2)."""
        D, G = self.discriminator, self.generator
        images, _ = batch
        quarter = images.shape[-1] // 4
        y = images[..., quarter:-quarter, quarter:-quarter]
        fake = G(self.degrade(images))

        with self.turn("discriminator") as descend:  # equation 2
            descend(non_saturating.discriminator(D(y), D(fake.detach())))

        with self.turn("generator") as descend:  # equation 3
            weight = border_weight(y.shape[-1], self.hparams["overlap"]).to(y)
            l2 = (weight * (fake - y).square()).mean()
            share = self.hparams["adversarial_weight"]
            descend((1 - share) * l2 + share * non_saturating.generator(D(fake)))
