"""Classifiers, one paper per file; their features serve as spaces for metrics."""

from zoo.classifiers.attribute_resnet import AttributeResNet
from zoo.classifiers.keyword_cnn import KeywordCNN
from zoo.classifiers.lenet import LeNet
from zoo.classifiers.resnet import ResNet
from zoo.classifiers.unet import UNet
from zoo.classifiers.voxnet import VoxNet

__all__ = ["AttributeResNet", "KeywordCNN", "LeNet", "ResNet", "UNet", "VoxNet"]
