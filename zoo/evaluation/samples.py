"""Metrics of samples: distances to real images, coverage, memorization, support and modes."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor
from tqdm import tqdm

from zoo.core.modality import modality_of
from zoo.core.module import CHUNK
from zoo.core.protocols import SupportsChunkedSampling, SupportsClasses, SupportsSampling
from zoo.data.arrays import Split
from zoo.data.features import extract, real_features
from zoo.data.images import ImageDataModule
from zoo.data.module import ZooDataModule
from zoo.data.stacked import StackedMNIST
from zoo.evaluation.attributes import attribute_gap
from zoo.evaluation.records import Protocol, Record, over_seeds, rounded, skip_if_not_measurable
from zoo.metrics.checks import NotEnough
from zoo.metrics.extractors import AttributeFeatures, ClassifierFeatures, Extractor, Inception
from zoo.metrics.extrapolation import frechet_infinity
from zoo.metrics.frechet import frechet_between
from zoo.metrics.kernel import kernel_distance
from zoo.metrics.manifold import density_coverage, precision_recall, radii
from zoo.metrics.memorization import memorization
from zoo.metrics.modes import count_modes, stacked
from zoo.metrics.scores import inception_score
from zoo.metrics.support import support_size
from zoo.pretrained.extractors import load_extractor, metric_name, spaces_of

STACKED = 26_000  # samples of stacked digits, as in Srivastava et al., 2017
SUPPORT = 2_000  # samples among which duplicates are counted
Distance = Callable[[Tensor, Tensor], Tensor]


class Space(NamedTuple):
    """Features (n, d) of real images of each split by an extractor; samples are compared with
    `split`."""

    name: str
    extractor: Extractor
    split: Split
    features: dict[Split, Tensor]

    @property
    def real(self) -> Tensor:
        """Features (n, d) of the split that samples are compared with."""
        return self.features[self.split]

    def metric(self, kind: str) -> str:
        """The name of a kind of metric in this space."""
        return metric_name(kind, self.name)


def find_space(name: str, data: ZooDataModule, protocol: Protocol, device: torch.device) -> Space:
    """The space of an extractor; raises UnknownName and MissingData."""
    extractor = load_extractor(name, device)
    splits: tuple[Split, ...] = ("train", "test")
    features = {s: real_features(extractor, data, s, protocol.images).to(device) for s in splits}
    return Space(name, extractor, protocol.against or data.reference, features)


def sample_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Records of all metrics of samples in the space of the protocol, else in those of the data.
    Raises UnknownName and MissingData for the extractors."""
    for name in (protocol.extractor,) if protocol.extractor else spaces_of(data):
        space = find_space(name, data, protocol, model.device)
        yield from metrics_in_space(space, model, data, protocol)


