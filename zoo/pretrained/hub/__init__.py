"""The Hugging Face Hub: models come from there, are checked once, kept, and published there."""

import re
from typing import NamedTuple

NAME = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@(?!.*\.\.)(\w[\w./-]*))?")


class RepoRef(NamedTuple):
    """A repository of the Hub at a branch, a tag or a commit; at `main` where none is named."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}" if self.revision else self.repository

    @classmethod
    def named(cls, name: str) -> "RepoRef | None":
        """What `owner/name[@revision]` names; None for a text of another form."""
        parts = NAME.fullmatch(name)
        return cls(parts[1], parts[2]) if parts else None
