"""What is measured of samples: how near to real images, how many of them, how many kinds."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor
from tqdm import tqdm

from zoo.core.latent_models import ConditionalModel
from zoo.core.module import CHUNK
from zoo.core.protocols import SupportsChunkedSampling, SupportsSampling
from zoo.data.arrays import Split
from zoo.data.features import extract, real_features
from zoo.data.module import ZooDataModule
from zoo.data.stacked import StackedMNIST
from zoo.evaluation.records import Protocol, Record, rounded, skip_if_not_measurable
from zoo.metrics.checks import NotEnough
from zoo.metrics.extractors import ClassifierFeatures, Extractor, Inception
from zoo.metrics.extrapolation import frechet_infinity
from zoo.metrics.frechet import frechet_between
from zoo.metrics.kernel import kernel_distance
from zoo.metrics.manifold import density_coverage, precision_recall, radii
from zoo.metrics.memorization import memorization
from zoo.metrics.modes import count_modes, stacked
from zoo.metrics.scores import inception_score
from zoo.metrics.support import support_size
from zoo.plotting.pictures import to_uint8
from zoo.pretrained.extractors import load_extractor, metric_name

STACKED = 26_000  # samples of stacked digits, as in Srivastava et al., 2017, and after
Distance = Callable[[Tensor, Tensor], Tensor]

SUPPORT = 2_000  # samples among which duplicates are sought


class Space(NamedTuple):
    """Real images in the space of an extractor, (n, d) of each split, one of which is compared with
    samples."""

    name: str
    extractor: Extractor
    split: Split
    sides: dict[Split, Tensor]

    @property
    def real(self) -> Tensor:
        return self.sides[self.split]

    def metric(self, kind: str) -> str:
        return metric_name(kind, self.name)


def find_space(data: ZooDataModule, protocol: Protocol, device: torch.device) -> Space:
    """That of the protocol, or of the data; raises UnknownName and MissingData."""
    name = protocol.extractor or data.extractor
    extractor = load_extractor(name, device)
    splits: tuple[Split, ...] = ("train", "test")
    sides = {s: real_features(extractor, data, s, protocol.images).to(device) for s in splits}
    return Space(name, extractor, protocol.against or data.reference, sides)


def sample_metrics(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """Distances, coverage, memorisation and modes: the mean over seeds, and their spread."""
    space = find_space(data, protocol, model.device)
    is_stacked = isinstance(data, StackedMNIST) and isinstance(space.extractor, ClassifierFeatures)
    n = STACKED if is_stacked and protocol.name == "full" else protocol.images
    runs, few, right = [], torch.empty(0), []
    for seed in range(protocol.seeds):
        fake = sample_features(model, space, n, seed)
        few = fake[:SUPPORT] if seed == 0 else few
        found = chain(
            distance_metrics(space, fake[: protocol.images], protocol),
            classifier_metrics(space, fake),
        )
        runs.append([*tqdm(found, f"metrics of seed {seed}", leave=False, disable=None)])
        if isinstance(model, ConditionalModel) and isinstance(space.extractor, ClassifierFeatures):
            right.append(space.extractor.classes(fake).flatten() == model.cyclic_labels(len(fake)))
    shared: Record = {"seeds": protocol.seeds, "resize": space.extractor.resize}
    shared |= {"extractor": space.name, "extractor_sha256": space.extractor.sha256()}
    for same in zip(*runs, strict=True):
        values = torch.tensor([record["value"] for record in same], dtype=torch.float64)
        spread: Record = {"spread": rounded(values.std())} if len(values) > 1 else {}
        yield {**same[0], "value": rounded(values.mean()), **spread, **shared}
    if right:
        names = data.classes or tuple(map(str, range(int(model.hparams["classes"]))))
        yield conditional_accuracy(torch.stack(right), names) | shared
    with skip_if_not_measurable(space.metric("support")):
        yield support(space, few) | shared | {"seeds": 1}


def sample_features(model: LightningModule, space: Space, n: int, seed: int) -> Tensor:
    """Features (n, d) of what the model samples."""
    assert isinstance(model, SupportsSampling)
    chunks = model.sample_chunks(n, seed) if isinstance(model, SupportsChunkedSampling) else None
    if chunks is None:
        pixels = to_uint8(model.sample(n, seed))
    else:
        bar = tqdm(chunks, f"drawing seed {seed}", -(-n // CHUNK), leave=False, disable=None)
        pixels = torch.cat([to_uint8(images).cpu() for images in bar]).to(space.real.device)
    return extract(space.extractor, pixels, f"samples of seed {seed}")


def distance_metrics(space: Space, fake: Tensor, protocol: Protocol) -> Iterator[Record]:
    """One draw of samples (m, d) beside the real side; balls are of as many images on each side, as
    in their papers."""
    real, train, held_out = space.real, space.sides["train"], space.sides["test"]
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
    """Records of metrics by their kinds."""
    for kind, value in values.items():
        shared: Record = {"split": space.split, "real": real, "fake": fake}
        yield {"metric": space.metric(kind), "value": value, **shared}


def classifier_metrics(space: Space, fake: Tensor) -> Iterator[Record]:
    """What a classifier finds in one draw of samples, where the extractor is one."""
    values: dict[str, float] = {}
    if isinstance(space.extractor, Inception):
        with skip_if_not_measurable("is"):
            values = {"is": inception_score(space.extractor.logits(fake))}
    if isinstance(space.extractor, ClassifierFeatures):
        found = space.extractor.classes(fake)
        if found.shape[1] == 3:
            modes = count_modes(stacked(found), classes=1000)
            values = {"modes": modes.captured, "modes-divergence": modes.divergence}
        else:
            classes = int(space.extractor.classifier.hparams["classes"])
            modes = count_modes(found.flatten(), classes)
            values = {"missing-classes": modes.missing, "class-entropy": modes.entropy}
            even = modes.histogram * classes  # shares of the samples, as multiples of a fair one
            values |= {"rarest-class": even.min().item(), "commonest-class": even.max().item()}
    for metric, value in values.items():
        yield {"metric": metric, "value": value, "fake": len(fake)}


def conditional_accuracy(right: Tensor, names: Sequence[str]) -> Record:
    """How often a classifier of the data finds the class that was asked for, and how often of each
    class; right (seeds, n) in bool, the classes having been asked for in turn."""
    right = right.double()
    shares, turns = right.mean(1), range(len(names))
    each = [f"{names[i]} {right[:, i :: len(names)].mean():.3f}" for i in turns]
    record: Record = {"metric": "class-accuracy", "value": rounded(shares.mean())}
    spread: Record = {"spread": rounded(shares.std())} if len(shares) > 1 else {}
    return record | spread | {"by_class": ", ".join(each), "fake": right.shape[1]}


def support(space: Space, fake: Tensor) -> Record:
    """How many different images the extractor sees, at least; duplicates are nearer to one another
    than any two of as many real images, copies aside. A person has to judge the likest pairs."""
    apart = radii(real := space.real[: len(fake)], k=1)
    if not (apart > 0).any():
        raise NotEnough("duplicates need two real images that differ, and all are alike")
    distance = float(apart[apart > 0].min())
    found = support_size(fake, distance)
    record: Record = {"metric": space.metric("support"), "value": rounded(found.low)}
    for key in ("estimate", "low", "high"):
        size = getattr(found, key)
        record[key] = rounded(size) if math.isfinite(size) else "unbounded"
    record |= {"pairs": found.pairs, "distance": rounded(distance), "split": space.split}
    return record | {"real": len(real), "fake": len(fake)}
