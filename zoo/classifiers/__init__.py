"""Image classifiers, one paper per file; their features serve as spaces for metrics."""

from zoo.classifiers.lenet import LeNet
from zoo.classifiers.resnet import ResNet

__all__ = ["LeNet", "ResNet"]
