"""TimeGAN. Yoon, Jarrett & van der Schaar, 2019, https://papers.nips.cc/paper/8789-time-series-generative-adversarial-networks

A GAN in the latent space of a recurrent autoencoder: an embedding and its recovery, a generator and
a discriminator of latent series, and a supervisor that predicts the next latent step.
"""

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from zoo.core.adversarial import AdversarialModule
from zoo.core.arguments import Count, Depth, Width
from zoo.core.modality.series import Ranges
from zoo.core.schedules import finite_steps
from zoo.core.series_models import SeriesGenerator
from zoo.losses.adversarial import non_saturating

SURE = 0.15  # loss below which the discriminator waits for the generator
STAGES = 3  # of the training, equally long: embedding, supervisor, all players


class StackedGRU(nn.Module):
    """Map series (n, t, a) to logits (n, t, b) by stacked GRUs, then a linear layer."""

    def __init__(self, a: int, width: int, b: int, depth: int) -> None:
        super().__init__()
        self.gru = nn.GRU(a, width, depth, batch_first=True)
        self.head = nn.Linear(width, b)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(x)[0])


class BoundedGRU(StackedGRU):
    """Map series (n, t, a) to series (n, t, b) in (0, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).sigmoid()


class TimeGAN(AdversarialModule, SeriesGenerator):
    """TimeGAN with the paper's defaults: sequences of 24 steps, three layers of 24 units.

    `gamma` weights the latent series that the supervisor has not seen, `supervised_weight` the
    prediction of the next step, `moment_weight` the means and deviations of a batch. `length` and
    `ranges` are those of the data. Raises BadRecipe for a training without a limit of steps, whose
    thirds are the three stages.
    """

    inference_modules = ("generator", "supervisor", "recovery")

    def __init__(
        self,
        length: Count = 24,
        ranges: Ranges | None = None,
        width: Width = 24,
        depth: Depth = 3,
        gamma: float = 1.0,
        supervised_weight: float = 100.0,
        moment_weight: float = 100.0,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.build_if_known()

    def build(self, columns: int) -> None:
        width, depth = self.hparams["width"], self.hparams["depth"]
        self.embedding = BoundedGRU(columns, width, width, depth)
        self.recovery = BoundedGRU(width, width, columns, depth)
        self.generator = BoundedGRU(columns, width, width, depth)  # as much noise as columns
        self.supervisor = BoundedGRU(width, width, width, max(1, depth - 1))
        self.discriminator = StackedGRU(width, width, 1, depth)

    @property
    def latent_size(self) -> int:
        return len(self.hparams["ranges"])

    @property
    def min_sub_batch(self) -> int:
        return 2  # deviations of a batch

    def players(self) -> dict[str, Optimizer]:
        adam = partial(Adam, lr=self.hparams["lr"])
        return {
            "autoencoder": adam([*self.embedding.parameters(), *self.recovery.parameters()]),
            "generator": adam([*self.generator.parameters(), *self.supervisor.parameters()]),
            "discriminator": adam(self.discriminator.parameters()),
        }

    def on_fit_start(self) -> None:
        super().on_fit_start()
        finite_steps(self.trainer.estimated_stepping_batches)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """A step of the current stage (section 4.4): of the embedding and the recovery; of the
        supervisor on embedded series; of all players, the generator and the embedding twice."""
        x, _ = batch
        stage = int(STAGES * self.progress())
        if stage == 0:
            with self.turn("autoencoder") as descend:
                descend(10 * self.reconstruction_loss(x, self.embedding(x)))
        elif stage == 1:
            with self.turn("generator") as descend:
                descend(self.supervised_loss(self.embedding(x)))
        else:
            for _ in range(2):
                self.generator_turn(x)
                self.embedding_turn(x)
            self.discriminator_turn(x)

    def generator_turn(self, x: Tensor) -> None:
        """Descend the loss of the generator and the supervisor on series x (n, t, columns)."""
        D, S, R = self.discriminator, self.supervisor, self.recovery
        with self.turn("generator") as descend:
            latent = self.generator(self.noise(len(x)))
            supervised = S(latent)
            adversarial = non_saturating.generator(D(supervised))
            unsupervised = non_saturating.generator(D(latent))
            following = self.supervised_loss(self.embedding(x)).sqrt()
            descend(
                adversarial
                + self.hparams["gamma"] * unsupervised
                + self.hparams["supervised_weight"] * following
                + self.hparams["moment_weight"] * moment_distance(R(supervised), x)
            )

    def embedding_turn(self, x: Tensor) -> None:
        """Descend the loss of the embedding and the recovery, which also helps the supervisor."""
        with self.turn("autoencoder") as descend:
            h = self.embedding(x)
            descend(10 * self.reconstruction_loss(x, h) + 0.1 * self.supervised_loss(h))

    def discriminator_turn(self, x: Tensor) -> None:
        """Descend the loss of the discriminator, unless it is sure of itself."""
        D = self.discriminator
        with self.turn("discriminator") as descend:
            latent = self.generator(self.noise(len(x)))
            fake, unsupervised = D(self.supervisor(latent)), D(latent)
            real = D(self.embedding(x))
            loss = non_saturating.discriminator(real, fake)
            loss = loss + self.hparams["gamma"] * nn.functional.softplus(unsupervised).mean()
            if loss > SURE:
                descend(loss)

    def reconstruction_loss(self, x: Tensor, h: Tensor) -> Tensor:
        """The root of the mean squared error of x recovered from embedded series h (equation 7)."""
        return mse_loss(self.recovery(h), x).sqrt()

    def supervised_loss(self, h: Tensor) -> Tensor:
        """The mean squared error of the next step of h (n, t, width) as predicted (equation 9)."""
        return mse_loss(self.supervisor(h)[:, :-1], h[:, 1:])

    def generate(self, z: Tensor) -> Tensor:
        """Noise z (n, length, columns) to series (n, length, columns) in [0, 1]."""
        return self.recovery(self.supervisor(self.generator(z)))


def moment_distance(fake: Tensor, real: Tensor) -> Tensor:
    """The distance of the deviations and of the means of each step and column over a batch."""
    deviations = [(x.var(0, unbiased=False) + 1e-6).sqrt() for x in (fake, real)]
    means = fake.mean(0) - real.mean(0)
    return (deviations[0] - deviations[1]).abs().mean() + means.abs().mean()
