"""Energy models."""

from zoo.energy.deep_belief_network import DeepBeliefNetwork
from zoo.energy.rbm import RBM

__all__ = ["RBM", "DeepBeliefNetwork"]
