"""What a model draws, an epoch at a time: PNG files, and TensorBoard where it is in use."""

from pathlib import Path

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from zoo.callbacks.averaging import averaged
from zoo.callbacks.requirements import require_image_data, require_reconstruction, require_sampling
from zoo.data.images import normalize
from zoo.plotting.pictures import columns, grid, rows, save

COLUMNS = 8


class SampleGrid(Callback):
    """The same `n` latents, drawn from the averaged weights: `samples/epoch-0007.png` in the run's
    folder, epochs being counted as in checkpoints, from 0. Raises BadRecipe without a Sampler."""

    def __init__(self, n: int = 64, seed: int = 0, every_n_epochs: int = 1) -> None:
        self.n, self.seed, self.every_n_epochs = n, seed, every_n_epochs

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_sampling(self, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.every_n_epochs or not trainer.is_global_zero:
            return
        with averaged(trainer, pl_module), isolate_rng():
            images = require_sampling(self, pl_module).sample(self.n, self.seed)
        show(trainer, grid(images, columns(pl_module)), "samples")


class Reconstructions(Callback):
    """The first `n` test images, eight a row and what the averaged weights make of them below:
    `reconstructions/epoch-0007.png` in the run's folder. Raises BadRecipe without a Reconstructor.
    """

    def __init__(self, n: int = 32, every_n_epochs: int = 1) -> None:
        self.n, self.every_n_epochs = n, every_n_epochs

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_reconstruction(self, pl_module)
            require_image_data(self, trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.every_n_epochs or not trainer.is_global_zero:
            return
        pixels = require_image_data(self, trainer).images("test").pixels[: self.n]
        true = normalize(pixels.to(pl_module.device))
        with averaged(trainer, pl_module), isolate_rng():
            again = require_reconstruction(self, pl_module).reconstruct(true)
        show(trainer, grid(rows(true, again, columns=COLUMNS), COLUMNS), "reconstructions")


def show(trainer: Trainer, picture: Tensor, kind: str) -> None:
    """Write a picture (channels, h, w) in uint8 into the run's folder and TensorBoard."""
    name = f"epoch-{trainer.current_epoch:04d}.png"
    save(picture, Path(trainer.default_root_dir) / kind / name)
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(kind, picture, trainer.global_step)
