"""Base classes of adversarial training: players and turns; then latents, labels, encoders."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from zoo.core.latent_models import ConditionalModel, LatentVariableModel
from zoo.core.module import ZooModule, eval_in_chunks
from zoo.errors import BadRecipe
from zoo.layers.precision import at_least_float32


class AdversarialModule(ZooModule, ABC):
    """Players, turns and step counting.

    A subclass defines `players`, and writes `training_step` in the order of its paper's algorithm:
    within `turn`, one player descends its loss while the others are frozen. One `training_step` is
    one `trainer.global_step`, for any number of turns. The classes below add latents, labels and
    encoders.
    """

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    @abstractmethod
    def players(self) -> dict[str, Optimizer]:
        """The optimizers of the players, by their names."""

    def configure_optimizers(self) -> list[Optimizer]:
        players = self.players()
        self.player_names = list(players)
        return list(players.values())

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.counted = False

    def optimizer(self, player: str) -> LightningOptimizer:
        """The optimizer of a player, during training."""
        optimizers = self.optimizers()
        of_players = optimizers if isinstance(optimizers, list) else [optimizers]
        return of_players[self.player_names.index(player)]

    def update_optimizer(self, player: str, **settings: float) -> None:
        """Change settings of a player's optimizer, such as `lr`."""
        for group in self.optimizer(player).param_groups:
            group.update(settings)

    @contextmanager
    def turn(self, player: str) -> Iterator[Callable[[Tensor], None]]:
        """Freeze the other players; yield `descend`, which takes an optimizer step on a loss."""
        optimizer = self.optimizer(player)

        def descend(loss: Tensor) -> None:
            optimizer.zero_grad()
            self.manual_backward(loss)
            self.step(optimizer)
            self.log_on_interval({f"loss/{player}": loss})

        with self.toggled_optimizer(optimizer):
            yield descend

    def split_batch(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images or labels of a batch in `sub_batches` parts, one for each discriminator step.
        Raises BadRecipe for a batch that cannot be split."""
        self.check_batch(len(images))
        return images.chunk(self.sub_batches)

    def step(self, optimizer: LightningOptimizer) -> None:
        """Take an optimizer step. Only the first one of a batch is a step that Lightning counts."""
        if self.counted:
            self.trainer.strategy.optimizer_step(optimizer.optimizer, lambda: None)
        else:
            optimizer.step()
        self.counted = True


class LatentAdversarialModule(AdversarialModule, LatentVariableModel):
    """Adversarial training of a generator of latents: a subclass builds `generator`, latents to
    images in [-1, 1]."""

    inference_modules: ClassVar[tuple[str, ...] | None] = ("generator",)
    generator: nn.Module

    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to images (n, channels, size, size) in [-1, 1], in float32."""
        return at_least_float32(
            eval_in_chunks(self.generator, self.validate_latents(z), self.generator)
        )


class ConditionalAdversarialModule(LatentAdversarialModule, ConditionalModel):
    """Adversarial training of a generator of latents and labels (n,); batches must have labels."""

    def labeled_batch(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Images and labels (n,) of a batch; raises BadRecipe without labels, BadInput for labels
        that are not classes of the model."""
        images, labels = batch
        if labels.ndim != 1 and not labels.numel():
            raise BadRecipe(
                "batches must have class labels (n,), got none. Set --data.init_args.labels true"
            )
        return images, self.validate_labels(len(images), labels)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (n, latent) and labels (n,), by default `cyclic_labels`, to images in [-1, 1].
        Raises BadInput for invalid labels."""
        z = self.validate_latents(z)
        y = self.validate_labels(len(z), labels)
        indices = torch.arange(len(z), device=z.device)  # chunks of them select latents and labels
        return at_least_float32(
            eval_in_chunks(self.generator, indices, lambda i: self.generator(z[i], y[i]))
        )


class EncodingAdversarialModule(LatentAdversarialModule):
    """Adversarial training with an encoder: a subclass builds `encoder`, images to latents
    (n, latent)."""

    inference_modules = ("encoder", "generator")
    encoder: nn.Module

    def encode(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to latents (n, latent)."""
        return at_least_float32(eval_in_chunks(self.encoder, self.validate_images(x), self.encoder))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Reconstructions of images (n, channels, size, size) in [-1, 1]."""
        return self.decode(self.encode(x))
