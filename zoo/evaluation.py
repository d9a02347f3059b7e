"""`zoo evaluate`: what a weights file is worth, and all that the numbers depend on."""

import time
from pathlib import Path
from typing import TypedDict

import torch
import yaml

import recipes.data
from recipes.data.images import ImageData
from zoo import catalog
from zoo.cards import Card
from zoo.errors import BadCard, UnknownName, ZooError
from zoo.files import replacing
from zoo.measures import PROTOCOLS, Protocol, Record, measure
from zoo.measures.estimate import expected_seconds
from zoo.provenance import hardware, versions
from zoo.weights import find_device, read, sha256


class Report(TypedDict):
    """The records, and all that they depend on."""

    name: str
    sha256: str
    data: str
    metrics: list[Record]
    measured: "Measured"


class Measured(TypedDict):
    """How, where, how long and with which versions."""

    protocol: str
    hardware: str
    seconds: float
    versions: dict[str, str]


def data_of(recipe: str) -> ImageData:
    """The data set of a recipe, by its name or file; raises UnknownName."""
    path = Path(recipe) if recipe.endswith(".yaml") else catalog.recipe(recipe)
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
    name = settings["class_path"].rpartition(".")[2]
    if name not in recipes.data.__all__:
        raise UnknownName("data set", name, recipes.data.__all__)
    return getattr(recipes.data, name)(**settings.get("init_args", {}))


def evaluate(
    path: Path,
    data: ImageData,
    protocol: Protocol = PROTOCOLS["full"],
    device: str | None = None,
) -> list[Record]:
    """Every metric that the model in a weights file can be measured by, headline first."""
    model = read(path, device)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        records = list(measure(model, data, protocol))
    finally:
        torch.set_rng_state(state)
    if not records:
        raise ZooError(f"{type(model).__name__} neither samples, nor reconstructs, nor classifies")
    return records


def report(path: Path, data: ImageData, protocol: Protocol, device: str | None = None) -> Report:
    """Evaluate, and say of what, where and with which versions."""
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


def expectation(path: Path, data: ImageData, protocol: Protocol, device: str | None) -> str:
    """How long that will take, in words."""
    model = read(path, device)
    with torch.random.fork_rng(devices=[]):
        seconds = expected_seconds(model, data, protocol)
    minutes = seconds / 60
    length = "less than a minute" if minutes < 1 else f"about {minutes:.0f} minute"
    return length + "s" * (minutes >= 1.5)


def enter(path: Path, found: Report) -> None:
    """Write what was found into the card beside a weights file; raises BadCard without one."""
    place = path.with_suffix(".md")
    card = Card.read(place)
    if card.facts["sha256"] != found["sha256"]:
        raise BadCard(f"{place} is the card of another file: make a new one with `zoo export`")
    facts = card.facts | {"metrics": found["metrics"], "measured": found["measured"]}
    with replacing(place) as beside:
        beside.write_text(str(Card(card.name, facts, card.prose)), encoding="utf-8")
