"""Pictures that are decoded when their turn has come: places of their bytes."""

import io
import tarfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from zoo.data.inventory import is_grey, shown
from zoo.data.listing import is_picture
from zoo.data.resumable import Batch
from zoo.data.user_images import Unreadable, grey
from zoo.decoding import BadPicture, Header, open_regular, quiet_decoders, square
from zoo.errors import BadRecipe


class ImageEntry(NamedTuple):
    """Where a picture's bytes are: in a file of its own, or inside of a tar file."""

    path: str
    start: int
    size: int
    label: int

    def content(self) -> io.BytesIO:
        """Its bytes; raises BadPicture."""
        try:
            with open_regular(Path(self.path)) as file:
                file.seek(self.start)
                content = file.read(self.size)
        except OSError as error:
            raise BadPicture(f"cannot be read ({error.strerror})") from error
        if not content:
            raise BadPicture("is empty")
        return io.BytesIO(content)

    def name(self, root: Path) -> str:
        """Its path below the root, for people; in a tar file with the name that it has there."""
        path = Path(self.path)
        shown = str(path.relative_to(root)) if path.is_relative_to(root) else self.path
        if path.suffix.lower() != ".tar":
            return shown
        with tarfile.open(path, "r:") as archive:
            names = [member.name for member in archive if member.offset_data == self.start]
        return f"{shown}:{''.join(names[:1])}"


class UnreadableImage(BadRecipe):
    """A picture that cannot be read, in one line also when it comes from a worker process, where
    torch writes the traceback before it."""

    def __init__(self, message: str) -> None:
        super().__init__(message.strip().rpartition("UnreadableImage: ")[2])


class StreamedImages(Dataset[Batch]):
    """Pictures decoded when they are asked for. By `skip` the next one takes the place of one
    that cannot be; else that raises UnreadableImage."""

    def __init__(
        self,
        pieces: list[ImageEntry],
        size: int,
        labels: bool,
        channels: int = 3,
        unreadable: Unreadable = "stop",
        root: Path = Path(),
    ) -> None:
        self.pieces, self.size, self.labels = pieces, size, labels
        self.channels, self.unreadable, self.root = channels, unreadable, root

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitems__(self, indices: list[int]) -> Batch:
        """Images (n, channels, size, size) in uint8 and labels (n,), or (n, 0)."""
        with quiet_decoders():
            found = [self.readable(i) for i in indices]
        pixels = torch.from_numpy(np.stack([pixels for pixels, _ in found]))
        labels = torch.tensor([label for _, label in found])
        pixels = grey(pixels) if self.channels == 1 else pixels
        return pixels, labels if self.labels else torch.empty(len(found), 0)

    def readable(self, i: int) -> tuple[np.ndarray, int]:
        """A picture and its label, or the next one's; raises UnreadableImage."""
        for k in range(len(self.pieces)):
            piece = self.pieces[(i + k) % len(self.pieces)]
            try:
                return square(piece.content(), self.size)[0], piece.label
            except BadPicture as fault:
                if self.unreadable == "stop":
                    raise UnreadableImage(
                        f"{shown(piece.name(self.root))} {fault}. Mend it or move it away, or "
                        "leave out such pictures by --data.init_args.unreadable skip"
                    ) from fault
        raise UnreadableImage(f"none of the {len(self.pieces):,} pictures can be read")


def look(piece: ImageEntry, size: int) -> tuple[Header, bool] | BadPicture:
    """What a picture is and whether it is grey, or why it cannot be read."""
    try:
        pixels, header = square(piece.content(), size)
    except BadPicture as fault:
        return fault
    return header, is_grey(pixels[None])


class Inside(NamedTuple):
    """The pictures of a tar file, and by name why others of its files cannot be read."""

    pieces: list[ImageEntry]
    faults: dict[str, str]


def inside(path: Path, label: int) -> Inside:
    """The pictures of an uncompressed tar file, of its own class unless `.cls` files name others;
    raises BadPicture for another file, and for one that is cut off or damaged."""
    classes, found, faults = dict[str, int](), list[tarfile.TarInfo](), dict[str, str]()
    try:
        with open_regular(path) as content, tarfile.open(fileobj=content, mode="r:") as archive:
            for member in archive:
                stem, dot, ending = member.name.rpartition(".")
                try:
                    if dot + ending == ".cls" and (file := archive.extractfile(member)):
                        classes[stem] = label_in(file.read(20))
                    elif is_picture(member.name) and not member.isdir():
                        found.append(plain(member))
                except ValueError as error:
                    faults[member.name] = str(error)
            content.seek(archive.offset)
            if any(content.read(tarfile.BLOCKSIZE)):
                raise tarfile.ReadError(f"damaged at byte {archive.offset:,}")
    except (tarfile.TarError, ValueError, LookupError, OSError) as error:
        raise BadPicture(f"is not a plain tar file of pictures ({error})") from error
    found = [m for m in found if f"{m.name.rpartition('.')[0]}.cls" not in faults]
    return Inside(
        [
            ImageEntry(
                str(path), m.offset_data, m.size, classes.get(m.name.rpartition(".")[0], label)
            )
            for m in found
        ],
        faults,
    )


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member whose bytes lie in the tar file as they are; raises ValueError for another one."""
    if not member.isfile() or member.issparse():
        kind = "a sparse file" if member.isfile() else "a link or device"
        raise ValueError(f"is {kind} in a tar file: store it as a regular file")
    return member


def label_in(content: bytes) -> int:
    """The class that a .cls file holds; raises ValueError."""
    try:
        label = int(content)
    except ValueError:
        label = -1
    if not 0 <= label < 2**31:
        raise ValueError(f"must hold a class from 0 to 2^31 - 1, got {content[:20]!r}")
    return label
