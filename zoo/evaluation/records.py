"""A record is a number beside all that it depends on."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from zoo.core.module import CHUNK, ZooModule
from zoo.data.images import Images, Split, normalize
from zoo.errors import UnknownName
from zoo.metrics.checks import NotEnough, require_finite, require_images

Record = dict[str, str | int | float]


class Protocol(NamedTuple):
    """At most so many images on each side, and samples from so many seeds.

    They are compared with the split `against` in the space of `extractor`, the data's own unless
    given; evidence is weighed by `draws` of the latent.
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
    """The protocol of that name, as it is on a device; raises UnknownName."""
    if name not in PROTOCOLS:
        raise UnknownName("protocol", name, PROTOCOLS)
    many = name == "full" and device.type == "cuda"
    return PROTOCOLS[name]._replace(images=ON_CUDA) if many else PROTOCOLS[name]


def take(images: Images, n: int) -> Images:
    return Images(images.pixels[:n], images.labels[:n])


@torch.no_grad()
def map_batches(
    model: ZooModule, pixels: Tensor, through: Callable[[Tensor], Tensor], title: str
) -> Tensor:
    """`through` of images (n, channels, h, w) in uint8, normalised on the model's device, in chunks
    with a progress bar; its results on the CPU."""
    chunks = tqdm(pixels.split(CHUNK), title, leave=False, disable=None)
    return torch.cat([through(normalize(x.to(model.device))).cpu() for x in chunks])


class MetricWarning(UserWarning):
    """A metric that is left out of a measurement."""


@contextmanager
def skip_if_not_measurable(metric: str) -> Iterator[None]:
    """Within, too few images leave a metric out, which a warning names."""
    try:
        yield
    except NotEnough as error:
        warnings.warn(f"{metric} is left out: {error}", MetricWarning, stacklevel=3)


def mean(metric: str, values: Tensor, unit: str = "", split: Split = "test") -> Record:
    """A mean over images of a split, with its standard error."""
    values = values.double()
    require_images(metric, 1, values)
    require_finite(metric, values)
    record: Record = {"metric": metric, "value": rounded(values.mean())}
    if len(values) > 1:
        record["standard_error"] = rounded(values.std() / len(values) ** 0.5)
    return record | ({"unit": unit} if unit else {}) | {"split": split, "real": len(values)}


def rounded(value: Tensor | float) -> float:
    """Six significant digits: what repeats from one machine to the next."""
    return float(f"{float(value):.6g}")
