"""`zoo compare`: numbers side by side, if they came about in one way, and only then judged."""

import json
import math
from pathlib import Path

from zoo.errors import ZooError
from zoo.evaluation.records import Record
from zoo.pretrained import catalog
from zoo.pretrained.card_schema import check_records
from zoo.text import printable

SETTINGS = (
    "data",
    "split",
    "real",
    "held_out",
    "fake",
    "seeds",
    "draws",
    "labels",
    "resize",
    "extractor_sha256",
    "unit",
)


def recorded(name: str) -> list[Record]:
    """The records of a model's card, or of a file that `zoo evaluate --json` printed."""
    if not name.endswith(".json"):
        return catalog.card(name).metrics
    try:
        records = printed(json.loads(Path(name).read_text(encoding="utf-8"))["metrics"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ZooError(f"{name} is not what `zoo evaluate --json` prints: {error}") from error
    return check_records(records, name)


def printed(value: object) -> object:
    """Plain data whose text is printable."""
    if isinstance(value, dict):
        return {printable(key): printed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [printed(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def compare(a: str, b: str) -> str:
    """Two models side by side, a line for each metric that both have, the difference judged.

    Raises ZooError where they have none in common, or where one was measured in another way.
    """
    theirs = {record["metric"]: record for record in recorded(b)}
    pairs = [(one, theirs[one["metric"]]) for one in recorded(a) if one["metric"] in theirs]
    if not pairs:
        raise ZooError(f"{a} and {b} have no metric in common: they do different things")
    width = max(len(str(one["metric"])) for one, _ in pairs)
    lines = [f"{'':<{width}}  {title(a):>24}  {title(b):>24}"]
    for one, other in pairs:
        check_comparable(one, other)
        line = f"{one['metric']:<{width}}  {shown(one):>24}  {shown(other):>24}  "
        lines += [(line + verdict(one, other)).rstrip()]
    return "\n".join(lines)


def title(name: str) -> str:
    """What a model or a file of numbers is called."""
    return printable(catalog.stem(name.removesuffix(".json")), 24)


def check_comparable(one: Record, other: Record) -> None:
    """Numbers of different protocols are not compared, nor what is no number."""
    for record in (one, other):
        if isinstance(record["value"], float) and not math.isfinite(record["value"]):
            raise ZooError(
                f"{one['metric']} must be finite, got {record['value']}. Measure it anew"
            )
    for key in SETTINGS:
        if one.get(key) != other.get(key):
            raise ZooError(
                f"{one['metric']} was measured with {key} {one.get(key)} here and "
                f"{other.get(key)} there: measure both in one way with `zoo evaluate`"
            )


def verdict(one: Record, other: Record) -> str:
    """Whether two intervals overlap."""
    here, there = interval(one), interval(other)
    if here is None or there is None:
        return "no interval"
    return "not distinguishable" if here[0] <= there[1] and there[0] <= here[1] else ""


def interval(record: Record) -> tuple[float, float] | None:
    """The 95 % interval: its own, or twice the standard error of a mean or the spread over seeds to
    either side; None where only one seed was drawn."""
    if "low" in record:
        low, high = (record[key] for key in ("low", "high"))
        return float(low), math.inf if high == "unbounded" else float(high)
    half = record.get("standard_error", record.get("spread"))
    if half is None:
        return None
    value = float(record["value"])
    return value - 2 * float(half), value + 2 * float(half)


def shown(record: Record) -> str:
    """A value with its interval."""
    if "low" in record:
        high = record["high"]
        return f"{record['low']:.5g} to {high if isinstance(high, str) else f'{high:.5g}'}"
    half = 2 * float(record.get("standard_error", record.get("spread", 0)))
    return f"{record['value']:.5g}" + (f" ± {half:.2g}" if half else "")


def table(records: list[Record]) -> str:
    """Records for people, a line each."""
    width = max(len(str(record["metric"])) for record in records)
    lines = []
    for record in records:
        settings = [f"{record['split']} split"] if "split" in record else []
        settings += [f"{record[key]} {key}" for key in ("real", "fake", "seeds") if key in record]
        lines += [f"{record['metric']:<{width}}  {shown(record):>20}   {', '.join(settings)}"]
    return "\n".join(lines)
