"""Compilation of a model's networks by torch, for faster steps on a GPU."""

from lightning import Callback, LightningModule, Trainer

from zoo.errors import BadRecipe


class Compile(Callback):
    """Compiles each network of the model in place when training starts; names and values of the
    weights and checkpoints are unchanged. Raises BadRecipe for a model that declares
    `double_backward`, which compiled networks do not support
    (https://github.com/pytorch/pytorch/issues/91469)."""

    def __init__(self, backend: str = "inductor") -> None:
        self.backend = backend

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and getattr(pl_module, "double_backward", False):
            raise BadRecipe(
                "Compile requires a model without double backward, got "
                f"{type(pl_module).__name__}, which has a gradient penalty. Remove Compile from "
                "the recipe's callbacks"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for network in pl_module.children():
            network.compile(backend=self.backend)
