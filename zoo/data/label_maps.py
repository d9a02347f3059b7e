"""Label maps with photographs: published ones, and those of a user."""

from typing import ClassVar, get_args

import numpy as np
from PIL import Image
from PIL.Image import Resampling
from PIL.ImageOps import fit

from zoo.core.arguments import Count
from zoo.core.modality import LabelMaps
from zoo.data.arrays import Split
from zoo.data.own_pairs import PairedFolders
from zoo.data.pairs import ImagePairDataModule, Pair, PairFiles, read_upright, resized
from zoo.decoding import BadPicture, opened
from zoo.errors import BadRecipe
from zoo.plotting.label_colors import LABELS, read_labels

FEWEST = 2  # labels


class LabelMapDataModule(ImagePairDataModule):
    """Batches of label maps (n, 1, size, size) in int64 and images (n, 3, size, size) in [-1, 1].

    Both are center squares; label maps are resized to their nearest pixels. In training, `jitter`
    enlarges each pair by 286/256 and crops it at a random position, `mirror` flips half of the
    pairs.
    """

    given_labels: int | None = None  # else as many as the files have
    segmenter: ClassVar[str] = ""  # the model of the zoo that finds the labels of images
    input_mode = "nearest"
    default_size = 64

    @property
    def labels(self) -> int:
        """The number of labels: that of a data set, or one more than the largest in the files."""
        if self.given_labels is None:
            largest = (self.examples(split).values.max() for split in get_args(Split))
            self.given_labels = max(FEWEST, 1 + int(max(largest)))
        return self.given_labels

    @property
    def modality(self) -> LabelMaps:
        return LabelMaps((1, self.size, self.size), (3, self.size, self.size), self.labels)

    def model_arguments(self) -> dict[str, object]:
        return {"size": self.size, "labels": self.labels}

    def decode(self, files: PairFiles) -> Pair:
        with opened(files[0]) as image:
            labels = read_labels(image, self.given_labels or LABELS)
        photo = read_upright(files[1])
        if labels.shape != photo.size[::-1]:
            raise BadPicture(
                f"must be of the size of its image, {photo.width} x {photo.height} pixels, got "
                f"{labels.shape[1]} x {labels.shape[0]}"
            )
        square = fit(Image.fromarray(labels), (self.size, self.size), Resampling.NEAREST)
        return Pair(np.asarray(square)[None], resized(photo, self.size))


class LabelMapFolders(LabelMapDataModule, PairedFolders):
    """Label maps in the folder `labels`, images in the folder `images`, below `root` or below its
    `train` and `test`.

    Two files form a pair by equal paths in their folders, apart from the endings. A label map is a
    gray PNG or one with a palette, whose pixels are the numbers of labels from 0, or a picture in
    the colors of labels; by default there is one label more than the largest of them. Raises
    BadRecipe without a root, for `labels` outside of 2 to 256, and unless all pairs are complete,
    readable and of equal sizes.
    """

    recorded = ("labels", "size", "batch_size", "jitter", "mirror")

    def __init__(
        self,
        root: str | None = None,
        labels: Count | None = None,
        size: Count | None = None,
        batch_size: Count = 8,
        jitter: bool = False,
        mirror: bool = False,
    ) -> None:
        super().__init__(root, "labels", "images", size, batch_size, False, jitter, mirror)
        if labels is not None and not FEWEST <= labels <= LABELS:
            raise BadRecipe(
                f"labels must be from {FEWEST} to {LABELS}, got {labels}. Leave it out to count "
                "those of the files"
            )
        self.given_labels = labels
