"""The fixed binarization of MNIST.

Larochelle & Murray, 2011, http://proceedings.mlr.press/v15/larochelle11a
"""

import numpy as np
import torch

from zoo.data.downloads import fetch
from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.errors import BadRecipe
from zoo.files import atomic_write

ADDRESS = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/binarized_mnist_"
COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
LARGEST = 100_000_000  # bytes of one downloaded file


class FixedBinarizedMNIST(ImageDataModule):
    """Images (n, 1, 28, 28) of binary pixels, -1 black and 1 white: the sample that published
    likelihoods are measured on. Without class labels.

    The training split is `train` and `valid` of the published files, 60,000 images together. The
    test images, which are sorted by class there, are shuffled, always alike. Images are read from
    `root/binarized_mnist.npz`, whose rows (n, 98) hold the pixels as bits; a download writes it.
    """

    source = DatasetInfo(
        "MNIST, binarised by Larochelle & Murray",
        "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist",
        "CC BY-SA 3.0, by LeCun & Cortes",
        "Apache-2.0",
    )
    channels = 1
    default_size = 28
    extractor = "lenet-mnist"
    file = "binarized_mnist.npz"

    def download(self) -> None:
        if (self.root / self.file).is_file():
            return
        parts = {}
        for name, count in COUNTS.items():
            parts[name] = pack(fetch(f"{ADDRESS}{name}.amat", LARGEST), count)
        with atomic_write(self.root / self.file) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **parts)

    def read(self, split: Split) -> Examples:
        if self.size != 28:
            raise BadRecipe(
                f"size of {self.source.title} must be 28, got {self.size}. Set data.size to 28"
            )
        self.prepare_data()
        names = ("train", "valid") if split == "train" else ("test",)
        with np.load(self.root / self.file, allow_pickle=False) as archive:
            packed = np.concatenate([archive[name] for name in names])
        if packed.dtype != np.uint8 or packed.shape != (sum(COUNTS[n] for n in names), 98):
            raise ValueError(f"rows must be (n, 98) in uint8, got {packed.shape}, {packed.dtype}")
        if split == "test":  # which the file sorts by class: any part of it shall have all classes
            packed = packed[np.random.RandomState(0).permutation(len(packed))]
        white = torch.from_numpy(np.unpackbits(packed, axis=1)).view(-1, 1, 28, 28)
        return Examples(white * 255, torch.empty(len(white), 0, dtype=torch.int64))


def pack(content: bytes, count: int) -> np.ndarray:
    """The rows of a text file of 0 and 1 as bits (count, 98); raises ValueError for another one."""
    digits = np.frombuffer(content, np.uint8)
    digits = digits[(digits == ord("0")) | (digits == ord("1"))] - ord("0")
    if digits.size != count * 784:
        raise ValueError(f"a file must have {count} rows of 784 pixels, got {digits.size} pixels")
    return np.packbits(digits.reshape(count, 784), axis=1)
