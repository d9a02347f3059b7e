"""The verbs that adversarial training steps are written with."""

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

    A subclass names its `players`, then writes `training_step` in the order of its paper's
    algorithm: within `turn`, one player descends its loss while the others are frozen. However many
    turns it takes, one `training_step` is one `trainer.global_step`. Latents, labels and encoders
    are added by the classes below.
    """

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    @abstractmethod
    def players(self) -> dict[str, Optimizer]:
        """Each player's optimizer, by name."""

    def configure_optimizers(self) -> list[Optimizer]:
        players = self.players()
        self.player_names = list(players)
        return list(players.values())

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.counted = False

    def optimizer(self, player: str) -> LightningOptimizer:
        """A player's optimizer in a training."""
        optimizers = self.optimizers()
        several = optimizers if isinstance(optimizers, list) else [optimizers]
        return several[self.player_names.index(player)]

    def progress(self) -> float:
        """How much of the training is over, in [0, 1]; always 0 where its end is not known."""
        steps = self.trainer.estimated_stepping_batches  # infinite or -1 where no end is known
        return min(1.0, max(0.0, self.trainer.global_step / steps))

    def update_optimizer(self, player: str, **settings: float) -> None:
        """Give a player another learning rate, as `lr`, or other settings of its optimizer."""
        for group in self.optimizer(player).param_groups:
            group.update(settings)

    @contextmanager
    def turn(self, player: str) -> Iterator[Callable[[Tensor], None]]:
        """Freeze the other players; yield `descend`, which takes one step down a loss."""
        optimizer = self.optimizer(player)

        def descend(loss: Tensor) -> None:
            optimizer.zero_grad()
            self.manual_backward(loss)
            self.step(optimizer)
            self.log_on_interval({f"loss/{player}": loss})

        with self.toggled_optimizer(optimizer):
            yield descend

    def split_batch(self, images: Tensor) -> tuple[Tensor, ...]:
        """The images, or labels, of a batch in `sub_batches` parts, one for each step of the
        discriminator; raises BadRecipe."""
        self.check_batch(len(images))
        return images.chunk(self.sub_batches)

    def step(self, optimizer: LightningOptimizer) -> None:
        """Lightning counts each `optimizer.step`; only the first of a batch goes that way."""
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
        """Images and labels (n,) of a batch; raises ZooError for data with other labels."""
        images, labels = batch
        if labels.ndim != 1 and not labels.numel():
            raise BadRecipe("the data gives no classes: set --data.init_args.labels true")
        return images, self.validate_labels(len(images), labels)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (n, latent) and labels (n,), by default in turn, to images in [-1, 1]. Raises
        ZooError for labels that do not fit."""
        z = self.validate_latents(z)
        y = self.validate_labels(len(z), labels)
        each = torch.arange(len(z), device=z.device)
        return at_least_float32(
            eval_in_chunks(self.generator, each, lambda i: self.generator(z[i], y[i]))
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
        """Images (n, channels, size, size) in [-1, 1] through their latents and back."""
        return self.decode(self.encode(x))
