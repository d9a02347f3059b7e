"""`zoo evaluate` and `zoo compare`: numbers that say how they came about, and only then compare."""

import json
import platform
import time
from pathlib import Path
from typing import TypedDict

import lightning
import torch
import torchmetrics
import yaml

import recipes.data
from recipes.data.images import ImageData
from zoo import catalog
from zoo.cards import Card
from zoo.errors import BadCard, UnknownName, ZooError
from zoo.files import replacing
from zoo.measures import PROTOCOLS, Protocol, Record, measure
from zoo.weights import read, sha256

SETTINGS = (
    "data",
    "split",
    "real",
    "fake",
    "seeds",
    "labels",
    "resize",
    "extractor_sha256",
    "unit",
)


class Report(TypedDict):
    """The records, and all that they depend on."""

    name: str
    sha256: str
    data: str
    protocol: str
    metrics: list[Record]
    seconds: float
    hardware: str
    versions: dict[str, str]


def data_of(recipe: str) -> ImageData:
    """The data set of a recipe, by its name or file; raises UnknownName."""
    path = Path(recipe) if recipe.endswith(".yaml") else catalog.recipe(recipe)
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]
    name = settings["class_path"].rpartition(".")[2]
    if name not in recipes.data.__all__:
        raise UnknownName("data set", name, recipes.data.__all__)
    return getattr(recipes.data, name)(**settings.get("init_args", {}))


def evaluate(path: Path, data: ImageData, protocol: Protocol = PROTOCOLS["full"]) -> list[Record]:
    """Every metric that the model in a weights file can be measured by, headline first."""
    model = read(path)
    state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        records = list(measure(model, data, protocol))
    finally:
        torch.set_rng_state(state)
    if not records:
        raise ZooError(f"{type(model).__name__} neither samples, nor reconstructs, nor classifies")
    return records


def report(path: Path, data: ImageData, protocol: Protocol) -> Report:
    """Evaluate, and say of what, where and with which versions."""
    start = time.monotonic()
    records = evaluate(path, data, protocol)
    return {
        "name": path.stem,
        "sha256": sha256(path),
        "data": data.source.title,
        "protocol": protocol.name,
        "metrics": records,
        "seconds": round(time.monotonic() - start, 1),
        "hardware": f"{torch.get_num_threads()} threads, {platform.machine()}",
        "versions": {
            module.__name__: str(module.__version__) for module in (torch, torchmetrics, lightning)
        },
    }


def enter(path: Path, records: list[Record]) -> None:
    """Write records into the card beside a weights file; raises BadCard without one."""
    place = path.with_suffix(".md")
    card = Card.read(place)
    if card.facts["sha256"] != sha256(path):
        raise BadCard(f"{place} is the card of another file: make a new one with `zoo export`")
    facts = card.facts | {"metrics": records}
    with replacing(place) as beside:
        beside.write_text(str(Card(card.name, facts, card.prose)), encoding="utf-8")


def recorded(name: str) -> list[Record]:
    """The records of a model's card, or of a file that `zoo evaluate --json` printed."""
    if not name.endswith(".json"):
        return catalog.card(name).metrics
    try:
        return json.loads(Path(name).read_text(encoding="utf-8"))["metrics"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ZooError(f"{name} is not what `zoo evaluate --json` prints: {error}") from error


def compare(a: str, b: str) -> str:
    """Two models side by side, a line for each metric that both have, the difference judged.

    Raises ZooError where they have none in common, or where one was measured in another way.
    """
    theirs = {record["metric"]: record for record in recorded(b)}
    pairs = [(one, theirs[one["metric"]]) for one in recorded(a) if one["metric"] in theirs]
    if not pairs:
        raise ZooError(f"{a} and {b} have no metric in common: they do different things")
    width = max(len(str(one["metric"])) for one, _ in pairs)
    lines = [f"{'':<{width}}  {Path(a).stem:>24}  {Path(b).stem:>24}"]
    for one, other in pairs:
        refuse_to_mix(one, other)
        verdict = "" if apart(one, other) else "  not distinguishable"
        verdict = verdict if uncertainty(one) and uncertainty(other) else "  no interval"
        lines += [f"{one['metric']:<{width}}  {shown(one):>24}  {shown(other):>24}{verdict}"]
    return "\n".join(lines)


def refuse_to_mix(one: Record, other: Record) -> None:
    """Numbers of different protocols are not compared."""
    for key in SETTINGS:
        if one.get(key) != other.get(key):
            raise ZooError(
                f"{one['metric']} was measured with {key} {one.get(key)} here and "
                f"{other.get(key)} there: measure both in one way with `zoo evaluate`"
            )


def uncertainty(record: Record) -> float:
    """Half of a 95 % interval: twice the standard error of a mean, or the spread over seeds."""
    return 2 * float(record.get("standard_error", record.get("spread", 0)))


def apart(one: Record, other: Record) -> bool:
    """Whether two intervals do not overlap."""
    distance = abs(float(one["value"]) - float(other["value"]))
    return distance > uncertainty(one) + uncertainty(other)


def shown(record: Record) -> str:
    """A value with its interval."""
    half = uncertainty(record)
    return f"{record['value']:.5g}" + (f" ± {half:.2g}" if half else "")


def table(records: list[Record]) -> str:
    """Records for people, a line each."""
    width = max(len(str(record["metric"])) for record in records)
    lines = []
    for record in records:
        settings = [f"{record[key]} {key}" for key in ("real", "fake", "seeds") if key in record]
        place = f"{record['split']} split, {', '.join(settings)}"
        lines += [f"{record['metric']:<{width}}  {shown(record):>20}   {place}"]
    return "\n".join(lines)
