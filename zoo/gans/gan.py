"""GAN. Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661

Two dense networks: a generator and a discriminator. At the optimum the generator's distribution is
the data's, and the discriminator outputs 1/2 everywhere.
"""

import math
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.arguments import Count, Width
from zoo.errors import BadRecipe, UnknownName
from zoo.layers.mlp import ToUnitRange
from zoo.losses.adversarial import minimax, non_saturating

LOSSES = {"minimax": minimax, "non-saturating": non_saturating}


class Generator(nn.Sequential):
    """Map latents (n, latent) to images (n, channels, size, size) in [-1, 1]."""

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
    """Maximum of `pieces` linear maps, from (n, inputs) to (n, outputs).

    Goodfellow et al., 2013, https://arxiv.org/abs/1302.4389
    """

    def __init__(self, inputs: int, outputs: int, pieces: int = 5) -> None:
        super().__init__(inputs, outputs * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        pieces = super().forward(x).unflatten(1, (-1, self.pieces))  # (n, outputs, pieces)
        return pieces.amax(2)


class Discriminator(nn.Sequential):
    """Map images (n, channels, size, size) to logits (n,) that each image is real."""

    def __init__(self, width: int, size: int, channels: int) -> None:
        super().__init__(
            ToUnitRange(),  # the range of pixels in the authors' code
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
    """Sample every weight uniformly from [-spread, spread], as in the authors' configuration.

    With larger weights the discriminator saturates in the first hundred steps.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -spread, spread)
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def apply_max_norm_(network: nn.Module, max_norm: float = 1.9365) -> None:
    """Rescale the weight vector of every unit, in place, to a norm of at most `max_norm`.

    The authors' code does so; at its learning rate the discriminator diverges otherwise.
    Hinton et al., 2012, https://arxiv.org/abs/1207.0580
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.renorm_(2, 0, max_norm)


class MomentumAdversarialModule(LatentAdversarialModule):
    """GAN whose players are trained by SGD with momentum, as in the authors' configuration.

    Every step divides the learning rate `lr` by `decay`. The momentum moves linearly from
    `momentum` to `final_momentum`, which it reaches at the end of the training; it stays constant
    if the number of steps is unknown. Raises BadRecipe for a `decay` below one, or a momentum
    outside [0, 1).
    """

    discriminator: nn.Module

    def __init__(self, decay: float, momentum: float, final_momentum: float) -> None:
        super().__init__()
        if decay < 1:
            raise BadRecipe(
                f"decay must be >= 1, got {decay}. Each step divides the learning rate by it"
            )
        for name, value in (("momentum", momentum), ("final_momentum", final_momentum)):
            if not 0 <= value < 1:
                raise BadRecipe(f"{name} must be in [0, 1), got {value}. Set 0.5, for example")

    def players(self) -> dict[str, Optimizer]:
        sgd = partial(SGD, lr=self.hparams["lr"], momentum=self.hparams["momentum"])
        return {
            "discriminator": sgd(self.discriminator.parameters()),
            "generator": sgd(self.generator.parameters()),
        }

    def lr_scale(self, player: str) -> float:
        """Factor of a player's learning rate in this step; subclasses override it."""
        return 1.0

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        lr = self.hparams["lr"] * self.hparams["decay"] ** -self.trainer.global_step
        first, last = self.hparams["momentum"], self.hparams["final_momentum"]
        momentum = first + (last - first) * self.progress()
        for player in self.player_names:
            current = self.optimizer(player).param_groups[0]["momentum"]
            advance = min if last < first else max  # a resumed, longer training does not go back
            momentum = advance(momentum, current)
            self.update_optimizer(player, lr=lr * self.lr_scale(player), momentum=momentum)


class GAN(MomentumAdversarialModule):
    """GAN with the networks, learning rate and momentum of the authors' MNIST model.

    Their momentum increases for 250 epochs. Over `warm_up_steps`, zero in the paper, the
    discriminator's learning rate increases linearly to the generator's. For data with well
    separated classes this prevents mode collapse at the start. Raises UnknownName for another
    `loss`.
    """

    def __init__(
        self,
        size: Count = 28,
        channels: Count = 1,
        latent: Count = 100,
        width: Width = 1200,
        loss: Literal["minimax", "non-saturating"] = "non-saturating",
        discriminator_steps: Count = 1,
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
        scale = (self.trainer.global_step + 1) / (self.hparams["warm_up_steps"] + 1)
        return min(1.0, scale) if player == "discriminator" else 1.0

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Run one iteration of Algorithm 1's outer loop; each step of D uses its own sub-batch."""
        D, G, loss = self.discriminator, self.generator, LOSSES[self.hparams["loss"]]
        sub_batches = self.split_batch(batch[0])

        for real in sub_batches:  # ascend log D(x) + log(1 - D(G(z)))
            with self.turn("discriminator") as descend:
                fake = G(self.prior(len(real)))
                descend(loss.discriminator(D(real), D(fake)))
            apply_max_norm_(D)

        with self.turn("generator") as descend:  # descend log(1 - D(G(z))), or ascend log D(G(z))
            descend(loss.generator(D(G(self.prior(len(sub_batches[0]))))))
