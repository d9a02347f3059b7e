"""Frechet distance while training: small samples every epoch, to see which way it goes."""

from copy import deepcopy
from pathlib import Path
from typing import cast

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng
from safetensors.torch import load_file

from recipes.callbacks.averaging import averaged
from recipes.callbacks.requirements import image_data, sampler
from recipes.data.features import keep
from recipes.data.images import ImageData
from zoo.contracts import CHUNK
from zoo.errors import BadRecipe
from zoo.extractors import load_extractor, metric_name
from zoo.metrics import frechet
from zoo.metrics.extractors import Extractor
from zoo.pictures import to_uint8

REAL = ("real_features_sum", "real_features_cov_sum", "real_features_num_samples")


class FrechetDistance(Callback):
    """Logs `fd-lenet` and the like: `n` samples of the averaged weights against the first `n`
    images of the data's reference split, in the space of `extractor`, by default the data's own.

    Each rank draws its share with its number as the seed; alone, that is `zoo evaluate` with seed
    0 on `n` images. Real statistics are kept in `statistics/` beside the data. Raises BadRecipe
    without a Sampler, and UnknownName or MissingData for the extractor.
    """

    def __init__(
        self, extractor: str | None = None, n: int = 2000, every_n_epochs: int = 1
    ) -> None:
        if n < 2:
            raise BadRecipe(f"a Frechet distance needs two images or more, not {n}: make n larger")
        self.extractor, self.n, self.every_n_epochs = extractor, n, every_n_epochs

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        sampler(self, pl_module)
        self.space = self.extractor or image_data(self, trainer).extractor
        with isolate_rng():  # a network is drawn at random before its weights are read
            extractor = deepcopy(load_extractor(self.space))  # to be moved: others share the first
        self.metric = frechet.FrechetDistance(extractor)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.metric.to(pl_module.device)
        if trainer.is_global_zero:  # compute() sums over the ranks, so one of them is enough
            learn_real_side(self.metric, image_data(self, trainer), self.n)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        rank = trainer.global_rank
        share = len(range(rank, self.n, trainer.world_size))
        with averaged(trainer, pl_module), isolate_rng():
            images = sampler(self, pl_module).sample(share, seed=rank)
        for chunk in to_uint8(images).split(CHUNK):
            self.metric.update(chunk, real=False)
        pl_module.log(metric_name(self.space), self.metric.compute(), prog_bar=True)
        self.metric.reset()  # the real side stays


def learn_real_side(metric: frechet.FrechetDistance, data: ImageData, n: int) -> None:
    """Fill in the real statistics: from their file or, the first time, from the images."""
    path = statistics_path(cast(Extractor, metric.inception), data, n)
    if not path.exists():
        for chunk in data.images(data.reference).pixels[:n].split(CHUNK):
            metric.update(chunk.to(metric.device), real=True)
        keep({name: getattr(metric, name).cpu() for name in REAL}, path)
        return
    for name, value in load_file(path, str(metric.device)).items():
        setattr(metric, name, value)


def statistics_path(extractor: Extractor, data: ImageData, n: int) -> Path:
    """Where the statistics of n real images are: one file for each data set and extractor."""
    digests = data.digest(data.reference)[:16], extractor.sha256()[:16]
    return data.root / "statistics" / f"{'-'.join(digests)}-{n}.safetensors"
