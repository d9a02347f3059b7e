"""Records: numbers with everything that they depend on."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from lightning import LightningModule
from torch import Tensor
from tqdm import tqdm

from zoo.core.modality import modality_of
from zoo.core.module import CHUNK
from zoo.data.arrays import Examples, Split
from zoo.errors import UnknownName
from zoo.metrics.checks import NotEnough, require_finite, require_images

Record = dict[str, str | int | float]


class Protocol(NamedTuple):
    """A measurement: the largest number of real and of generated images, and the number of seeds.

    Samples are compared with the split `against` in the space of `extractor`, by default those of
    the data; likelihoods are estimated by `draws` importance samples of the latent.
    """

    name: str
    images: int
    seeds: int
    against: Split | None = None
    extractor: str | None = None
    draws: int = 200


PROTOCOLS = {"quick": Protocol("quick", 2_000, 1), "full": Protocol("full", 10_000, 3)}
ON_CUDA = 50_000  # images of the full protocol


def find_protocol(name: str, device: torch.device) -> Protocol:
    """The protocol of that name for a device; raises UnknownName."""
    if name not in PROTOCOLS:
        raise UnknownName("protocol", name, PROTOCOLS)
    many = name == "full" and device.type == "cuda"
    return PROTOCOLS[name]._replace(images=ON_CUDA) if many else PROTOCOLS[name]


def take(examples: Examples, n: int) -> Examples:
    """The first n examples."""
    return Examples(examples.values[:n], examples.labels[:n])


@torch.no_grad()
def map_batches(
    model: LightningModule, values: Tensor, function: Callable[[Tensor], Tensor], title: str
) -> Tensor:
    """The results (n, ...) of `function` for stored values (n, ...), which are normalized on the
    model's device in chunks, with a progress bar; on the CPU."""
    modality = modality_of(model)
    chunks = tqdm(values.split(CHUNK), title, leave=False, disable=None)
    return torch.cat([function(modality.normalize(x.to(model.device))).cpu() for x in chunks])


class MetricWarning(UserWarning):
    """A metric is left out of a measurement."""


@contextmanager
def skip_if_not_measurable(metric: str) -> Iterator[None]:
    """Leave a metric out, with a warning, where its computation raises NotEnough."""
    try:
        yield
    except NotEnough as error:
        warnings.warn(f"{metric} is left out: {error}", MetricWarning, stacklevel=3)


def mean(metric: str, values: Tensor, unit: str = "", split: Split = "test") -> Record:
    """The mean over the examples of a split, with its standard error."""
    values = values.double()
    require_images(metric, 1, values)
    require_finite(metric, values)
    record: Record = {"metric": metric, "value": rounded(values.mean())}
    if len(values) > 1:
        record["standard_error"] = rounded(values.std() / len(values) ** 0.5)
    return record | ({"unit": unit} if unit else {}) | {"split": split, "real": len(values)}


def over_seeds(runs: Sequence[Sequence[Record]]) -> Iterator[Record]:
    """The records of each metric with the mean over seeds, and the standard deviation as `spread`;
    a run is the records of one seed."""
    for same in zip(*runs, strict=True):
        values = torch.tensor([record["value"] for record in same], dtype=torch.float64)
        spread: Record = {"spread": rounded(values.std())} if len(values) > 1 else {}
        yield {**same[0], "value": rounded(values.mean()), **spread}


def rounded(value: Tensor | float) -> float:
    """A number with six significant digits, which repeat on other machines."""
    return float(f"{float(value):.6g}")
