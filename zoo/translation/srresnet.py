"""SRResNet. Ledig, Theis, Huszar, Caballero et al., 2017, https://arxiv.org/abs/1609.04802

Super-resolution by a residual network at the low resolution, which is enlarged at its end by
sub-pixel convolutions, and trained by the squared error of pixels: the generator of SRGAN.
"""

from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.optim import Adam, Optimizer

from zoo.core.arguments import Count, Width
from zoo.core.modality import Restorations
from zoo.core.translator import ImageRestorer
from zoo.errors import BadRecipe
from zoo.layers.precision import at_least_float32

FACTOR = 4


class Network(nn.Module):
    """Map images (n, 3, h, w) to images (n, 3, 4h, 4w), unbounded (figure 4)."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.input = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(Block(width) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )
        self.output = nn.Sequential(
            *upsample(width), *upsample(width), nn.Conv2d(width, 3, 9, padding=4)
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.input(x)
        return self.output(h + self.body(h))


class Block(nn.Sequential):
    """A residual block of feature maps (n, width, h, w)."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


def upsample(width: int) -> tuple[nn.Module, ...]:
    """Layers from feature maps (n, width, h, w) to (n, width, 2h, 2w)."""
    return nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()


class Upscaler(ImageRestorer):
    """Enlarges images by 4: a subclass builds `generator`, a Network, and has an argument `size`,
    that of the training images."""

    @property
    def modality(self) -> Restorations:
        size = self.hparams["size"]
        return Restorations((3, size // FACTOR, size // FACTOR), (3, size, size))

    def input_shapes(self) -> tuple[()]:
        return ()  # any

    def factor(self) -> int:
        """How many times larger outputs are."""
        return FACTOR

    def degrade(self, x: Tensor) -> Tensor:
        """Images (n, 3, h, w) in [-1, 1] reduced to (n, 3, h / 4, w / 4) by bicubic interpolation
        with antialiasing."""
        small = [side // FACTOR for side in x.shape[2:]]
        reduced = interpolate(at_least_float32(x), size=small, mode="bicubic", antialias=True)
        return reduced.clamp(-1, 1).to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.generator(x).clamp(-1, 1)


class SRResNet(Upscaler):
    """SRResNet for a factor of 4, with the paper's defaults.

    `size` is that of the training images, whose inputs have a fourth of it; images of any size are
    translated. Raises BadRecipe unless `size` is a multiple of 4.
    """

    def __init__(
        self,
        size: Count = 96,
        width: Width = 64,
        blocks: Count = 16,
        lr: float = 1e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if size % FACTOR:
            raise BadRecipe(f"size must be a multiple of {FACTOR}, got {size}. The default is 96")
        self.generator = Network(width, blocks)

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.hparams["lr"])

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        y, _ = batch
        mse = (self.generator(self.degrade(y)) - y).square().mean()  # equation 4
        self.log_on_interval({"mse": mse})
        return mse
