"""Frechet distance during training, of small samples: a trend, not a result."""

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng

from zoo.callbacks.averaging import averaged
from zoo.callbacks.requirements import require_image_data, require_sampling
from zoo.core.arguments import Count
from zoo.core.module import CHUNK
from zoo.data.features import real_features
from zoo.errors import BadRecipe
from zoo.metrics.features import FeatureMetric
from zoo.metrics.frechet import frechet_between
from zoo.plotting.pictures import to_uint8
from zoo.pretrained.extractors import load_extractor, metric_name


class FrechetDistance(Callback):
    """Logs `fd-lenet` or the name of another space: the Frechet distance between `n` samples of the
    averaged weights and the first `n` images of the data's reference split.

    `extractor` is by default that of the data set. Each rank samples a share with its rank as the
    seed; on one rank, that is `zoo evaluate` with seed 0 on `n` images. Raises BadRecipe without
    `sample`, UnknownName or MissingData for the extractor.
    """

    def __init__(
        self, extractor: str | None = None, n: Count = 2000, every_n_epochs: Count = 1
    ) -> None:
        if n < 2:
            raise BadRecipe(f"n must be >= 2, got {n}. The default is 2000")
        self.extractor, self.n, self.every_n_epochs = extractor, n, every_n_epochs

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_sampling(self, pl_module)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = require_image_data(self, trainer)
        self.space = self.extractor or data.extractor
        with isolate_rng():  # networks are initialized at random before their weights are loaded
            extractor = load_extractor(self.space, pl_module.device)
        self.metric = FeatureMetric(extractor, frechet_between).to(pl_module.device)
        features = real_features(extractor, data, data.reference, self.n)
        share = features[trainer.global_rank :: trainer.world_size]  # compute() gathers them
        self.metric.add_real(share.to(pl_module.device))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        rank = trainer.global_rank
        share = len(range(rank, self.n, trainer.world_size))
        with averaged(trainer, pl_module), isolate_rng():
            images = require_sampling(self, pl_module).sample(share, seed=rank)
        for chunk in to_uint8(images).split(CHUNK):
            self.metric.update(chunk, real=False)
        pl_module.log(metric_name("fd", self.space), self.metric.compute(), prog_bar=True)
        self.metric.reset()  # keeps the features of real images
