"""Digits: scans at 8 x 8 in 17 gray levels, bundled with scikit-learn; no download.

Alpaydin & Kaynak, 1998, https://doi.org/10.24432/C50P49: the test part of that set.
"""

import torch

from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.errors import BadRecipe

TRAIN = 1500  # of 1797 scans in file order: the last writers are the test split


class Digits(ImageDataModule):
    """Images (n, 1, 8, 8) with labels (n,). Distances are to the training split: the test split has
    297 images."""

    source = DatasetInfo(
        "Digits",
        "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        "CC BY 4.0, by Alpaydin & Kaynak",
        "Apache-2.0",
    )
    channels = 1
    default_size = 8
    extractor = "pixels"
    reference = "train"

    def read(self, split: Split) -> Examples:
        from sklearn.datasets import load_digits

        if self.size != 8:
            raise BadRecipe(f"size of Digits must be 8, got {self.size}. Set data.size to 8")
        part = slice(TRAIN) if split == "train" else slice(TRAIN, None)
        digits = load_digits()
        pixels = torch.from_numpy(digits.images[part] * 255 / 16).round()  # 0 to 16, to 0 to 255
        return Examples(pixels.to(torch.uint8)[:, None], torch.from_numpy(digits.target[part]))
