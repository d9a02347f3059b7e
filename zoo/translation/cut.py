"""CUT. Park, Efros, Zhang & Zhu, 2020, https://arxiv.org/abs/2007.15651

Contrastive unpaired translation in one direction, with one generator and one discriminator: a place
of the output must resemble the same place of the input more than the other places of the input.
"""

from functools import partial
from itertools import islice
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torch.optim import Adam, Optimizer

from zoo.core.arguments import Count, Width
from zoo.losses.adversarial import least_squares
from zoo.translation.cyclegan import ResNetGenerator, UnpairedTranslator, check_size, parameters
from zoo.translation.pix2pix import PatchGAN, initialize

PLACES, TEMPERATURE, FEATURES = 256, 0.07, 256  # section 3, and the authors' code


class PatchFeatures(nn.ModuleList):
    """Networks of two layers for the features of some layers of the generator's encoder."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__(
            nn.Sequential(nn.Linear(w, FEATURES), nn.ReLU(), nn.Linear(FEATURES, FEATURES))
            for w in widths
        )

    def forward(self, maps: list[Tensor], places: list[Tensor]) -> list[Tensor]:
        """Maps (n, a, h, w) of each layer to unit vectors (n, places, 256) at chosen places."""
        return [
            normalize(head(x.flatten(2)[:, :, at].transpose(1, 2)), dim=2)
            for head, x, at in zip(self, maps, places, strict=True)
        ]


class CUT(UnpairedTranslator):
    """CUT with the paper's defaults for 256 pixels.

    `nce_weight` weights the contrastive loss of translated inputs, and with `identity` that of
    targets, which the generator should keep. FastCUT has a weight of 10 and no identity. Raises
    BadRecipe unless `size` is a multiple of 4, at least 32.
    """

    inference_modules: ClassVar[tuple[str, ...] | None] = ("generator",)

    def __init__(
        self,
        size: Count = 256,
        channels: Count = 3,
        width: Width = 64,
        blocks: Count = 9,
        nce_weight: float = 1.0,
        identity: bool = True,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        check_size(size)
        self.generator = ResNetGenerator(channels, channels, width, blocks)
        self.layers = [1, 2, 3, 3 + min(4, blocks - 1)]  # both strides, residual blocks 1 and 5
        widths = [channels, 2 * width, 4 * width, 4 * width, 4 * width]
        self.features = PatchFeatures(widths)
        self.discriminator = PatchGAN(channels, width)
        self.apply(initialize)

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"], betas=(0.5, 0.999))
        return {
            "discriminator": adam(self.discriminator.parameters()),
            "generator": adam(parameters(self.generator, self.features)),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of the discriminator, then one of the generator on equation 5."""
        x, y = batch
        D, G = self.discriminator, self.generator
        self.decay_learning_rates()
        fake = G(x)

        with self.turn("discriminator") as descend:
            descend(least_squares.discriminator(D(y), D(fake.detach())))

        with self.turn("generator") as descend:
            contrast = self.patch_nce(x, fake)
            if self.hparams["identity"]:
                contrast = (contrast + self.patch_nce(y, G(y))) / 2
            adversarial = (D(fake) - 1).square().mean()
            descend(adversarial + self.hparams["nce_weight"] * contrast)

    def patch_nce(self, x: Tensor, output: Tensor) -> Tensor:
        """The mean cross-entropy, over layers and places, of finding the place of the input x to
        which a place of the output belongs (equation 4)."""
        maps, of_output = self.encode_layers(x), self.encode_layers(output)
        places = [torch.randperm(m[0, 0].numel(), device=m.device)[:PLACES] for m in maps]
        losses = []
        keys, queries = self.features(maps, places), self.features(of_output, places)
        for query, key in zip(queries, keys, strict=True):
            logits = query @ key.detach().transpose(1, 2) / TEMPERATURE  # (n, places, places)
            target = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
            losses.append(cross_entropy(logits.float().flatten(0, 1), target.flatten()))
        return torch.stack(losses).mean()

    def encode_layers(self, x: Tensor) -> list[Tensor]:
        """The images x, and the maps after each of `layers` of the generator."""
        after = [x]  # blocks, of which the images are number -1
        for block in islice(self.generator.children(), self.layers[-1] + 1):
            after.append(block(after[-1]))
        return [x, *(after[i + 1] for i in self.layers)]
