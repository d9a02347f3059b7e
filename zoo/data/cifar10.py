"""CIFAR-10. Krizhevsky, 2009, https://www.cs.toronto.edu/~kriz/cifar.html"""

import numpy as np
import torch
from torchvision import datasets

from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.errors import BadRecipe


class CIFAR10(ImageDataModule):
    """Images (n, 3, 32, 32), from torchvision's download or from `cifar10/{train,test}.npz`.

    The npz files contain `images` (n, 32, 32, 3) in uint8 and `labels` (n,).
    """

    source = DatasetInfo(
        "CIFAR-10",
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "no license stated; cite Krizhevsky, 2009",
        "Apache-2.0",
    )
    extractor = "resnet-cifar10"
    classes = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )

    def download(self) -> None:
        if not (self.root / "cifar10" / "train.npz").exists():
            datasets.CIFAR10(str(self.root), download=True)

    def read(self, split: Split) -> Examples:
        if self.size != 32:
            raise BadRecipe(f"size of CIFAR-10 must be 32, got {self.size}. Set data.size to 32")
        self.prepare_data()
        arrays = self.root / "cifar10" / f"{split}.npz"
        if arrays.exists():
            with np.load(arrays, allow_pickle=False) as archive:
                pixels, labels = archive["images"], archive["labels"]
        else:
            images = datasets.CIFAR10(str(self.root), train=split == "train")
            pixels, labels = images.data, np.array(images.targets)
        if pixels.shape[1:] != (32, 32, 3):
            raise ValueError(f"images must be (n, 32, 32, 3), got {pixels.shape}")
        return Examples(
            torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)
        )
