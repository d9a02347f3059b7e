"""Models on the Hugging Face Hub: downloaded, verified, cached, and published."""

import re
from typing import NamedTuple

NAME = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?:@(?!.*\.\.)(\w[\w./-]*))?")
# endings of a preview, one for each modality; a .png beside one of the others illustrates it
PREVIEWS = (".wav", ".csv", ".txt", ".png")


class RepoRef(NamedTuple):
    """A repository of the Hub at a branch, a tag or a commit; at `main` where none is given."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}" if self.revision else self.repository

    @classmethod
    def parse(cls, name: str) -> "RepoRef | None":
        """The repository `owner/name[@revision]`; None for text of another form."""
        parts = NAME.fullmatch(name)
        return cls(parts[1], parts[2]) if parts else None
