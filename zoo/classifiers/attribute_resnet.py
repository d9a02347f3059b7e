"""Face attributes by a ResNet. Liu, Luo, Wang & Tang, 2015, https://arxiv.org/abs/1411.7766

A residual network of He et al., 2016 (zoo/classifiers/resnet.py) with a logit for each attribute of
CelebA. The metric `fd-attributes` uses its last feature map, averaged over the positions.
"""

import torch
from torch import nn

from zoo.classifiers.resnet import ResidualNetwork, body, initialize
from zoo.core.arguments import Count, Width
from zoo.core.classifier import AttributeClassifier


class AttributeResNet(ResidualNetwork, AttributeClassifier):
    """ResNet with 8 * blocks + 2 layers for images (n, channels, size, size) in [-1, 1].

    Four stages have `blocks` residual blocks each, the first at full resolution. `forward` returns
    features (n, 8 * width), `head` the logits (n, attributes).
    """

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 3,
        attributes: Count = 40,
        width: Width = 16,
        blocks: Count = 1,
        lr: float = 0.02,
        weight_decay: float = 5e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        widths = [width << stage for stage in range(4) for _ in range(blocks)]
        self.body = body(channels, [width, *widths])
        self.head = nn.Linear(8 * width, attributes)
        self.apply(initialize).to(memory_format=torch.channels_last)
