"""Data sets as LightningDataModules with common arguments."""

from zoo.data.binarized import FixedBinarizedMNIST
from zoo.data.bsds import BSDS
from zoo.data.camvid import CamVid
from zoo.data.celeba import CelebA
from zoo.data.chorales import JSBChorales
from zoo.data.cifar10 import CIFAR10
from zoo.data.clips import ClipFolder, MovingMNIST
from zoo.data.digits import Digits
from zoo.data.ecg5000 import ECG5000
from zoo.data.edges2photos import Edges2Photos
from zoo.data.folder import ImageFolder
from zoo.data.images import ImageDataModule
from zoo.data.label_maps import LabelMapFolders
from zoo.data.maps import Maps
from zoo.data.mnist import MNIST, BinarizedMNIST, FashionMNIST
from zoo.data.own_meshes import MeshFolder
from zoo.data.own_pairs import PairedFolders, SideBySide
from zoo.data.series import CSVSeries, ETTh1, Sines, StockPrices
from zoo.data.shapes import ModelNet10
from zoo.data.shards import Shards
from zoo.data.sounds import AudioFolder, SpokenDigits
from zoo.data.stacked import StackedMNIST
from zoo.data.tables import Adult, CSVTable
from zoo.data.text_lines import ShakespeareLines, TextLines
from zoo.data.texts import TextFiles, TinyShakespeare
from zoo.data.unpaired import CelebAAttribute, UnpairedFolders

__all__ = [
    "BSDS",
    "CIFAR10",
    "ECG5000",
    "MNIST",
    "Adult",
    "AudioFolder",
    "BinarizedMNIST",
    "CSVSeries",
    "CSVTable",
    "CamVid",
    "CelebA",
    "CelebAAttribute",
    "ClipFolder",
    "Digits",
    "ETTh1",
    "Edges2Photos",
    "FashionMNIST",
    "FixedBinarizedMNIST",
    "ImageDataModule",
    "ImageFolder",
    "JSBChorales",
    "LabelMapFolders",
    "Maps",
    "MeshFolder",
    "ModelNet10",
    "MovingMNIST",
    "PairedFolders",
    "ShakespeareLines",
    "Shards",
    "SideBySide",
    "Sines",
    "SpokenDigits",
    "StackedMNIST",
    "StockPrices",
    "TextFiles",
    "TextLines",
    "TinyShakespeare",
    "UnpairedFolders",
]
