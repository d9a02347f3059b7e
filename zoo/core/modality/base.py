"""The base of all modalities."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NamedTuple

from torch import Tensor

from zoo.errors import BadRecipe, ZooError


class Modality(ABC):
    """A kind of data: how it is stored, what a model takes, and how people look at it.

    `values` are examples (n, ...) as a data set stores them, `samples` are examples as a model
    takes and returns them.
    """

    noun: ClassVar[str]  # of several examples, in messages
    suffix: ClassVar[str]  # of the file that `render` writes
    formats: ClassVar[tuple[str, ...]] = ()  # other endings of files that it writes
    columns: ClassVar[int] = 8  # of samples, side by side in that file
    most: ClassVar[int] = 10_000  # samples in one file

    @abstractmethod
    def normalize(self, values: Tensor) -> Tensor:
        """Stored values (n, ...) as a model takes them."""

    def to_array(self, values: Tensor) -> Tensor:
        """Stored values (n, ...) in the layout of NumPy arrays in files."""
        return values

    @abstractmethod
    def store(self, samples: Tensor) -> Tensor:
        """The inverse of `normalize`, rounded to what a data set stores."""

    def check(self, samples: Tensor) -> None:  # noqa: B027
        """Raise BadInput unless samples (n, ...) are what a model of this modality takes."""

    def images(self, samples: Tensor) -> Tensor:
        """Images (n, channels, h, w) in [-1, 1] that show samples (n, ...) to people; raises
        ZooError where there are none."""
        raise ZooError(f"{self.noun} have no pictures. Write them to a file by `zoo sample`")

    def normalize_labels(self, labels: Tensor) -> Tensor:
        """Stored labels (n, ...) as a model takes them: unchanged unless they are targets."""
        return labels

    @abstractmethod
    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        """Stored values (n, ...) of random content and labels, for a test that needs no files."""

    @abstractmethod
    def mismatch(self, data: "Modality") -> "Mismatch | None":
        """Why a model of this modality cannot take that of `data`; None where it can."""

    @abstractmethod
    def render(self, samples: Tensor, path: Path, columns: int = 8) -> None:
        """Write samples (n, ...) into a file with the ending `suffix`, `columns` side by side, or
        with one of `formats`."""

    @abstractmethod
    def compare(self, path: Path, other: Path) -> str:
        """How far two rendered files differ, for people; raises ZooError where rounding does not
        explain it."""

    def texts(self, samples: Tensor) -> list[str]:
        """What a terminal can show of samples (n, ...): none, unless they are text."""
        return []

    def inputs(self, path: Path) -> Tensor:
        """The inputs (n, ...) of a rendered translation; raises ZooError where there are none."""
        raise ZooError(f"{path} must show inputs beside outputs, got {self.noun}")

    def check_data(self, data: "Modality") -> None:
        """Raise BadRecipe unless a model of this modality can be trained on that of `data`."""
        if found := self.mismatch(data):
            raise BadRecipe(f"{found.reason}. {found.remedy}, or choose other data")

    def first_difference(self, data: "Modality", names: tuple[str, ...]) -> "Mismatch | None":
        """The mismatch of the first of the attributes `names`, which are arguments of the model, in
        which data of the same kind differs; None without one."""
        for name in names:
            wanted, found = getattr(self, name), getattr(data, name)
            if wanted != found:
                reason = f"{name} of the data must be {wanted}, as the model has it, got {found}"
                return Mismatch(reason, f"Set --model.init_args.{name} {found}")
        return None

    def other_kind(self, data: "Modality") -> "Mismatch":
        """The mismatch of two classes of modality."""
        reason = f"the data must be {self.noun}, as the model takes them, got {data.noun}"
        return Mismatch(reason, "Choose another model")


class Mismatch(NamedTuple):
    """Why a model cannot take data, and what to set."""

    reason: str
    remedy: str
