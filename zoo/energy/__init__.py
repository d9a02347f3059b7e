"""Energy models."""

from zoo.energy.rbm import RBM

__all__ = ["RBM"]
