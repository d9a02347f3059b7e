"""Face attributes by a ResNet. Liu, Luo, Wang & Tang, 2015, https://arxiv.org/abs/1411.7766

A residual network of He et al., 2016 (zoo/classifiers/resnet.py) with a logit for each attribute of
CelebA. The metric `fd-attributes` uses its last feature map, averaged over the positions.
"""

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import SGD

from zoo.classifiers.resnet import body, initialize
from zoo.core.arguments import Count, Width
from zoo.core.classifier import AttributeClassifier
from zoo.layers.augment import translation


class AttributeResNet(AttributeClassifier):
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

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).mean((2, 3))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Binary cross-entropy, summed over attributes, on images translated by up to an eighth."""
        x, y = batch
        return super().training_step((translation(x), y), batch_idx)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        lr, decay = self.hparams["lr"], self.hparams["weight_decay"]
        return self.one_cycle(SGD(self.parameters(), lr, momentum=0.9, weight_decay=decay), lr)
