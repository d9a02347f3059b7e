"""Initial biases of a decoder of binary pixels."""

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn

from zoo.callbacks.requirements import missing, require_image_data


class InitOutputBias(Callback):
    """Sets the biases of the last dense layer of `decoder` to the logits of the mean training
    image, clamped to [0.001, 0.999].

    From zero biases, Adam takes thousands of steps to darken a border. Raises BadRecipe without a
    `decoder` whose last layer is dense and has a bias for every pixel.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        pixels = require_image_data(self, trainer).examples("train").values
        mean = pixels.float().mean(0).div(255).clamp(0.001, 0.999).flatten()
        decoder = getattr(pl_module, "decoder", nn.Identity())
        dense = [layer for layer in decoder.modules() if isinstance(layer, nn.Linear)]
        if not dense or dense[-1].out_features != len(mean):
            raise missing(self, "a model with a dense decoder of pixels", pl_module)
        with torch.no_grad():
            dense[-1].bias.copy_(mean.logit())
