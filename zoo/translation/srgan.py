"""SRGAN. Ledig, Theis, Huszar, Caballero et al., 2017, https://arxiv.org/abs/1609.04802

Super-resolution with sharp textures: the network of SRResNet, trained further by a content loss in
the feature maps of a classifier and by a discriminator of enlarged images.
"""

from functools import partial
from typing import Annotated

from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count, SmokeTestValue, Width
from zoo.errors import BadRecipe
from zoo.losses.adversarial import non_saturating
from zoo.losses.content import ContentLoss, ContentSpace
from zoo.translation.srresnet import Network, Upscaler

STRIDE = 16  # of all layers of the discriminator
HIDDEN = 1024


class Discriminator(nn.Sequential):
    """Map images (n, 3, size, size) to logits (n,) that they are real (figure 4)."""

    def __init__(self, size: int, width: int) -> None:
        layers = [nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(0.2)]
        last = width
        for factor in (1, 2, 4, 8):  # each width has a layer at both sizes
            if factor > 1:
                layers += block(last, factor * width, stride=1)
            layers += block(factor * width, factor * width, stride=2)
            last = factor * width
        super().__init__(
            *layers,
            nn.Flatten(),
            nn.Linear(last * (size // STRIDE) ** 2, HIDDEN),
            nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN, 1),
            nn.Flatten(0),
        )


def block(a: int, b: int, stride: int) -> tuple[nn.Module, ...]:
    """Layers from feature maps (n, a, h, w) to (n, b, h / stride, w / stride)."""
    conv = nn.Conv2d(a, b, 3, stride=stride, padding=1, bias=False)
    return conv, nn.BatchNorm2d(b), nn.LeakyReLU(0.2)


class SRGAN(AdversarialModule, Upscaler):
    """SRGAN for a factor of 4, with the paper's defaults; begin at the weights of an SRResNet.

    `content` is the space of the content loss. `lr` falls to a tenth after half of the training.
    Raises BadRecipe unless `size` is a multiple of 16.
    """

    def __init__(
        self,
        size: Count = 96,
        width: Width = 64,
        blocks: Count = 16,
        discriminator_width: Width = 64,
        content: Annotated[ContentSpace, SmokeTestValue("pixels")] = "vgg19",
        adversarial_weight: float = 1e-3,
        lr: float = 1e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if size % STRIDE:
            raise BadRecipe(f"size must be a multiple of {STRIDE}, got {size}. The default is 96")
        self.generator = Network(width, blocks)
        self.discriminator = Discriminator(size, discriminator_width)
        self.content_loss = ContentLoss(content)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"])
        return {
            "discriminator": adam(self.discriminator.parameters()),
            "generator": adam(self.generator.parameters()),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of D, then one of G on the perceptual loss of the same images."""
        D, G = self.discriminator, self.generator
        y, _ = batch
        for player in self.player_names:
            lr = self.hparams["lr"] * (1 if self.progress() < 0.5 else 0.1)
            self.update_optimizer(player, lr=lr)
        fake = G(self.degrade(y))

        with self.turn("discriminator") as descend:  # equation 2
            descend(non_saturating.discriminator(D(y), D(fake.detach())))

        with self.turn("generator") as descend:  # equations 3, 5 and 6
            adversarial = non_saturating.generator(D(fake))
            weight = self.hparams["adversarial_weight"]
            descend(self.content_loss(fake, y) + weight * adversarial)
