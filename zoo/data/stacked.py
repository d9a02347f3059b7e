"""Stacked-MNIST: three digits as red, green and blue; 1,000 modes that a classifier counts.

Metz et al., 2017, https://arxiv.org/abs/1611.02163; Srivastava et al., 2017,
https://arxiv.org/abs/1705.07761.
"""

import torch

from zoo.data.images import DatasetInfo, Examples, Split
from zoo.data.mnist import MNIST

SIZES: dict[Split, int] = {"train": 128_000, "test": 26_000}


class StackedMNIST(MNIST):
    """Images (n, 3, size, size), 28 or 32, with labels (n,) from 0 to 999: red is the hundreds'
    digit, green the tens', blue the units'.

    The digits of a split are sampled from that split of MNIST with a fixed seed.
    """

    source = DatasetInfo(
        "Stacked-MNIST",
        "http://yann.lecun.com/exdb/mnist",
        "CC BY-SA 3.0, by LeCun & Cortes",
        "Apache-2.0",
    )
    channels = 3
    classes = tuple(f"{number:03}" for number in range(1000))

    def read(self, split: Split) -> Examples:
        pixels, digits = super().read(split)
        generator = torch.Generator().manual_seed(0 if split == "train" else 1)
        # (n, 3): the MNIST image of each channel
        indices = torch.randint(len(pixels), (SIZES[split], 3), generator=generator)
        return Examples(pixels[indices, 0], (digits[indices] * torch.tensor([100, 10, 1])).sum(1))