def metrics_in_space(
    space: Space, model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Records of all metrics of samples: means over seeds, with standard deviations as `spread`."""
    is_stacked = isinstance(data, StackedMNIST) and isinstance(space.extractor, ClassifierFeatures)
    n = STACKED if is_stacked and protocol.name == "full" else protocol.images
    runs, first, correct = [], torch.empty(0), []
    for seed in range(protocol.seeds):
        fake = sample_features(model, space, n, seed)
        first = fake[:SUPPORT] if seed == 0 else first
        records = chain(
            distance_metrics(space, fake[: protocol.images], protocol),
            classifier_metrics(space, fake),
            attribute_metrics(space, fake, data),
        )
        runs.append([*tqdm(records, f"metrics of seed {seed}", leave=False, disable=None)])
        if isinstance(model, SupportsClasses) and isinstance(space.extractor, ClassifierFeatures):
            predicted = space.extractor.classes(fake).flatten()
            correct.append(predicted == model.cyclic_labels(len(fake)))
    shared: Record = {"seeds": protocol.seeds, "resize": space.extractor.resize}
    shared |= {"extractor": space.name, "extractor_sha256": space.extractor.sha256()}
    yield from (record | shared for record in over_seeds(runs))
    if correct:
        names = data.classes or tuple(map(str, range(int(model.hparams["classes"]))))
        yield conditional_accuracy(torch.stack(correct), names) | shared
    with skip_if_not_measurable(space.metric("support")):
        yield support(space, first) | shared | {"seeds": 1}


def sample_features(model: LightningModule, space: Space, n: int, seed: int) -> Tensor:
    """Features (n, d) of n samples."""
    assert isinstance(model, SupportsSampling)
    store = modality_of(model).store
    chunks = model.sample_chunks(n, seed) if isinstance(model, SupportsChunkedSampling) else None
    if chunks is None:
        values = store(model.sample(n, seed))
    else:
        bar = tqdm(chunks, f"sampling with seed {seed}", -(-n // CHUNK), leave=False, disable=None)
        values = torch.cat([store(some).cpu() for some in bar]).to(space.real.device)
    return extract(space.extractor, values, f"samples of seed {seed}")


def distance_metrics(space: Space, fake: Tensor, protocol: Protocol) -> Iterator[Record]:
    """Records of distances, precision, recall, density, coverage and memorization for features
    (m, d) of samples. The metrics of balls use equal numbers of images, as their papers do."""
    real, train, held_out = space.real, space.features["train"], space.features["test"]
    distances: dict[str, Distance] = {"fd": frechet_between, "kd": kernel_distance}
    if protocol.name == "full":
        distances["fd-infinity"] = frechet_infinity
    for kind, distance in distances.items():
        with skip_if_not_measurable(space.metric(kind)):
            yield from to_records(space, {kind: float(distance(real, fake))}, len(real), len(fake))
    n = min(len(real), len(fake))
    for kind, balls in (("precision", precision_recall), ("density", density_coverage)):
        with skip_if_not_measurable(space.metric(kind)):
            yield from to_records(space, balls(real[:n], fake[:n])._asdict(), n, n)
    with skip_if_not_measurable(space.metric("memorised")):
        copied = memorization(fake, train, held_out).share
        sides: Record = {"split": "train", "real": len(train), "held_out": len(held_out)}
        yield {"metric": space.metric("memorised"), "value": copied, **sides, "fake": len(fake)}


def to_records(space: Space, values: dict[str, float], real: int, fake: int) -> Iterator[Record]:
    """Records of values by their kinds of metric."""
    for kind, value in values.items():
        shared: Record = {"split": space.split, "real": real, "fake": fake}
        yield {"metric": space.metric(kind), "value": value, **shared}


def classifier_metrics(space: Space, fake: Tensor) -> Iterator[Record]:
    """Records of the predicted classes of samples (m, d), where the extractor is a classifier."""
    values: dict[str, float] = {}
    if isinstance(space.extractor, Inception):
        with skip_if_not_measurable("is"):
            values = {"is": inception_score(space.extractor.logits(fake))}
    if isinstance(space.extractor, ClassifierFeatures):
        predicted = space.extractor.classes(fake)  # (m, 1), or (m, 3) of stacked digits
        if predicted.shape[1] == 3:
            modes = count_modes(stacked(predicted), classes=1000)
            values = {"modes": modes.captured, "modes-divergence": modes.divergence}
        else:
            classes = int(space.extractor.classifier.hparams["classes"])
            modes = count_modes(predicted.flatten(), classes)
            values = {"missing-classes": modes.missing, "class-entropy": modes.entropy}
            relative = modes.histogram * classes  # 1 for each class if classes are uniform
            values |= {
                "rarest-class": relative.min().item(),
                "commonest-class": relative.max().item(),
            }
    for metric, value in values.items():
        yield {"metric": metric, "value": value, "fake": len(fake)}


def attribute_metrics(space: Space, fake: Tensor, data: ZooDataModule) -> Iterator[Record]:
    """The record of the shares of attributes, where the extractor is an attribute classifier."""
    if isinstance(space.extractor, AttributeFeatures):
        names = data.attributes if isinstance(data, ImageDataModule) else ()
        real, fakes = (space.extractor.probabilities(x) > 0.5 for x in (space.real, fake))
        yield attribute_gap(real, fakes, names) | {"split": space.split}


def conditional_accuracy(correct: Tensor, names: Sequence[str]) -> Record:
    """The record of the accuracy of conditional samples, in total and by class: the share that a
    classifier assigns to the class of the condition. `correct` is (seeds, n) in bool, with classes
    that cycle along n."""
    correct = correct.double()
    shares, k = correct.mean(1), len(names)
    each = [f"{name} {correct[:, i::k].mean():.3f}" for i, name in enumerate(names)]
    record: Record = {"metric": "class-accuracy", "value": rounded(shares.mean())}
    spread: Record = {"spread": rounded(shares.std())} if len(shares) > 1 else {}
    return record | spread | {"by_class": ", ".join(each), "fake": correct.shape[1]}


def support(space: Space, fake: Tensor) -> Record:
    """The record of the support size, by the birthday paradox (Arora et al., 2018,
    https://arxiv.org/abs/1706.08224). Duplicates are samples (m, d) nearer than the nearest two of
    as many real images that are not copies; a visual check of the nearest pairs must follow."""
    nearest = radii(real := space.real[: len(fake)], k=1)
    if not (nearest > 0).any():
        raise NotEnough("real images must differ for a count of duplicates, got copies of one")
    distance = float(nearest[nearest > 0].min())
    result = support_size(fake, distance)
    record: Record = {"metric": space.metric("support"), "value": rounded(result.low)}
    for key in ("estimate", "low", "high"):
        size = getattr(result, key)
        record[key] = rounded(size) if math.isfinite(size) else "unbounded"
    record |= {"pairs": result.pairs, "distance": rounded(distance), "split": space.split}
    return record | {"real": len(real), "fake": len(fake)}
