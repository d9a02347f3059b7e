"""Texts: files of one's own, and tiny Shakespeare (Karpathy, 2015)."""

from abc import abstractmethod
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from zoo.core.arguments import Count
from zoo.core.modality import Text
from zoo.core.modality.text import frequent_words
from zoo.data.arrays import DatasetInfo, Split
from zoo.data.downloads import fetch, write
from zoo.data.listing import list_files
from zoo.data.streams import StreamDataModule
from zoo.errors import BadRecipe, MissingData
from zoo.text import plain

LARGEST = 100_000_000  # bytes of text
ENDINGS = (".txt", ".md")  # of the files of a folder


class TextDataModule(StreamDataModule):
    """Windows (n, length) of a text, of which the last part, `held_out`, is the test split.

    The tokens are characters and the most frequent `words` of the training split, by default none.
    Carriage returns and control characters are removed. Raises BadRecipe for a text that is shorter
    than a few windows, or has more than 100 MB.
    """

    recorded: ClassVar[tuple[str, ...]] = ("batch_size", "length", "held_out", "words")
    own_files = "zoo.data.TextFiles"

    def __init__(
        self,
        root: str | None = None,
        batch_size: Count = 64,
        length: Count = 128,
        held_out: float = 0.1,
        words: int = 0,
    ) -> None:
        super().__init__(root, batch_size, length)
        if not 0 < held_out < 1:
            raise BadRecipe(f"held_out must be > 0 and < 1, got {held_out}. The default is 0.1")
        if words < 0:
            raise BadRecipe(f"words must be >= 0, got {words}. The default is 0: characters alone")
        self.held_out, self.words = held_out, words

    @abstractmethod
    def read_text(self) -> str:
        """The whole text."""

    @cached_property
    def text(self) -> str:
        """The whole text without carriage returns and control characters."""
        text = plain(self.read_text().replace("\r\n", "\n").replace("\r", "\n"))
        if len(text) < 2 * (self.length + 1) / min(self.held_out, 1 - self.held_out):
            raise BadRecipe(
                f"the text must have at least {2 * (self.length + 1) / self.held_out:,.0f} "
                f"characters, got {len(text):,}. Add text, or reduce --data.init_args.length"
            )
        return text

    @cached_property
    def parts(self) -> dict[Split, str]:
        """The text of each split."""
        cut = round(len(self.text) * (1 - self.held_out))
        return {"train": self.text[:cut], "test": self.text[cut:]}

    @cached_property
    def modality(self) -> Text:
        """All characters of the text, in their order in Unicode, and its words."""
        words = frequent_words(self.parts["train"], self.words) if self.words else ()
        return Text("".join(sorted(set(self.text))), words=words)

    def model_arguments(self) -> dict[str, object]:
        return {"vocabulary": self.modality.vocabulary, "words": list(self.modality.words)}

    def sequence(self, split: Split) -> Tensor:
        return self.modality.store(self.modality.encode(self.parts[split]))


class TextFiles(TextDataModule):
    """A text file of your own, or all .txt and .md files below a folder in the order of their
    paths, in UTF-8. Raises BadRecipe for another encoding, MissingData where there are none."""

    own_paths = ("root",)
    source = DatasetInfo("your own text", "not published", "unknown", "unknown")
    damage_remedy = "Check that the disk is mounted and that you may read it"

    def prepare_data(self) -> None:
        """Nothing: the files are where they are."""

    def read_text(self) -> str:
        files = self.files()
        if (size := sum(file.stat().st_size for file in files)) > LARGEST:
            raise BadRecipe(
                f"the text must have at most {LARGEST:,} bytes, got {size:,}. Name fewer files by "
                "--data.init_args.root"
            )
        return "\n".join(read_utf8(file) for file in files)

    def files(self) -> list[Path]:
        """The files that `root` names."""
        if self.given_root is None:
            raise MissingData(
                "root must be a file or a folder of text, got none. Name it by "
                "`zoo fit NAME --data FILE`"
            )
        found = [self.root] if self.root.is_file() else list_files(self.root, ENDINGS).files
        if not found:
            raise MissingData(
                f"root must be a text file, or a folder with {' or '.join(ENDINGS)} files, got "
                f"{self.root}. Name another by `zoo fit NAME --data FILE`"
            )
        return found


def read_utf8(file: Path) -> str:
    """The text of a file; raises BadRecipe unless it is UTF-8 without null characters."""
    content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRecipe(
            f"{file} must be text in UTF-8, got the byte 0x{content[error.start]:02x} at position "
            f"{error.start:,}. Convert it, as by `iconv -f latin1 -t utf-8`"
        ) from error
    if "\0" in text:
        raise BadRecipe(f"{file} must be text, got null characters. Name a text file")
    return text


class TinyShakespeare(TextDataModule):
    """1,115,394 characters of plays by Shakespeare, in `root/tinyshakespeare.txt`, downloaded from
    Karpathy's repository."""

    source = DatasetInfo(
        "tiny Shakespeare",
        "https://github.com/karpathy/char-rnn",
        "public domain, collected by Karpathy (repository: MIT)",
        "Apache-2.0",
    )
    file = "tinyshakespeare.txt"
    address = (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
    )
    file_sha256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
    vocabulary = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    @property
    def modality(self) -> Text:  # without words, known before the download
        return super().modality if self.words else Text(self.vocabulary)

    def download(self) -> None:
        if (self.root / self.file).is_file():
            return
        content = fetch(self.address, LARGEST)
        self.check(content)
        write(content, self.root / self.file)

    def read_text(self) -> str:
        self.prepare_data()
        content = (self.root / self.file).read_bytes()
        self.check(content)
        return content.decode("utf-8")

    def check(self, content: bytes) -> None:
        """Raise ValueError unless the content is that of the published file."""
        if (digest := sha256(content).hexdigest()) != self.file_sha256:
            raise ValueError(f"sha256 must be {self.file_sha256:.12}, got {digest:.12}")
