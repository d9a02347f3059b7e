"""Data sets as LightningDataModules, all with the same arguments."""

from zoo.data.celeba import CelebA
from zoo.data.cifar10 import CIFAR10
from zoo.data.digits import Digits
from zoo.data.folder import ImageFolder
from zoo.data.images import ImageData
from zoo.data.mnist import MNIST, BinarisedMNIST, FashionMNIST
from zoo.data.shards import Shards
from zoo.data.stacked import StackedMNIST

__all__ = [
    "CIFAR10",
    "MNIST",
    "BinarisedMNIST",
    "CelebA",
    "Digits",
    "FashionMNIST",
    "ImageData",
    "ImageFolder",
    "Shards",
    "StackedMNIST",
]
