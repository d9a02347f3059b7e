"""GAN. Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661

Two dense networks, one that draws and one that tells; at the end of their game the first draws
from the data's distribution and the second says 1/2.
"""

import math
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.errors import BadRecipe, UnknownName
from zoo.layers.mlp import ToUnitRange
from zoo.losses.adversarial import minimax, non_saturating

LOSSES = {"minimax": minimax, "non-saturating": non_saturating}


class Generator(nn.Sequential):
    """Latents (n, latent) to images (n, channels, size, size) in [-1, 1]."""

    def __init__(self, latent: int, width: int, size: int, channels: int) -> None:
        super().__init__(
            nn.Linear(latent, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, channels * size**2),
            nn.Sigmoid(),
            nn.Unflatten(1, (channels, size, size)),
        )
        initialize(self, 0.05)

    def forward(self, z: Tensor) -> Tensor:
        return 2 * super().forward(z) - 1


class Maxout(nn.Linear):
    """The largest of several linear maps. Goodfellow et al., 2013,
    https://arxiv.org/abs/1302.4389"""

    def __init__(self, inputs: int, outputs: int, pieces: int = 5) -> None:
        super().__init__(inputs, outputs * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).unflatten(1, (-1, self.pieces)).amax(2)


class Discriminator(nn.Sequential):
    """Images (n, channels, size, size) to logits (n,): how real each one looks."""

    def __init__(self, width: int, size: int, channels: int) -> None:
        super().__init__(
            ToUnitRange(),  # as the authors have it
            nn.Flatten(),
            nn.Dropout(0.2),
            Maxout(channels * size**2, width),
            nn.Dropout(0.5),
            Maxout(width, width),
            nn.Dropout(0.5),
            nn.Linear(width, 1),
            nn.Flatten(0),
        )
        initialize(self, 0.005)


def initialize(network: nn.Module, spread: float) -> None:
    """Every weight evenly from [-spread, spread], as in the authors' configuration; with wider ones
    the discriminator wins in the first hundred steps."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -spread, spread)
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def apply_max_norm_(network: nn.Module, length: float = 1.9365) -> None:
    """Shorten the weights of every unit to `length`, as the authors do; at their learning rate the
    discriminator is thrown off without it. Hinton et al., 2012, https://arxiv.org/abs/1207.0580"""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.renorm_(2, 0, length)


class MomentumAdversarialModule(LatentAdversarialModule):
    """Both players move by SGD, as in the authors' configuration: after every step the learning
    rate `lr` is divided by `decay`, and momentum rises evenly from `momentum` to `final_momentum`,
    where it is at the end of the training; where no end is known, it stays. Raises BadRecipe for a
    `decay` below one, or momentum outside of [0, 1)."""

    discriminator: nn.Module

    def __init__(self, decay: float, momentum: float, final_momentum: float) -> None:
        super().__init__()
        if decay < 1:
            raise BadRecipe(f"with a decay of {decay} the learning rate grows: make it 1 or more")
        for share in (momentum, final_momentum):
            if not 0 <= share < 1:
                raise BadRecipe(
                    f"momentum is the share of a step that the next one keeps, and {share} is "
                    "none: make it 0 or more, and less than 1"
                )

    def players(self) -> dict[str, Optimizer]:
        sgd = partial(SGD, lr=self.hparams["lr"], momentum=self.hparams["momentum"])
        return {
            "discriminator": sgd(self.discriminator.parameters()),
            "generator": sgd(self.generator.parameters()),
        }

    def lr_scale(self, player: str) -> float:
        """What a player's learning rate is multiplied by."""
        return 1.0

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        lr = self.hparams["lr"] * self.hparams["decay"] ** -self.trainer.global_step
        first, last = self.hparams["momentum"], self.hparams["final_momentum"]
        momentum = first + (last - first) * self.progress()
        for player in self.player_names:
            reached = self.optimizer(player).param_groups[0]["momentum"]
            nearest = min if last < first else max  # a longer resume does not go back
            momentum = nearest(momentum, reached)
            self.update_optimizer(player, lr=lr * self.lr_scale(player), momentum=momentum)


class GAN(MomentumAdversarialModule):
    """Networks, learning rate and momentum are those of the authors' MNIST model, whose momentum
    rises for 250 epochs. Over `warm_up` steps, none in the paper, the discriminator's learning rate
    rises evenly to the generator's: where classes lie far apart, one that learns fast from the
    beginning leaves some of them undrawn."""

    def __init__(
        self,
        size: int = 28,
        channels: int = 1,
        latent: int = 100,
        width: int = 1200,
        loss: Literal["minimax", "non-saturating"] = "non-saturating",
        discriminator_steps: int = 1,
        lr: float = 0.1,
        momentum: float = 0.5,
        final_momentum: float = 0.7,
        decay: float = 1.000004,
        warm_up_steps: int = 0,
    ) -> None:
        super().__init__(decay, momentum, final_momentum)
        self.save_hyperparameters()
        if loss not in LOSSES:
            raise UnknownName("loss", loss, LOSSES)
        self.generator = Generator(latent, width, size, channels)
        self.discriminator = Discriminator(math.ceil(width / 5), size, channels)

    @property
    def sub_batches(self) -> int:
        return int(self.hparams["discriminator_steps"])

    def lr_scale(self, player: str) -> float:
        risen = (self.trainer.global_step + 1) / (self.hparams["warm_up_steps"] + 1)
        return min(1.0, risen) if player == "discriminator" else 1.0

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Algorithm 1, once around its outer loop; a batch carries one share for each step of D."""
        D, G, loss = self.discriminator, self.generator, LOSSES[self.hparams["loss"]]
        shares = self.split_batch(batch[0])

        for real in shares:  # ascend log D(x) + log(1 - D(G(z)))
            with self.turn("discriminator") as descend:
                fake = G(self.prior(len(real)))
                descend(loss.discriminator(D(real), D(fake)))
            apply_max_norm_(D)

        with self.turn("generator") as descend:  # descend log(1 - D(G(z))), or ascend log D(G(z))
            descend(loss.generator(D(G(self.prior(len(shares[0]))))))
