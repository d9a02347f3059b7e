"""Recurrent GAN. Esteban, Hyland & Rätsch, 2017, https://arxiv.org/abs/1706.02633

An LSTM turns a new latent at each step into a series; another one says of each step whether it is
real. The baseline of TimeGAN.
"""

from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count, Width
from zoo.core.modality.series import Ranges
from zoo.core.series_models import SeriesGenerator
from zoo.layers.recurrent import LSTM
from zoo.losses.adversarial import non_saturating


class RecurrentNet(nn.Module):
    """Map series (n, t, a) to logits (n, t, b) by an LSTM and a linear layer."""

    def __init__(self, a: int, width: int, b: int) -> None:
        super().__init__()
        self.lstm = LSTM(a, width, batch_first=True)
        self.head = nn.Linear(width, b)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0])


class RecurrentGAN(AdversarialModule, SeriesGenerator):
    """Recurrent GAN with the defaults of the authors' code: 100 units, five latents a step, SGD for
    the discriminator and Adam for the generator. `length` and `ranges` are those of the data."""

    inference_modules = ("generator",)

    def __init__(
        self,
        length: Count = 24,
        ranges: Ranges | None = None,
        latent: Count = 5,
        width: Width = 100,
        discriminator_lr: float = 0.1,
        generator_lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.build_if_known()

    def build(self, columns: int) -> None:
        width = self.hparams["width"]
        self.generator = RecurrentNet(self.latent_size, width, columns)
        self.discriminator = RecurrentNet(columns, width, 1)

    @property
    def latent_size(self) -> int:
        return int(self.hparams["latent"])

    def players(self) -> dict[str, Optimizer]:
        d, g = self.hparams["discriminator_lr"], self.hparams["generator_lr"]
        return {
            "discriminator": SGD(self.discriminator.parameters(), lr=d),
            "generator": Adam(self.generator.parameters(), lr=g),
        }

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Take a step of each player on the cross-entropy of all steps (section 3)."""
        D, (real, _) = self.discriminator, batch

        with self.turn("discriminator") as descend:
            fake = self.generate(self.noise(len(real)))
            descend(non_saturating.discriminator(D(real), D(fake)))

        with self.turn("generator") as descend:
            descend(non_saturating.generator(D(self.generate(self.noise(len(real))))))

    def generate(self, z: Tensor) -> Tensor:
        """Noise z (n, length, latent) to series (n, length, columns) in [0, 1]."""
        return self.generator(z).sigmoid()
