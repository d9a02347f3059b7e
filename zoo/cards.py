"""A card: front matter for machines, prose for people."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from zoo.errors import BadCard

PROMISED = ("recipe", "commit", "licence", "data", "sha256", "parameters", "training", "metrics")


@dataclass(frozen=True)
class Card:
    """What is known of one weights file. `facts` are the front matter, `prose` the rest."""

    name: str
    facts: dict[str, object]
    prose: str

    @classmethod
    def read(cls, path: Path) -> "Card":
        """The card in a file of that name; raises BadCard."""
        if not path.is_file():
            raise BadCard(f"there is no card {path}: make one with `zoo export`")
        facts, prose = split(path.read_text(encoding="utf-8"), str(path))
        return cls(path.stem, checked(facts, str(path)), prose)

    def __str__(self) -> str:
        facts = yaml.safe_dump(self.facts, sort_keys=False, allow_unicode=True, width=100)
        return f"---\n{facts}---\n\n{self.prose}\n"

    @property
    def metrics(self) -> list[dict[str, str | int | float]]:
        """Each measurement with its protocol, headline first."""
        return self.facts["metrics"]  # type: ignore[return-value]


def split(text: str, where: str) -> tuple[dict[str, object], str]:
    """Front matter and prose of a text; raises BadCard, which says `where`."""
    parts = re.match(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL)
    try:
        facts = yaml.safe_load(parts[1]) if parts else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise BadCard(f"the front matter of {where} is not YAML: {reason}") from error
    if parts is None or not isinstance(facts, dict):
        raise BadCard(f"{where} has no front matter: a card begins with YAML between two ---")
    return facts, parts[2].strip()


def checked(facts: dict[str, object], where: str) -> dict[str, object]:
    """Facts that keep what a card promises; raises BadCard."""
    if missing := [key for key in PROMISED if key not in facts]:
        raise BadCard(f"{where} does not say its {', '.join(missing)}: export the model again")
    if not isinstance(facts["metrics"], list) or not facts["metrics"]:
        raise BadCard(f"{where} has no metrics: measure the file with `zoo evaluate --card`")
    for record in facts["metrics"]:
        value = record.get("value") if isinstance(record, dict) else None
        if not isinstance(value, int | float) or not isinstance(record.get("metric"), str):
            raise BadCard(f"{where} has a metric without name or number: {str(record)[:80]}")
    return facts
