"""Label memory. Hinton, Osindero & Teh, 2006, https://www.cs.toronto.edu/~hinton/absps/fastnc.pdf

The top two layers of a deep belief network: an RBM of features and a label.
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot, softplus

from zoo.layers.binary import BinaryLayer
from zoo.layers.visible_units import UNITS, bernoulli
from zoo.metrics.annealing import LogPartition, Parameters, log_partition

CHAINS = 20  # of annealed importance sampling, for each label


class LabelMemory(BinaryLayer):
    """A layer of which the last `classes` visible units are a label: one of them is 1."""

    def __init__(self, units: int, classes: int, hidden: int) -> None:
        super().__init__(units + classes, hidden)
        self.classes = classes

    def down(self, h: Tensor) -> Tensor:
        """Probabilities (n, visible) of visible units; those of the label add up to 1."""
        logits, labels = self.down_logits(h).tensor_split([-self.classes], dim=1)
        return torch.cat([logits.sigmoid(), labels.softmax(1)], 1)

    def draw(self, p: Tensor) -> Tensor:
        """Visible units (n, visible) of probabilities, with one label."""
        units, labels = p.tensor_split([-self.classes], dim=1)
        uniform = torch.rand(len(p), 1).to(p)
        drawn = (labels.cumsum(1) < uniform * labels.sum(1, keepdim=True)).sum(1)
        chosen = one_hot(drawn.clamp(max=self.classes - 1), self.classes)
        return torch.cat([bernoulli(units), chosen.to(p)], 1)

    def label_logits(self, units: Tensor) -> Tensor:
        """Negative free energies (n, classes) of the layer for units (n, visible - classes) and
        each label, without the part b v that all labels share."""
        base = torch.cat([units, units.new_zeros(len(units), self.classes)], 1)
        inputs = self.up_logits(base)
        of_labels = self.weight[:, -self.classes :].T  # (classes, hidden)
        found = [softplus((inputs + w).float()).sum(1) for w in of_labels]
        return torch.stack(found, 1) + self.visible_bias[-self.classes :].float()

    def log_partition(self, base: Tensor) -> LogPartition:
        """log Z and its standard error: the sum over the labels, each of which makes the layer an
        RBM. Chains of annealed importance sampling begin at the logits `base` (units,)."""
        weight, labels = self.weight.tensor_split([-self.classes], dim=1)
        visible, label_bias = self.visible_bias.tensor_split([-self.classes])
        rbms = [Parameters(weight, visible, self.hidden_bias + w) for w in labels.T]
        found = [log_partition(rbm, UNITS["bernoulli"], base, CHAINS) for rbm in rbms]
        logs = label_bias.double() + label_bias.new_tensor([z.value for z in found]).double()
        errors = logs.new_tensor([z.standard_error for z in found])
        return LogPartition(float(logs.logsumexp(0)), float((logs.softmax(0) * errors).norm()))
