"""The base class of all models."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from zoo.checks import OVERSHOOT, check_batch, check_images
from zoo.core.modality import Images, Modality
from zoo.core.schedules import ResumableOneCycleLR, finite_steps

CHUNK = 256  # examples in one forward pass, outside of training


class ZooModule(LightningModule):
    """A LightningModule that counts the examples it was trained on, and logs at intervals.

    `inference_modules` names the children that a weights file stores; None means all of them.
    `double_backward` declares that a training step differentiates a gradient, as penalties do.
    """

    inference_modules: ClassVar[tuple[str, ...] | None] = None
    double_backward: ClassVar[bool] = False
    pixel_limit: float = OVERSHOOT  # the largest |x| of a valid image

    def __init__(self) -> None:
        super().__init__()
        self.images_seen = self.checked_batch_size = 0

    @property
    def parameter_dtype(self) -> torch.dtype:
        """The number format of the parameters."""
        return next((p.dtype for p in self.parameters()), torch.float32)

    @property
    def modality(self) -> Modality:
        """What this model takes and returns: images of its arguments `channels` and `size`, of any
        shape where it has neither. A model of other data overrides it."""
        channels, size = self.hparams.get("channels"), self.hparams.get("size")
        return Images(() if channels is None or size is None else ((channels, size, size),))

    @property
    def sub_batches(self) -> int:
        """The number of equal parts into which a training step splits a batch."""
        return 1

    @property
    def min_sub_batch(self) -> int:
        """The smallest number of examples in each part."""
        return 1

    def check_batch(self, n: int) -> None:
        """Raise BadRecipe unless a training step can split a batch of n examples."""
        check_batch(n, self.sub_batches, self.min_sub_batch, type(self).__name__)

    def validate(self, x: Tensor) -> Tensor:
        """Examples (n, ...) in this model's number format; raises BadInput unless they are of its
        `modality`."""
        self.modality.check(x)
        return x.to(self.parameter_dtype)

    def validate_images(self, x: Tensor) -> Tensor:
        """Images in this model's number format. Raises BadInput unless they have a shape of
        `modality` and lie in [-1, 1]; a training step does not wait for a check of the values."""
        training = self._trainer is not None and self._trainer.training
        shapes = self.modality.shapes if isinstance(self.modality, Images) else ()
        check_images(x, shapes, not training, self.pixel_limit)
        return x.to(self.parameter_dtype)

    def on_fit_start(self) -> None:
        if not any(module.training for module in self.modules()):  # a loaded model
            self.train()
        if self.trainer.world_size > 1:  # different latents on each rank
            torch.manual_seed(torch.initial_seed() + self.global_rank)
        enable_fused_optimizers(self.trainer.optimizers)

    def on_train_batch_start(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        if (n := len(batch[0])) != self.checked_batch_size:
            self.check_batch(n)
        self.checked_batch_size = n
        self.images_seen += n * self.trainer.world_size

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        for buffer in self.buffers() if self.trainer.world_size > 1 else ():
            torch.distributed.broadcast(buffer, 0)  # so that the ranks average the same statistics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["images_seen"] = self.images_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.images_seen = checkpoint["images_seen"]

    def set_gradient(self, parameter: nn.Parameter, direction: Tensor) -> None:
        """Set the gradient of a parameter that is learned without backpropagation: the mean over
        all devices, in the units of the loss scaler of float16."""
        mean = self.trainer.strategy.reduce(direction.to(parameter), reduce_op="mean")
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        parameter.grad = scaler.scale(mean) if scaler else mean

    def log_on_interval(self, values: Mapping[str, Tensor]) -> None:
        """Log on the steps that reach a logger: `self.log` is expensive."""
        step = self.trainer.fit_loop.epoch_loop._batches_that_stepped + 1  # as loggers count
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and step % every == 0:
            self.log_dict({name: value.detach() for name, value in values.items()}, prog_bar=True)

    def progress(self) -> float:
        """The completed share of the training, in [0, 1]; 0 for a training without a limit."""
        steps = self.trainer.estimated_stepping_batches  # infinite or -1 without a limit
        return min(1.0, max(0.0, self.trainer.global_step / steps))

    def one_cycle(self, optimizer: Optimizer, peak: float) -> OptimizerLRSchedulerConfig:
        """An optimizer with the one-cycle policy, up to the learning rate `peak` and down to 0.
        Smith & Topin, 2017, https://arxiv.org/abs/1708.07120"""
        steps = finite_steps(self.trainer.estimated_stepping_batches)
        schedule = ResumableOneCycleLR(optimizer, peak, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def enable_fused_optimizers(optimizers: list[Optimizer]) -> None:
    """Use the fused kernels of Adam and SGD on CPUs and CUDA. Set after construction, gradients are
    unscaled before the step, so that float16 can be checked and clipped; `Adam(fused=True)` would
    unscale them itself. A checkpoint restores its own setting."""
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        if "fused" in group and {p.device.type for p in group["params"]} <= {"cpu", "cuda"}:
            group["fused"] = True


def eval_in_chunks(
    network: nn.Module, inputs: Tensor, function: Callable[[Tensor], Tensor]
) -> Tensor:
    """`function(inputs)` in chunks with `network` in evaluation mode, and a progress bar after two
    seconds. Gradients are computed only if the inputs require them."""
    chunks = tqdm(inputs.split(CHUNK), "images", leave=False, disable=None, delay=2)
    with (
        eval_mode(network),
        torch.set_grad_enabled(inputs.requires_grad and torch.is_grad_enabled()),
    ):
        return torch.cat([function(chunk) for chunk in chunks])


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Set all modules to evaluation mode within the context, and restore their modes."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
