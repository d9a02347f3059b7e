"""Divergence guard: training stops on NaN, infinite or exploding gradients."""

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

PATIENCE = 20  # steps in a row that the loss scaler of float16 may skip


class DivergenceGuard(Callback):
    """Raises Diverged before an optimizer step if the gradient norm of a player is NaN or exceeds
    `limit`, every `every_n_steps` steps; and before a checkpoint with NaN or infinite weights is
    written.

    With float16, the loss scaler skips steps until the scale fits; only more than 20 overflows in a
    row raise. Raises BadRecipe where weight averaging includes the singular vectors of spectral
    norm: the average of unit vectors is no unit vector.
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
                "use_buffers of the weight averaging must be false with spectral norm, got true, "
                f"and the {vectors[0].partition('.')[0]} has spectral norm. Set it to false"
            )

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if trainer.global_step % self.every_n_steps:
            return
        player = player_name(pl_module, optimizer)
        norm = float(gradient_norm(optimizer))
        if norm <= self.limit:  # false for NaN
            self.overflows[player] = 0
            return
        self.overflows[player] = self.overflows.get(player, 0) + 1
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        if not scaled or self.overflows[player] > PATIENCE:
            reason = f"has a gradient norm of {norm:.3g}"
            raise Diverged(player, trainer.global_step, reason, last_checkpoint(trainer))

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        for key, value in checkpoint["state_dict"].items():
            if value.is_floating_point() and not value.isfinite().all():
                reason = f"has NaN or infinite weights in {key}"
                raise Diverged("model", trainer.global_step, reason, last_checkpoint(trainer))


def last_checkpoint(trainer: Trainer) -> str:
    """The path of the last checkpoint; empty before the first."""
    return str(getattr(trainer.checkpoint_callback, "last_model_path", ""))


def player_name(module: LightningModule, optimizer: Optimizer) -> str:
    """The player of an optimizer in adversarial training, else `model`."""
    if not isinstance(module, AdversarialModule):
        return "model"
    return next(n for n in module.player_names if module.optimizer(n).optimizer is optimizer)


def gradient_norm(optimizer: Optimizer) -> Tensor:
    """The L2 norm of all gradients of an optimizer's parameters."""
    groups = optimizer.param_groups
    gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)
