"""Extractors by name: `lenet-*` are animals of the zoo, the others come with their libraries."""

from functools import cache

from zoo import catalog
from zoo.errors import UnknownName
from zoo.metrics.extractors import ClassifierFeatures, Extractor, Inception, Pixels, SqueezeNet
from zoo.weights import sha256


@cache
def load_extractor(name: str) -> Extractor:
    """`inception`, `squeezenet`, `pixels` or a classifier of the zoo; raises UnknownName,
    and MissingData where weights cannot be had."""
    others: dict[str, type[Inception | SqueezeNet | Pixels]] = {
        "inception": Inception,
        "squeezenet": SqueezeNet,
        "pixels": Pixels,
    }
    if name in others:
        return others[name]()
    if name in catalog.names("lenet-*"):
        return ClassifierFeatures(catalog.load(name), sha256(catalog.locate(name)))
    raise UnknownName("extractor", name, [*others, *catalog.names("lenet-*")])


def metric_name(extractor: str) -> str:
    """`fid` in TF-Inception's space alone; elsewhere `fd-` and the first word of the space."""
    return "fid" if extractor == "inception" else f"fd-{extractor.partition('-')[0]}"
