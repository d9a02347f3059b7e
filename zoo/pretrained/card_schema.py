"""The schema of a card's front matter: required and optional keys, their types and ranges.

A card is checked once, when it is read; all code that uses it relies on that.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from zoo.errors import BadCard
from zoo.text import brief

LARGEST = 1e300
COUNT = 2**53  # what a JSON number holds exactly
CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


class Kind(NamedTuple):
    """A test of a value, and the description of what passes it."""

    fits: Callable[[object], bool]
    description: str


Schema = Mapping[str, "Kind | Schema"]  # a key that ends in ? is optional


def is_number(value: object) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def is_count(value: object) -> bool:
    return is_number(value) and isinstance(value, int) and 0 <= value <= COUNT


def is_text(value: object) -> bool:
    return isinstance(value, str)


TEXT = Kind(is_text, "text")
TEXT_OR_NONE = Kind(lambda value: value is None or is_text(value), "text")
NUMBER = Kind(is_number, "a finite number")
AMOUNT = Kind(lambda value: is_number(value) and value >= 0, "a finite number >= 0")  # type: ignore[operator]
COUNTED = Kind(is_count, f"an integer from 0 to {COUNT}")
BOUND = Kind(lambda v: is_number(v) or v == "unbounded", "a finite number or `unbounded`")
SCALAR = Kind(lambda v: v is None or isinstance(v, bool) or is_text(v) or is_number(v), "one value")
CLASS_PATH = Kind(
    lambda value: is_text(value) and CLASS.fullmatch(str(value)) is not None,
    "a class path, as zoo.vaes.vae.VAE",
)
MAPPING = Kind(lambda value: isinstance(value, dict), "a mapping")
RECORDS = Kind(lambda value: isinstance(value, list) and len(value) > 0, "a list of measurements")

FACTS: Schema = {
    "recipe": TEXT,
    "commit": TEXT,
    "license": TEXT_OR_NONE,
    "data": {"name": TEXT, "url?": TEXT_OR_NONE, "terms?": TEXT_OR_NONE},
    "sha256": TEXT,
    "parameters": COUNTED,
    "training": {
        "minutes?": AMOUNT,
        "images_seen?": COUNTED,
        "steps?": COUNTED,
        "hardware?": TEXT,
        "precision?": TEXT,
        "weights?": TEXT,
        "init_from?": TEXT,
    },
    "metrics": RECORDS,
    "name?": TEXT,
    "class?": CLASS_PATH,
    "hub?": TEXT,
    "discriminator_sha256?": TEXT,
    "paper?": {"value?": SCALAR, "source?": SCALAR},
    "measured?": {"protocol?": TEXT, "hardware?": TEXT, "seconds?": AMOUNT, "versions?": MAPPING},
    "changed?": MAPPING,
}
RECORD: Schema = {
    "metric": TEXT,
    "value": NUMBER,
    "low?": NUMBER,
    "high?": BOUND,
    "spread?": AMOUNT,
    "standard_error?": AMOUNT,
    "real?": COUNTED,
    "held_out?": COUNTED,
    "fake?": COUNTED,
    "seeds?": COUNTED,
}


def check_facts(facts: dict[str, object], where: str) -> dict[str, object]:
    """The facts, which follow the schema; raises BadCard with `where` they come from."""
    if missing := [key for key in FACTS if not key.endswith("?") and key not in facts]:
        raise BadCard(f"{where} lacks {', '.join(missing)}. Export the model again")
    check(facts, FACTS, where)
    check_records(facts["metrics"], where)
    return facts


def check_records(records: object, where: str) -> list[dict[str, str | int | float]]:
    """The measurements, which follow the schema; raises BadCard."""
    if not isinstance(records, list) or not records:
        raise BadCard(f"{where} has no metrics. Measure the file by `zoo evaluate --card`")
    for record in records:
        if not isinstance(record, dict):
            raise BadCard(f"{where}: metrics must be mappings, got {brief(record)}")
        check(record, RECORD, f"{where}, metric {brief(record.get('metric'))}")
        for key, value in record.items():
            if not SCALAR.fits(value):
                raise BadCard(f"{where}: {key} of a metric must be one value, got {brief(value)}")
        if ("low" in record) != ("high" in record):
            raise BadCard(f"{where}: an interval must have low and high, got {brief(record)}")
    return records


def check(facts: dict[str, object], schema: Schema, where: str, above: str = "") -> None:
    """Raise BadCard for a missing key and for a value of another type; an optional key without
    value is removed."""
    for name, kind in schema.items():
        key = name.removesuffix("?")
        value = facts.get(key)
        if name.endswith("?") and value is None:
            if kind not in (SCALAR, TEXT_OR_NONE):
                facts.pop(key, None)
            continue
        if isinstance(kind, Kind):
            if not kind.fits(value):
                raise BadCard(
                    f"{where}: {above}{key} must be {kind.description}, got {brief(value)}"
                )
        elif isinstance(value, dict):
            check(value, kind, where, f"{above}{key}.")
        else:
            raise BadCard(f"{where}: {above}{key} must be a mapping, got {brief(value)}")
