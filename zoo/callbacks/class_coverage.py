"""Class coverage: an alarm for classes that a generator no longer samples."""

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from zoo.callbacks.alarms import Action, AlarmState, Batch, Monitor
from zoo.callbacks.requirements import missing, require_image_data, require_sampling
from zoo.callbacks.sample_grid import COLUMNS
from zoo.core.arguments import Count
from zoo.data.features import real_features
from zoo.metrics.bounds import perplexity
from zoo.plotting.pictures import grid, to_uint8
from zoo.pretrained.extractors import load_extractor

REALS = 2000  # training images whose labels classify the samples


class ClassCoverage(Monitor):
    """Logs `classes`, in (0, 1]: the perplexity of the classes of `n` samples of the current
    weights, divided by that of real images; 0.5 where half of the classes are missing.

    The class of a sample is that of the nearest of 2,000 training images, in the feature space of
    the data set. The default `threshold` stands for two missing classes of ten. Shipped GANs stay
    above it once samples have shapes. With half of the classes missing, the value is 0.5 to 0.75,
    as some poor samples are misclassified. There is no alarm before the value was healthy.
    Raises BadRecipe without `sample` or for data without classes, MissingData for the extractor.
    """

    metric_name = "classes"

    def __init__(
        self,
        every_n_steps: Count = 50,
        n: Count = 256,
        threshold: float = 0.8,
        action: Action = "warn",
    ) -> None:
        super().__init__(AlarmState(every_n_steps, threshold, from_start=False), action)
        self.n = n

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        require_sampling(self, pl_module)
        data = require_image_data(self, trainer)
        self.labels = data.examples("train").labels[:REALS]
        if self.labels.ndim != 1:
            raise missing(self, "a data module with a class for each image", data)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = require_image_data(self, trainer)
        with isolate_rng():  # networks are initialized at random before their weights are loaded
            self.extractor = load_extractor(data.extractor, pl_module.device)
        reals = real_features(self.extractor, data, "train", REALS)
        self.reals, self.labels = (x.to(pl_module.device) for x in (reals, self.labels))

    def measure(self, trainer: Trainer, pl_module: LightningModule, batch: Batch) -> None:
        with isolate_rng():
            images = require_sampling(self, pl_module).sample(self.n, seed=0)
        fake, real = self.class_counts(images), self.labels.bincount()
        coverage = perplexity(fake) / perplexity(real)
        # classes with less than a third of their share in the data
        rare = (fake / self.n < real / len(self.labels) / 3).nonzero().flatten().tolist()
        message = (
            f"missing classes? class coverage of the samples is {coverage:.0%} (below "
            f"{self.alarm.threshold:.0%}); rare: {', '.join(map(str, rare)) or 'none'}"
        )
        self.report(
            trainer, pl_module, coverage, message, lambda: grid(images[: 8 * COLUMNS], COLUMNS)
        )

    def class_counts(self, images: Tensor) -> Tensor:
        """The number of images (n, channels, size, size) in each class, (classes,)."""
        nearest = torch.cdist(self.extractor(to_uint8(images)), self.reals).argmin(1)
        return self.labels[nearest].bincount(minlength=int(self.labels.max()) + 1)
