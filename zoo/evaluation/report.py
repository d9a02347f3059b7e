"""`zoo evaluate`: the metrics of a weights file, with everything that they depend on."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

import torch
from lightning import LightningModule

from zoo.core.latent_models import Autoencoder
from zoo.core.provenance import hardware, versions
from zoo.data.module import ZooDataModule
from zoo.errors import BadCard, MissingData, ZooError
from zoo.evaluation import PROTOCOLS, Protocol, Record, measure
from zoo.evaluation.estimate import expected_seconds
from zoo.evaluation.records import map_batches
from zoo.evaluation.training_data import Terms, data_of, find_training_data
from zoo.files import atomic_write
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.pretrained.checkpoints import model_from_checkpoint, read_checkpoint
from zoo.pretrained.extractors import check_extractor, load_extractor
from zoo.pretrained.training_modules import checkpoint_of
from zoo.pretrained.weights import find_device, load, save, sha256


class Report(TypedDict):
    """Records of a weights file, with its digest and data."""

    name: str
    sha256: str
    data: str
    metrics: list[Record]
    measured: "Measured"


class Measured(TypedDict):
    """The protocol, hardware, duration and versions of a measurement."""

    protocol: str
    hardware: str
    seconds: float
    versions: dict[str, str]


@contextmanager
def weights_of(name: str, recipe: str | None) -> Iterator[tuple[Path, ZooDataModule]]:
    """The weights file of a name, and the data of `recipe`, else of its own recipe. For a run or a
    checkpoint, a temporary weights file within the context. Raises ZooError."""
    own, checkpoint = catalog.stem(name).removesuffix(".ckpt"), checkpoint_of(name)
    if checkpoint is None:
        path = catalog.weights_path(name)
        if recipe is None and own not in catalog.list_recipes():
            raise ZooError(
                f"the name of a model must be that of a recipe, got {own}. Name the recipe of its "
                "data by --recipe"
            )
        data = data_of(recipe or own)
        if recipe is None:
            check_card(path, data.source.title)
        yield path, data
        return
    state = read_checkpoint(checkpoint)
    model = model_from_checkpoint(checkpoint, state)
    data = data_of(recipe) if recipe else find_training_data(checkpoint, state, None, Terms()).data
    fit_sampler(model, data)
    with TemporaryDirectory(prefix="zoo-") as folder:
        save(model, path := Path(folder) / f"{own}.safetensors")
        yield path, data


def fit_sampler(model: LightningModule, data: ZooDataModule) -> None:
    """Fit the density of an autoencoder's codes to those of the training examples."""
    if isinstance(model, Autoencoder):
        values = data.examples("train").values
        model.fit_sampler(map_batches(model, values, model.encode, "codes"))


def check_card(path: Path, title: str) -> None:
    """Raise ZooError if the card beside a weights file names another data set."""
    place = path.with_suffix(".md")
    facts = Card.read(place).facts.get("data") if place.is_file() else None
    name = facts.get("name") if isinstance(facts, dict) else None
    if name not in (None, title):
        raise ZooError(
            f"the data must be that of the card {place}, {name}, got {title}. Name the "
            "recipe of its run by --recipe FILE"
        )


def with_extractor(protocol: Protocol, data: ZooDataModule) -> Protocol:
    """The protocol, with the extractor `thumbnails` for own pictures where SqueezeNet's weights are
    not available, which is printed. Raises UnknownName for an unknown extractor."""
    if protocol.extractor:
        check_extractor(protocol.extractor)
    elif data.own_paths and data.extractor:
        try:
            load_extractor(data.extractor)
        except MissingData as error:
            print(f"using the extractor thumbnails: {error}", file=sys.stderr)
            return protocol._replace(extractor="thumbnails")
    return protocol


def evaluate(
    path: Path,
    data: ZooDataModule,
    protocol: Protocol = PROTOCOLS["full"],
    device: str | None = None,
) -> list[Record]:
    """The records of all applicable metrics of a weights file, headline first. Raises ZooError if
    none applies."""
    model = load(path, device)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        records = list(measure(model, data, protocol))
    finally:
        torch.set_rng_state(state)
    if not records:
        raise ZooError(
            f"no metric applies to {type(model).__name__} on {data.source.title}. Define a method "
            "of a protocol, such as `sample`, or name data with more images by --recipe"
        )
    return records


def report(
    path: Path, data: ZooDataModule, protocol: Protocol, device: str | None = None
) -> Report:
    """The records of a weights file with the facts of their measurement."""
    start = time.monotonic()
    records = evaluate(path, data, protocol, device)
    return {
        "name": path.stem,
        "sha256": sha256(path),
        "data": data.source.title,
        "metrics": records,
        "measured": {
            "protocol": protocol.name,
            "hardware": hardware(find_device(device)),
            "seconds": round(time.monotonic() - start, 1),
            "versions": versions(),
        },
    }


def describe_duration(
    path: Path, data: ZooDataModule, protocol: Protocol, device: str | None
) -> str:
    """The expected duration of `report` as text."""
    model = load(path, device)
    with torch.random.fork_rng(devices=[]):
        seconds = expected_seconds(model, data, protocol)
    minutes = seconds / 60
    length = "less than a minute" if minutes < 1 else f"about {minutes:.0f} minute"
    return length + "s" * (minutes >= 1.5)


def write_to_card(path: Path, report: Report) -> None:
    """Write a report into the card beside a weights file; raises BadCard without a card or for that
    of another file."""
    place = path.with_suffix(".md")
    if path.parent == catalog.WEIGHTS and not catalog.is_clone():
        raise ZooError(
            f"the card must be outside of the installed package, got {place}. Copy {path.name} and "
            "its card to another folder"
        )
    card = Card.read(place)
    if card.facts["sha256"] != report["sha256"]:
        raise BadCard(
            f"sha256 of {place} must be that of {path.name}, {report['sha256']:.12}, got that of "
            "another file. Make a new card by `zoo export`"
        )
    check_card(path, report["data"])
    facts = card.facts | {"metrics": report["metrics"], "measured": report["measured"]}
    with atomic_write(place) as temporary:
        temporary.write_text(str(Card(card.name, facts, card.prose)), encoding="utf-8")
