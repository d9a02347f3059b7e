"""Feature extractors by name: classifiers of the zoo, and networks of other libraries."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import torch

from zoo.core.protocols import PredictsAttributes
from zoo.errors import UnknownName
from zoo.metrics.extractors import (
    AttributeFeatures,
    ClassifierFeatures,
    Extractor,
    Inception,
    Occupancy,
    Pixels,
    Spectrograms,
    SqueezeNet,
    Thumbnails,
)
from zoo.pretrained import catalog
from zoo.pretrained.weights import sha256

CLASSIFIERS = ("lenet", "resnet", "cnn", "voxnet")  # first words of their names
if TYPE_CHECKING:
    from zoo.data.module import ZooDataModule

LIBRARY: dict[str, Callable[[], Extractor]] = {
    "inception": Inception,
    "squeezenet": SqueezeNet,
    "pixels": Pixels,
    "thumbnails": Thumbnails,
    "spectrograms": Spectrograms,
    "occupancy": Occupancy,
}
SPACES = {"resnet-celeba": "attributes"}  # names in metrics, where not the extractor's first word


@cache
def load_extractor(name: str, device: torch.device | None = None) -> Extractor:
    """`inception`, `squeezenet`, `pixels`, `thumbnails`, `spectrograms`, `occupancy` or a
    classifier of the zoo, on `device` (CPU); raises UnknownName, and MissingData where weights
    cannot be downloaded."""
    check_extractor(name)
    if name in LIBRARY:
        return LIBRARY[name]().to(device)
    network = catalog.load(name, device)
    kind = AttributeFeatures if isinstance(network, PredictsAttributes) else ClassifierFeatures
    return kind(network, sha256(catalog.weights_path(name)))


def check_extractor(name: str) -> None:
    """Raise UnknownName for an unknown extractor."""
    classifiers = [name for kind in CLASSIFIERS for name in catalog.list_models(f"{kind}-*")]
    if name not in (*LIBRARY, *classifiers):
        raise UnknownName("extractor", name, [*LIBRARY, *classifiers])


def spaces_of(data: "ZooDataModule") -> tuple[str, ...]:
    """All spaces in which samples of data are measured, the usual one first."""
    return (data.extractor, *data.further_extractors)


def is_attribute_space(name: str) -> bool:
    """Whether an extractor is an attribute classifier, by the name of its space."""
    return SPACES.get(name) == "attributes"


def metric_name(kind: str, extractor: str) -> str:
    """The kind of metric and the first word of its feature space, as `fd-lenet`, or the name in
    SPACES. The names `fid`, `kid` and `fid-infinity` are reserved for TF-Inception."""
    usual = {"fd": "fid", "kd": "kid", "fd-infinity": "fid-infinity"}
    if extractor == "inception" and kind in usual:
        return usual[kind]
    return f"{kind}-{SPACES.get(extractor, extractor.partition('-')[0])}"
