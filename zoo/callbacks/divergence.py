"""A training that has gone wrong is stopped before it spoils the weights."""

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim import Optimizer

from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count
from zoo.core.module import ZooModule
from zoo.errors import BadRecipe, Diverged
from zoo.pretrained.weights import inference_state_dict

PATIENCE = 20  # steps in a row that a scaler of float16 losses may find too large


class DivergenceGuard(Callback):
    """Raises Diverged when a player's gradient is not a number, or longer than `limit`, before the
    step is taken; and for weights that are not numbers, before a checkpoint is written over a good
    one. It looks every `every_n_steps` steps.

    Under float16 the loss is scaled until it fits, which some steps are skipped for: there it takes
    20 of them in a row. Raises BadRecipe for an average of singular vectors, which is none.
    """

    def __init__(self, limit: float = 1e10, every_n_steps: Count = 1) -> None:
        self.limit, self.every_n_steps = limit, every_n_steps
        self.overflows: dict[str, int] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        averages = [c for c in trainer.callbacks if isinstance(c, WeightAveraging)]  # type: ignore[attr-defined]
        if not any(average._use_buffers for average in averages):
            return
        state = (
            inference_state_dict(pl_module)
            if isinstance(pl_module, ZooModule)
            else pl_module.state_dict()
        )
        if vectors := [key for key in state if key.endswith("0._u")]:
            raise BadRecipe(
                f"the {vectors[0].partition('.')[0]} has spectral norm, whose singular vectors do "
                "not survive an average: give the callback that averages weights "
                "`use_buffers: false`"
            )

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if trainer.global_step % self.every_n_steps:
            return
        player = name(pl_module, optimizer)
        length = float(norm(optimizer))
        if length <= self.limit:
            self.overflows[player] = 0
            return
        self.overflows[player] = self.overflows.get(player, 0) + 1
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        if not scaled or self.overflows[player] > PATIENCE:
            words = f"has a gradient of length {length:.3g}"
            raise Diverged(player, trainer.global_step, words, saved(trainer))

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        for key, value in checkpoint["state_dict"].items():
            if value.is_floating_point() and not value.isfinite().all():
                words = f"has weights {key} without a number"
                raise Diverged("model", trainer.global_step, words, saved(trainer))


def saved(trainer: Trainer) -> str:
    """The last checkpoint; empty before the first."""
    return str(getattr(trainer.checkpoint_callback, "last_model_path", ""))


def name(module: LightningModule, optimizer: Optimizer) -> str:
    """Who moves by an optimizer: a player, where there are several, else the model."""
    if not isinstance(module, AdversarialModule):
        return "model"
    return next(n for n in module.player_names if module.optimizer(n).optimizer is optimizer)


def norm(optimizer: Optimizer) -> Tensor:
    """The length of all gradients that an optimizer is about to follow."""
    groups = optimizer.param_groups
    slopes = [p.grad for group in groups for p in group["params"] if p.grad is not None]
    return torch.nn.utils.get_total_norm(slopes)
