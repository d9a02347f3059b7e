"""A user's own pairs of images: side by side in one file, or in two folders."""

from abc import ABC
from pathlib import Path

from zoo.core.arguments import Count
from zoo.data.arrays import DatasetInfo
from zoo.data.inventory import join_faults, printable_name
from zoo.data.listing import list_files
from zoo.data.pairs import (
    ImagePairDataModule,
    Pair,
    PairFiles,
    decode_halves,
    read_upright,
    resized,
)
from zoo.decoding import BadPicture
from zoo.errors import BadRecipe


class OwnPairs(ImagePairDataModule, ABC):
    """Pairs of images below `root`. Raises BadRecipe without a root, and unless all pairs are
    complete and readable."""

    source = DatasetInfo("your own pairs", "not published", "unknown", "unknown")
    own_paths = ("root",)

    def __init__(
        self,
        root: str | None = None,
        size: Count | None = None,
        batch_size: Count = 1,
        reverse: bool = False,
        jitter: bool = False,
        mirror: bool = False,
    ) -> None:
        super().__init__(root, size, batch_size, reverse, jitter, mirror)
        if root:
            self.source = self.source.named(self.root.resolve(), "pairs")

    def prepare_data(self) -> None:
        if not self.given_root and not self.splits:
            raise BadRecipe(
                "root must be a folder of pairs, got none. Name it by --data.init_args.root"
            )
        super().prepare_data()

    def damaged(self, error: Exception) -> BadRecipe:
        return BadRecipe(
            f"pairs below {self.folder.absolute()} must be complete and readable: {error}. Repair "
            "or remove these files"
        )


class SideBySide(OwnPairs):
    """Pairs side by side in one file, as the authors of pix2pix publish theirs: the left half is
    the input, the right half the target, both squares."""

    def decode(self, files: PairFiles) -> Pair:
        return decode_halves(files[0], self.size)


class PairedFolders(OwnPairs):
    """Pairs in the folders `input_folder` and `target_folder`, below `root`, or below its `train`
    and `test`.

    Two files form a pair by equal paths in their folders, apart from the endings. They have equal
    sizes in pixels; their center squares are used.
    """

    recorded = (*OwnPairs.recorded, "input_folder", "target_folder")

    def __init__(
        self,
        root: str | None = None,
        input_folder: str = "inputs",
        target_folder: str = "targets",
        size: Count | None = None,
        batch_size: Count = 1,
        reverse: bool = False,
        jitter: bool = False,
        mirror: bool = False,
    ) -> None:
        super().__init__(root, size, batch_size, reverse, jitter, mirror)
        self.input_folder, self.target_folder = input_folder, target_folder

    def list_pairs(self, folder: Path) -> list[PairFiles]:
        sides = [by_stem(folder / name) for name in (self.input_folder, self.target_folder)]
        if single := sorted(sides[0].keys() ^ sides[1].keys()):
            files = {str((sides[0] | sides[1])[stem].relative_to(folder)) for stem in single}
            faults = dict.fromkeys(files, "must have a partner of equal name")
            raise BadPicture(join_faults(faults))
        return [(file, sides[1][stem]) for stem, file in sides[0].items()]

    def decode(self, files: PairFiles) -> Pair:
        images = [read_upright(file) for file in files]
        (width, height), found = (image.size for image in images)
        if (width, height) != found:
            name = printable_name(files[1].name)
            raise BadPicture(
                f"must be of the size of its partner {name}, {found[0]} x {found[1]} pixels, got "
                f"{width} x {height}"
            )
        return Pair(*(resized(image, self.size) for image in images))


def by_stem(folder: Path) -> dict[Path, Path]:
    """The image files below a folder by their paths in it without endings; raises BadPicture for
    two files of one such path, and where there is no folder."""
    if not folder.is_dir():
        raise BadPicture(f"{printable_name(folder.name)} must be a folder, got none")
    found = dict[Path, Path]()
    for file in list_files(folder).files:
        stem = file.relative_to(folder).with_suffix("")
        if stem in found:
            other = printable_name(found[stem].name)
            raise BadPicture(f"{printable_name(file.name)} must differ from {other} in its name")
        found[stem] = file
    return found
