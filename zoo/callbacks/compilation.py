"""Faster steps on a GPU: networks that torch compiles."""

from lightning import Callback, LightningModule, Trainer

from zoo.errors import BadRecipe


class Compile(Callback):
    """Compiles each of the model's networks in place when training starts; weights and checkpoints
    stay as they are. Raises BadRecipe for a model that declares `double_backward`: what is compiled
    cannot be differentiated twice (https://github.com/pytorch/pytorch/issues/91469)."""

    def __init__(self, backend: str = "inductor") -> None:
        self.backend = backend

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and getattr(pl_module, "double_backward", False):
            raise BadRecipe(
                f"{type(pl_module).__name__} has a gradient penalty, and what is compiled cannot "
                "be differentiated twice: take Compile out of the recipe's callbacks"
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for network in pl_module.children():
            network.compile(backend=self.backend)
