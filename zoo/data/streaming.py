"""Pictures that are decoded on demand, from files and from inside tar files."""

import io
import tarfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from zoo.data.inventory import is_gray, printable_name
from zoo.data.listing import is_picture
from zoo.data.resumable import Batch
from zoo.data.user_images import Unreadable, to_gray
from zoo.decoding import BadPicture, Header, open_regular, quiet_decoders, square
from zoo.errors import BadRecipe


class ImageEntry(NamedTuple):
    """An encoded picture: `size` bytes from `start` on, of an image file or a tar file."""

    path: str
    start: int
    size: int
    label: int

    def content(self) -> io.BytesIO:
        """The encoded bytes; raises BadPicture."""
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
        """The path below `root`; `FILE.tar:NAME` inside a tar file."""
        path = Path(self.path)
        relative = str(path.relative_to(root)) if path.is_relative_to(root) else self.path
        if path.suffix.lower() != ".tar":
            return relative
        with tarfile.open(path, "r:") as archive:
            names = [member.name for member in archive if member.offset_data == self.start]
        return f"{relative}:{''.join(names[:1])}"


class UnreadableImage(BadRecipe):
    """An unreadable picture. The message is one line also from a worker process, for which torch
    puts the traceback in front of it."""

    def __init__(self, message: str) -> None:
        super().__init__(message.strip().rpartition("UnreadableImage: ")[2])


class StreamedImages(Dataset[Batch]):
    """Pictures decoded on demand. Unreadable ones raise UnreadableImage, or are replaced by the
    next readable one where `unreadable` is `skip`."""

    def __init__(
        self,
        entries: list[ImageEntry],
        size: int,
        labels: bool,
        channels: int = 3,
        unreadable: Unreadable = "stop",
        root: Path = Path(),
    ) -> None:
        self.entries, self.size, self.labels = entries, size, labels
        self.channels, self.unreadable, self.root = channels, unreadable, root

    def __len__(self) -> int:
        return len(self.entries)

    def __getitems__(self, indices: list[int]) -> Batch:
        """Images (n, channels, size, size) in uint8 with labels (n,), or (n, 0)."""
        with quiet_decoders():
            examples = [self.decode(i) for i in indices]
        pixels = torch.from_numpy(np.stack([pixels for pixels, _ in examples]))
        labels = torch.tensor([label for _, label in examples])
        pixels = to_gray(pixels) if self.channels == 1 else pixels
        return pixels, labels if self.labels else torch.empty(len(examples), 0)

    def decode(self, i: int) -> tuple[np.ndarray, int]:
        """Picture i (3, size, size) in uint8 with its label, or the next readable one; raises
        UnreadableImage."""
        for k in range(len(self.entries)):
            entry = self.entries[(i + k) % len(self.entries)]  # the first follows the last
            try:
                return square(entry.content(), self.size)[0], entry.label
            except BadPicture as fault:
                if self.unreadable == "stop":
                    raise UnreadableImage(
                        f"{printable_name(entry.name(self.root))} {fault}. Repair or remove it, or "
                        "leave out such pictures by --data.init_args.unreadable skip"
                    ) from fault
        raise UnreadableImage(
            f"pictures below {self.root} must be readable, got {len(self.entries):,} that are not"
        )


def inspect_entry(entry: ImageEntry, size: int) -> tuple[Header, bool] | BadPicture:
    """The header of a picture and whether it is gray, or the fault of an unreadable one."""
    try:
        pixels, header = square(entry.content(), size)
    except BadPicture as fault:
        return fault
    return header, is_gray(pixels[None])


class ImageIndex(NamedTuple):
    """Picture entries, and by name the faults of files that contain none."""

    entries: list[ImageEntry]
    faults: dict[str, str]


def index_tar(path: Path, label: int) -> ImageIndex:
    """The pictures of an uncompressed tar file, with the class of `NAME.cls` beside `NAME.jpg`,
    else `label`; raises BadPicture for another kind of file and for a damaged one."""
    classes, members, faults = dict[str, int](), list[tarfile.TarInfo](), dict[str, str]()
    try:
        with open_regular(path) as content, tarfile.open(fileobj=content, mode="r:") as archive:
            for member in archive:
                stem, dot, ending = member.name.rpartition(".")
                try:
                    if dot + ending == ".cls" and (file := archive.extractfile(member)):
                        classes[stem] = parse_label(file.read(20))
                    elif is_picture(member.name) and not member.isdir():
                        members.append(require_regular(member))
                except ValueError as error:
                    faults[member.name] = str(error)
            # tarfile stops at a damaged header as at the end: behind the end are only zeros
            content.seek(archive.offset)
            if any(content.read(tarfile.BLOCKSIZE)):
                raise tarfile.ReadError(f"damaged at byte {archive.offset:,}")
    except (tarfile.TarError, ValueError, LookupError, OSError) as error:
        raise BadPicture(f"is not an uncompressed tar file of pictures ({error})") from error
    entries = []
    for member in members:
        stem = member.name.rpartition(".")[0]
        if f"{stem}.cls" not in faults:
            place = str(path), member.offset_data, member.size
            entries.append(ImageEntry(*place, classes.get(stem, label)))
    return ImageIndex(entries, faults)


def require_regular(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member whose bytes are contiguous in the tar file; raises ValueError for others."""
    if not member.isfile() or member.issparse():
        kind = "a sparse file" if member.isfile() else "a link or device"
        raise ValueError(f"must be a regular file in its tar file, got {kind}")
    return member


def parse_label(content: bytes) -> int:
    """The class in a .cls file; raises ValueError."""
    try:
        label = int(content)
    except ValueError:
        label = -1
    if not 0 <= label < 2**31:
        raise ValueError(f"must be a class from 0 to 2^31 - 1, got {content[:20]!r}")
    return label
