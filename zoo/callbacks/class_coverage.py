"""A way to fail that pixels hardly show: classes that are no longer drawn."""

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

REALS = 2000  # whose classes are known; each sample takes that of the nearest


class ClassCoverage(Monitor):
    """Logs `classes`: over how many classes `n` samples of the current weights spread, as a share
    of how many real images do (the exponential of the entropy; 0.5 where half of them are gone).

    The class of a sample is that of the nearest of 2,000 training images, in the space that the
    data set measures distances in. Low is below `threshold`, for lack of two classes in ten: the
    GANs that ship are above it once they draw shapes, and half of the classes gone leave 0.5 to
    0.75, as poor samples are taken for others. What was never learned cannot be forgotten: there
    is no alarm before the figure was high.
    Raises BadRecipe without a Sampler or for data without classes, MissingData for the extractor.
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
        with isolate_rng():  # a network is drawn at random before its weights are read
            self.extractor = load_extractor(data.extractor, pl_module.device)
        reals = real_features(self.extractor, data, "train", REALS)
        self.reals, self.labels = (x.to(pl_module.device) for x in (reals, self.labels))

    def measure(self, trainer: Trainer, pl_module: LightningModule, batch: Batch) -> None:
        with isolate_rng():
            images = require_sampling(self, pl_module).sample(self.n, seed=0)
        drawn, real = self.counts(images), self.labels.bincount()
        share = perplexity(drawn) / perplexity(real)
        rare = (drawn / self.n < real / len(self.labels) / 3).nonzero().flatten().tolist()
        words = (
            f"classes forgotten? samples spread over {share:.0%} of the classes (less than "
            f"{self.watch.threshold:.0%}); hardly drawn: {', '.join(map(str, rare)) or 'none'}"
        )
        self.report(trainer, pl_module, share, words, lambda: grid(images[: 8 * COLUMNS], COLUMNS))

    def counts(self, images: Tensor) -> Tensor:
        """How many of the images (n, channels, size, size) are of each class, (classes,)."""
        nearest = torch.cdist(self.extractor(to_uint8(images)), self.reals).argmin(1)
        return self.labels[nearest].bincount(minlength=int(self.labels.max()) + 1)
