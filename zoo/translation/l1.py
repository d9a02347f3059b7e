"""L1 regression. Isola, Zhu, Zhou & Efros, 2017, https://arxiv.org/abs/1611.07004

The baseline of the paper's table 1: the U-Net of pix2pix without a discriminator. The best answer
to an L1 loss is the median of all plausible outputs, which is blurred.
"""

from torch import Tensor
from torch.optim import Adam, Optimizer

from zoo.core.arguments import Count, Width
from zoo.core.translator import ImageTranslator
from zoo.translation.pix2pix import UNet, initialize


class L1Regression(ImageTranslator):
    """The U-Net of pix2pix with its defaults, trained by the mean absolute error of pixels."""

    def __init__(
        self,
        size: Count = 256,
        input_channels: Count = 3,
        channels: Count = 3,
        width: Width = 64,
        lr: float = 2e-4,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.generator = UNet(size, input_channels, channels, width)
        self.apply(initialize)

    def configure_optimizers(self) -> Optimizer:
        return Adam(self.parameters(), lr=self.hparams["lr"], betas=(0.5, 0.999))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch  # input and target
        l1 = (y - self.generator(x)).abs().mean()
        self.log_on_interval({"l1": l1})
        return l1
