"""Where a training begins."""

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn

from zoo.callbacks.requirements import name, refusal, require_image_data


class InitOutputBias(Callback):
    """A decoder of Bernoulli pixels begins at the mean training image: the biases of its last,
    dense layer are the logits of each pixel's brightness, between 1/1000 and 999/1000.

    From zero, Adam takes thousands of steps to darken a border. Raises BadRecipe without a
    `decoder` whose last layer is dense and has a bias for every pixel.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        pixels = require_image_data(self, trainer).images("train").pixels
        mean = pixels.float().mean(0).div(255).clamp(0.001, 0.999).flatten()
        decoder = getattr(pl_module, "decoder", nn.Identity())
        dense = [layer for layer in decoder.modules() if isinstance(layer, nn.Linear)]
        if not dense or dense[-1].out_features != len(mean):
            raise refusal(self, f"a dense decoder of pixels, which {name(pl_module)} has not")
        with torch.no_grad():
            dense[-1].bias.copy_(mean.logit())
