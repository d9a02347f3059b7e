"""Model cards: YAML front matter, then prose."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from zoo.errors import BadCard
from zoo.pretrained.card_schema import check_facts
from zoo.pretrained.plain_yaml import NotPlain, read_yaml
from zoo.text import printable, printable_lines

BYTES = 2**20  # of a card


@dataclass(frozen=True)
class Card:
    """The card of one weights file: `facts` are the front matter, `prose` is the rest."""

    name: str
    facts: dict[str, object]
    prose: str

    @classmethod
    def read(cls, path: Path) -> "Card":
        """The card in a file; raises BadCard."""
        if not path.is_file():
            raise BadCard(f"there is no card {path}. Make one by `zoo export`")
        if (size := path.stat().st_size) > BYTES:
            raise BadCard(f"{path} must be of at most {BYTES:,} bytes, got {size:,}")
        facts, prose = split(path.read_text(encoding="utf-8-sig", errors="replace"), str(path))
        return cls(printable(path.stem), check_facts(facts, str(path)), prose)

    def __str__(self) -> str:
        facts = yaml.safe_dump(self.facts, sort_keys=False, allow_unicode=True, width=100)
        return f"---\n{facts}---\n\n{self.prose}\n"

    @property
    def metrics(self) -> list[dict[str, str | int | float]]:
        """Each measurement with its protocol, headline first."""
        return self.facts["metrics"]  # type: ignore[return-value]

    def within(self, key: str) -> dict[str, object]:
        """The facts below a key, as `training`; empty where the card lacks it."""
        return self.facts.get(key) or {}  # type: ignore[return-value]


def split(text: str, where: str) -> tuple[dict[str, object], str]:
    """Front matter and prose of a text, made printable; raises BadCard with `where` the text is."""
    parts = re.match(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL)
    try:
        facts = read_yaml(parts[1]) if parts else None
    except NotPlain as error:
        raise BadCard(f"{where}: the front matter must be plain YAML: {error}") from error
    if parts is None or not isinstance(facts, dict):
        raise BadCard(f"{where} has no front matter. A card starts with YAML between two lines ---")
    return facts, printable_lines(parts[2]).strip()
