"""Data modules of lines of text."""

from collections.abc import Callable
from functools import cached_property
from typing import ClassVar

import torch

from zoo.core.arguments import Count
from zoo.core.modality import Text
from zoo.core.modality.text import END
from zoo.data.arrays import Examples, Split, every_tenth
from zoo.data.module import ZooDataModule
from zoo.data.texts import TextDataModule, TextFiles, TinyShakespeare
from zoo.errors import BadRecipe

LEAST = 20  # lines


class TextLineModule(ZooDataModule):
    """Batches of lines (n, length) of a text as indices into its characters, filled with ends of
    lines, and labels (n, 0); every tenth line is in the test split.

    Spaces around a line are removed. Empty lines, and lines of more than `length` characters, are
    left out. Raises BadRecipe for fewer than 20 lines.
    """

    recorded: ClassVar[tuple[str, ...]] = ("batch_size", "length")
    own_files = "zoo.data.TextLines"
    texts: ClassVar[Callable[[str | None], TextDataModule]]

    def __init__(self, root: str | None = None, batch_size: Count = 64, length: Count = 48) -> None:
        super().__init__(root, batch_size)
        if length < 1:
            raise BadRecipe(f"length must be >= 1, got {length}. The default is 48")
        self.length = length

    def prepare_data(self) -> None:
        """Prepare the whole text, of which these are the lines."""
        if not self.offline:
            type(self).texts(self.given_root).prepare_data()

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        self.prepare_data()
        text = type(self).texts(self.given_root).read_text()
        stripped = (line.strip() for line in text.splitlines())
        found = [line for line in stripped if 0 < len(line) <= self.length and line.isprintable()]
        if len(found) < LEAST:
            raise BadRecipe(
                f"the text must have at least {LEAST} lines of at most {self.length} characters, "
                f"got {len(found)}. Set --data.init_args.length"
            )
        return found

    @property
    def modality(self) -> Text:
        return Text("".join(sorted({END, *"".join(self.lines)})), self.length)

    def model_arguments(self) -> dict[str, object]:
        return {"vocabulary": self.modality.vocabulary, "length": self.length}

    def read(self, split: Split) -> Examples:
        chosen = [self.lines[i] for i in every_tenth(len(self.lines), split).tolist()]
        text = "".join(line.ljust(self.length, END) for line in chosen)
        values = self.modality.store(self.modality.encode(text)).unflatten(0, (-1, self.length))
        return Examples(values, torch.empty(len(values), 0))


class TextLines(TextLineModule):
    """Lines of a text file of your own, or of all .txt and .md files below a folder, in UTF-8."""

    source = TextFiles.source
    own_paths = ("root",)
    texts = TextFiles


class ShakespeareLines(TextLineModule):
    """Lines of tiny Shakespeare: see TinyShakespeare."""

    source = TinyShakespeare.source
    texts = TinyShakespeare

    @property
    def modality(self) -> Text:
        return Text(TinyShakespeare.vocabulary, self.length)
