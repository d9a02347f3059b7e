"""Autoencoders without a variational bound, one paper per file."""

from zoo.autoencoders.contractive import ContractiveAutoencoder
from zoo.autoencoders.convolutional import ConvolutionalAutoencoder
from zoo.autoencoders.denoising import DenoisingAutoencoder
from zoo.autoencoders.greedy import GreedyAutoencoder
from zoo.autoencoders.k_sparse import KSparseAutoencoder
from zoo.autoencoders.linear import LinearAutoencoder
from zoo.autoencoders.recurrent import RecurrentAutoencoder
from zoo.autoencoders.sparse import SparseAutoencoder
from zoo.autoencoders.stacked import StackedAutoencoder

__all__ = [
    "ContractiveAutoencoder",
    "ConvolutionalAutoencoder",
    "DenoisingAutoencoder",
    "GreedyAutoencoder",
    "KSparseAutoencoder",
    "LinearAutoencoder",
    "RecurrentAutoencoder",
    "SparseAutoencoder",
    "StackedAutoencoder",
]
