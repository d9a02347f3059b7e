"""`zoo compare`: two models side by side, on metrics that were measured by the same protocol."""

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


def load_records(name: str) -> list[Record]:
    """The records of a model's card, or of a file by `zoo evaluate --json`; raises ZooError."""
    if not name.endswith(".json"):
        return catalog.card(name).metrics
    try:
        records = make_printable(json.loads(Path(name).read_text(encoding="utf-8"))["metrics"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ZooError(
            f"{name} must be the output of `zoo evaluate --json`, got an error: {error}"
        ) from error
    return check_records(records, name)


def make_printable(value: object) -> object:
    """Plain data with printable text."""
    if isinstance(value, dict):
        return {printable(key): make_printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [make_printable(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def compare(a: str, b: str) -> str:
    """A table of two models with a line for each common metric and the verdict on its difference.

    Raises ZooError without a common metric, and where the protocols of a metric differ.
    """
    of_b = {record["metric"]: record for record in load_records(b)}
    pairs = [(one, of_b[one["metric"]]) for one in load_records(a) if one["metric"] in of_b]
    if not pairs:
        raise ZooError(f"{a} and {b} must have a common metric, got none. Name models of one kind")
    width = max(len(str(one["metric"])) for one, _ in pairs)
    lines = [f"{'':<{width}}  {title(a):>24}  {title(b):>24}"]
    for one, other in pairs:
        check_comparable(one, other)
        line = f"{one['metric']:<{width}}  {format_value(one):>24}  {format_value(other):>24}  "
        lines += [(line + verdict(one, other)).rstrip()]
    return "\n".join(lines)


def title(name: str) -> str:
    """The title of a model or a JSON file, of at most 24 characters."""
    return printable(catalog.stem(name.removesuffix(".json")), 24)


def check_comparable(one: Record, other: Record) -> None:
    """Raise ZooError unless both values are finite and were measured with the same settings."""
    for record in (one, other):
        if isinstance(record["value"], float) and not math.isfinite(record["value"]):
            raise ZooError(
                f"{one['metric']} must be finite, got {record['value']}. Measure it again by "
                "`zoo evaluate`"
            )
    for key in SETTINGS:
        if one.get(key) != other.get(key):
            raise ZooError(
                f"{key} of {one['metric']} must be equal on both sides, got {one.get(key)} and "
                f"{other.get(key)}. Measure both by one protocol with `zoo evaluate`"
            )


def verdict(one: Record, other: Record) -> str:
    """`not distinguishable` for overlapping intervals, `no interval`, or nothing."""
    here, there = interval(one), interval(other)
    if here is None or there is None:
        return "no interval"
    return "not distinguishable" if here[0] <= there[1] and there[0] <= here[1] else ""


def interval(record: Record) -> tuple[float, float] | None:
    """The 95 % interval of a record; else the value plus and minus two standard errors of a mean,
    or two standard deviations over seeds. None with a single seed."""
    if "low" in record:
        low, high = (record[key] for key in ("low", "high"))
        return float(low), math.inf if high == "unbounded" else float(high)
    half = record.get("standard_error", record.get("spread"))
    if half is None:
        return None
    value = float(record["value"])
    return value - 2 * float(half), value + 2 * float(half)


def format_value(record: Record) -> str:
    """A value with its interval: `2 ± 0.5`, or `40 to 60`."""
    if "low" in record:
        high = record["high"]
        return f"{record['low']:.5g} to {high if isinstance(high, str) else f'{high:.5g}'}"
    half = 2 * float(record.get("standard_error", record.get("spread", 0)))
    return f"{record['value']:.5g}" + (f" ± {half:.2g}" if half else "")


def table(records: list[Record]) -> str:
    """Records as text, one line each: metric, value with interval, split and counts."""
    width = max(len(str(record["metric"])) for record in records)
    lines = []
    for record in records:
        settings = [f"{record['split']} split"] if "split" in record else []
        settings += [f"{record[key]} {key}" for key in ("real", "fake", "seeds") if key in record]
        lines += [
            f"{record['metric']:<{width}}  {format_value(record):>20}   {', '.join(settings)}"
        ]
    return "\n".join(lines)
