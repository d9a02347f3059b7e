"""Scores of synthetic series by recurrent networks that are trained on them.

Yoon et al., 2019, section 5.2, with the networks of the authors' code: one GRU with half as many
units as the series have columns, batches of 128, Adam with a learning rate of 1e-3.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, softplus
from torch.optim import Adam

from zoo.metrics.checks import require_finite, require_images

BATCH = 128
HELD_OUT = 5  # every fifth series tests the discriminator


class Judge(nn.Module):
    """A GRU and a linear layer; the discriminator takes the last state."""

    def __init__(self, columns: int, units: int) -> None:
        super().__init__()
        self.gru = nn.GRU(columns, units, batch_first=True)
        self.head = nn.Linear(units, 1)

    def steps(self, x: Tensor) -> Tensor:
        """Series (n, t, columns) to logits (n, t)."""
        return self.head(self.gru(x)[0])[..., 0]

    def forward(self, x: Tensor) -> Tensor:
        """Series (n, t, columns) to logits (n,)."""
        return self.head(self.gru(x)[1][-1])[:, 0]


def units_of(columns: int) -> int:
    """Units of the networks of the authors' code."""
    return max(1, columns // 2)


def discriminative_score(
    real: Tensor, fake: Tensor, steps: int, units: int, seed: int = 0
) -> float:
    """|accuracy - 1/2| of a network that tells real from fake series, each (n, t, columns), on
    those that it was not trained on: 0 where it cannot, 0.5 where it always can."""
    require("discriminative-score", real, fake)
    sides, held_out = [], []
    for side in (real, fake):
        tests = torch.arange(len(side)) % HELD_OUT == 0
        sides.append(side[~tests].float())
        held_out.append(side[tests].float())
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        judge = Judge(real.shape[2], units)
        optimizer = Adam(judge.parameters(), lr=1e-3)
        for _ in range(steps):
            of_real, of_fake = (judge(random_batch(side)) for side in sides)
            loss = softplus(-of_real).mean() + softplus(of_fake).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        of_real, of_fake = (judge(side) > 0 for side in held_out)
    accuracy = (of_real.double().mean() + (~of_fake).double().mean()) / 2
    return abs(float(accuracy) - 0.5)


def predictive_score(train: Tensor, test: Tensor, steps: int, seed: int = 0) -> float:
    """The mean absolute error, in [0, 1], of the last column of test series (n, t, columns) one
    step ahead, by a network trained on the series `train`. It sees the other columns, or the
    only one."""
    require("predictive-score", train, test)
    train, test = train.float(), test.float()
    inputs = max(1, train.shape[2] - 1)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        judge = Judge(inputs, units_of(train.shape[2]))
        optimizer = Adam(judge.parameters(), lr=1e-3)
        for _ in range(steps):
            x = random_batch(train)
            loss = l1_loss(judge.steps(x[:, :-1, :inputs]).sigmoid(), x[:, 1:, -1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return float(l1_loss(judge.steps(test[:, :-1, :inputs]).sigmoid(), test[:, 1:, -1]))


def random_batch(series: Tensor) -> Tensor:
    """128 random series."""
    return series[torch.randint(len(series), (BATCH,))]


def require(metric: str, *sides: Tensor) -> None:
    """Raise NotEnough without a series for training and one for the test, NotFinite for NaN."""
    for side in sides:
        require_images(metric, 2, side)
        require_finite(metric, side)
