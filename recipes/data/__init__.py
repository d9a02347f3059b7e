"""Data sets as LightningDataModules, all with the same arguments."""

from recipes.data.celeba import CelebA
from recipes.data.cifar10 import CIFAR10
from recipes.data.digits import Digits
from recipes.data.folder import ImageFolder
from recipes.data.images import ImageData
from recipes.data.mnist import MNIST, BinarisedMNIST, FashionMNIST
from recipes.data.shards import Shards
from recipes.data.stacked import StackedMNIST

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
