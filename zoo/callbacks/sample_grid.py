"""Samples and reconstructions during training: files in the run folder, and TensorBoard."""

from functools import partial
from pathlib import Path

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from zoo.callbacks.averaging import averaged
from zoo.callbacks.requirements import (
    require_data,
    require_image_data,
    require_output,
    require_reconstruction,
)
from zoo.core.arguments import Count
from zoo.core.modality import modality_of
from zoo.core.preview import preview
from zoo.data.module import ZooDataModule
from zoo.plotting.pictures import grid, read, rows, save

COLUMNS = 8


class SampleGrid(Callback):
    """Renders `n` samples of the averaged weights, always of the same seed, or the translations of
    the first test inputs: `samples/epoch-0007.png`, or the ending of another modality, in the run
    folder. Epochs are counted from 0, as in checkpoints. Raises BadRecipe for a model that neither
    samples nor translates."""

    def __init__(self, n: Count = 64, seed: int = 0, every_n_epochs: Count = 1) -> None:
        self.n, self.seed, self.every_n_epochs = n, seed, every_n_epochs

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_output(self, pl_module)
            self.data: ZooDataModule | None = None  # until a model needs inputs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.every_n_epochs or not trainer.is_global_zero:
            return
        modality = modality_of(pl_module, modality_of(trainer.datamodule))  # type: ignore[attr-defined]
        with averaged(trainer, pl_module), isolate_rng():
            found = preview(pl_module, modality, partial(self.inputs, trainer), self.n, self.seed)
        log_file(trainer, found.render(epoch_file(trainer, "samples")), "samples")

    def inputs(self, trainer: Trainer, n: int) -> Tensor:
        """The first n test inputs; data of other people's code is collected once."""
        self.data = self.data or require_data(self, trainer)
        return self.data.inputs(n)


class Reconstructions(Callback):
    """Renders the first `n` test images, eight a row, each row above its reconstructions by the
    averaged weights: `reconstructions/epoch-0007.png` in the run folder. Raises BadRecipe for a
    model without `reconstruct`."""

    def __init__(self, n: Count = 32, every_n_epochs: Count = 1) -> None:
        self.n, self.every_n_epochs = n, every_n_epochs

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_reconstruction(self, pl_module)
            self.data = require_image_data(self, trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.every_n_epochs or not trainer.is_global_zero:
            return
        images = self.data.inputs(self.n).to(pl_module.device)
        with averaged(trainer, pl_module), isolate_rng():
            reconstruction = require_reconstruction(self, pl_module).reconstruct(images)
        path = epoch_file(trainer, "reconstructions")
        save(grid(rows(images, reconstruction, columns=COLUMNS), COLUMNS), path)
        log_file(trainer, path, "reconstructions")


def epoch_file(trainer: Trainer, kind: str) -> Path:
    """The PNG of this epoch in a folder of the run folder."""
    return Path(trainer.default_root_dir) / kind / f"epoch-{trainer.current_epoch:04d}.png"


def log_file(trainer: Trainer, path: Path, kind: str) -> None:
    """Log a rendered file to TensorBoard, if it is an image."""
    for logger in trainer.loggers if path.suffix == ".png" else ():
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(kind, read(path), trainer.global_step)
