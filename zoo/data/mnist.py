"""MNIST (LeCun et al., 1998) and Fashion-MNIST (Xiao et al., 2017), read by torchvision."""

import numpy as np
import torch
from torch.nn.functional import pad
from torchvision import datasets

from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.errors import BadRecipe

RAW_FILES = [
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
]


class MNIST(ImageDataModule):
    """Images (n, 1, size, size) with labels (n,). `size` is 28 as published, or 32 with a border of
    two black pixels."""

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
        if not all((raw / name).is_file() for name in RAW_FILES):
            self.files(str(self.root), download=True)

    def read(self, split: Split) -> Examples:
        if self.size not in (28, 32):
            raise BadRecipe(
                f"size of {self.source.title} must be 28 or 32, got {self.size}. Set data.size"
            )
        self.prepare_data()
        images = self.files(str(self.root), train=split == "train")
        if images.data.shape[1:] != (28, 28):
            raise ValueError(f"images must be (n, 28, 28), got {tuple(images.data.shape)}")
        border = (self.size - 28) // 2
        return Examples(pad(images.data[:, None], (border,) * 4), torch.as_tensor(images.targets))


class FashionMNIST(MNIST):
    """Images (n, 1, size, size) with labels (n,). `size` is 28 as published, or 32 with a border of
    two black pixels."""

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
    """Images (n, 1, 28, 28) of fixed binary pixels: -1 is black, 1 is white.

    A pixel is white with the probability gray level / 255 (Salakhutdinov & Murray, 2008). The fixed
    sample comes from a seeded NumPy generator and is equal on every machine. It is not that of the
    files by Larochelle & Murray, 2011, so that likelihoods differ slightly from tables on those.
    """

    source = DatasetInfo(
        "MNIST, statically binarised",
        "http://yann.lecun.com/exdb/mnist",
        "CC BY-SA 3.0, by LeCun & Cortes",
        "Apache-2.0",
    )
    default_size = 28

    def read(self, split: Split) -> Examples:
        if self.size != 28:
            raise BadRecipe(
                f"size of {self.source.title} must be 28, got {self.size}. Set data.size to 28"
            )
        gray = super().read(split)
        # RandomState gives the same stream in every version of NumPy (NEP 19)
        generator = np.random.RandomState(0 if split == "train" else 1)
        levels = generator.randint(0, 255, tuple(gray.pixels.shape), dtype=np.uint8)
        # levels are uniform on 0 to 254, so that P(gray > level) = gray / 255, exactly
        white = gray.pixels > torch.from_numpy(levels)
        return Examples(white * torch.tensor(255, dtype=torch.uint8), gray.labels)
