"""MNIST (LeCun et al., 1998) and Fashion-MNIST (Xiao et al., 2017), by torchvision."""

import numpy as np
import torch
from torch.nn.functional import pad
from torchvision import datasets

from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.errors import BadRecipe

RAW = [
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
]


class MNIST(ImageDataModule):
    """Images (n, 1, size, size): 28 as published, or 32 with two black pixels on every side."""

    source = DatasetInfo(
        "MNIST",
        "http://yann.lecun.com/exdb/mnist",
        "CC BY-SA 3.0, by LeCun & Cortes",
        "Apache-2.0",
    )
    channels = 1
    extractor = "lenet-mnist"
    files = datasets.MNIST
    classes = tuple("0123456789")

    def download(self) -> None:
        raw = self.root / self.files.__name__ / "raw"
        if not all((raw / name).is_file() for name in RAW):
            self.files(str(self.root), download=True)

    def read(self, split: Split) -> Examples:
        if self.size not in (28, 32):
            raise BadRecipe(f"{self.source.title} comes at size 28 or 32, not {self.size}")
        self.prepare_data()
        images = self.files(str(self.root), train=split == "train")
        if images.data.shape[1:] != (28, 28):
            raise ValueError(f"images must be (n, 28, 28), got {tuple(images.data.shape)}")
        border = (self.size - 28) // 2
        return Examples(pad(images.data[:, None], (border,) * 4), torch.as_tensor(images.targets))


class FashionMNIST(MNIST):
    """Images (n, 1, size, size): 28 as published, or 32 with two black pixels on every side."""

    source = DatasetInfo(
        "Fashion-MNIST",
        "https://github.com/zalandoresearch/fashion-mnist",
        "MIT, by Zalando SE",
        "Apache-2.0",
    )
    extractor = "lenet-fashion-mnist"
    files = datasets.FashionMNIST
    classes = (
        "T-shirt",
        "trousers",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )


class BinarizedMNIST(MNIST):
    """Images (n, 1, 28, 28), every pixel -1 or 1: black or white, drawn once and for all.

    A pixel is white with the probability of its grey level, as Salakhutdinov & Murray, 2008, do
    it. The draw is not that of the files by Larochelle & Murray, 2011, but one that a seeded
    generator of NumPy repeats on every machine; likelihoods differ by what another draw makes.
    """

    source = DatasetInfo(
        "MNIST, statically binarised",
        "http://yann.lecun.com/exdb/mnist",
        "CC BY-SA 3.0, by LeCun & Cortes",
        "Apache-2.0",
    )
    usual_size = 28

    def read(self, split: Split) -> Examples:
        if self.size != 28:
            raise BadRecipe(f"{self.source.title}, comes at size 28, not {self.size}")
        grey = super().read(split)
        stream = np.random.RandomState(0 if split == "train" else 1)  # never changes: NEP 19
        levels = stream.randint(0, 255, tuple(grey.pixels.shape), dtype=np.uint8)
        white = grey.pixels > torch.from_numpy(levels)  # P(white) = grey / 255, exactly
        return Examples(white * torch.tensor(255, dtype=torch.uint8), grey.labels)
