"""Which families keep all modes, and which remedies help: `python benchmarks/stability.py`.

Two-layer networks on the 25-Gaussian grid: points of a five by five grid at distance two, each
blurred by 0.05. A mode is found when a sample of 2,500 lies within three standard deviations of it;
the share that lies near any mode is the quality. Srivastava et al., 2017, section 4.1,
https://arxiv.org/abs/1705.07761. The mean over seeds and their spread go into stability.csv and
stability.md.
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop
from tqdm import tqdm

from zoo.layers.minibatch import MinibatchDiscrimination, ReplayPool
from zoo.losses import adversarial
from zoo.losses.adversarial import AdversarialLoss, RelativisticLoss
from zoo.losses.penalties import data_penalty, gradient_penalty, r1, r2
from zoo.losses.remedies import feature_matching, noisy, one_sided, unrolled

HOME = Path(__file__).parent
LATENT, WIDTH, BATCH, SPREAD = 2, 128, 128, 0.05
GRID = torch.cartesian_prod(*[torch.arange(-4.0, 5, 2)] * 2)  # (25, 2)

Critic = Callable[[Tensor], Tensor]


class Family(NamedTuple):
    """How two players are told, and what else the discriminator pays for its slope."""

    loss: AdversarialLoss | RelativisticLoss
    penalty: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None
    critic_steps: int = 1
    clip: float | None = None


FAMILIES = {
    "gan": Family(adversarial.non_saturating),
    "lsgan": Family(adversarial.least_squares),
    "geometric-gan": Family(adversarial.hinge),
    "ragan": Family(adversarial.relativistic),
    "dragan": Family(adversarial.non_saturating, lambda critic, x, _: 10 * data_penalty(critic, x)),
    "wgan": Family(adversarial.wasserstein, critic_steps=5, clip=0.1),
    "wgan-gp": Family(
        adversarial.wasserstein,
        lambda critic, x, fake: 0.1 * gradient_penalty(critic, x, fake),
        critic_steps=5,
    ),
}
REMEDIES = (
    "none",
    "replay",
    "minibatch",
    "matching",
    "smoothing",
    "noise",
    "r1",
    "r1+r2",
    "unrolled",
)


class Discriminator(nn.Module):
    """Points (n, 2, 1, 1) to logits (n,)."""

    def __init__(self, minibatch: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Flatten(),
            nn.Linear(2, WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(WIDTH, WIDTH),
            nn.LeakyReLU(0.2),
        )
        across = MinibatchDiscrimination(WIDTH, 16) if minibatch else nn.Identity()
        width = WIDTH + 16 if minibatch else WIDTH
        self.head = nn.Sequential(across, nn.Linear(width, 1), nn.Flatten(0))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def generator() -> nn.Module:
    """Latents (n, 2) to points (n, 2, 1, 1)."""
    hidden = nn.Linear(LATENT, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()
    return nn.Sequential(*hidden, nn.Linear(WIDTH, 2), nn.Unflatten(1, (2, 1, 1)))


def reals(draw: torch.Generator) -> Iterator[Tensor]:
    """Batches (n, 2, 1, 1) of the grid."""
    while True:
        chosen = GRID[torch.randint(25, (BATCH,), generator=draw)]
        yield (chosen + SPREAD * torch.randn(BATCH, 2, generator=draw))[:, :, None, None]


def train(family: Family, remedy: str, seed: int, steps: int) -> nn.Module:
    """A generator of points after so many of its steps."""
    torch.manual_seed(seed)
    G = generator()
    D, pool = Discriminator(remedy == "minibatch"), ReplayPool((2, 1, 1), 1000)
    loss = one_sided() if remedy == "smoothing" else family.loss
    of_D, of_G = optimizers(family, D, G)
    data = reals(torch.Generator().manual_seed(seed))
    std = 0.3 if remedy == "noise" else 0.0

    def judge(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        return loss.discriminator(critic(noisy(real, std)), critic(noisy(fake, std)))

    for _ in range(steps):
        for _ in range(family.critic_steps):
            real, fake = next(data), G(torch.randn(BATCH, LATENT)).detach()
            shown = pool(fake) if remedy == "replay" else fake
            move(of_D, judge(D, real, shown) + slopes(family, remedy, D, real, fake))
            if family.clip:
                for weight in D.parameters():
                    weight.data.clamp_(-family.clip, family.clip)
        fake = G(torch.randn(BATCH, LATENT))
        critic: Critic = D
        if remedy == "unrolled":
            critic = unrolled(D, lambda c, r=real, f=fake: judge(c, r, f), steps=5, lr=1e-1)  # type: ignore[misc]
        move(of_G, generator_loss(remedy, loss, critic, D, real, fake, std))
    return G


def generator_loss(
    remedy: str,
    loss: AdversarialLoss | RelativisticLoss,
    critic: Critic,
    D: Discriminator,  # noqa: N803
    real: Tensor,
    fake: Tensor,
    std: float,
) -> Tensor:
    if remedy == "matching":
        return feature_matching(D.features(real), D.features(fake))
    if isinstance(loss, RelativisticLoss):
        return loss.generator(critic(noisy(real, std)), critic(noisy(fake, std)))
    return loss.generator(critic(noisy(fake, std)))


def slopes(family: Family, remedy: str, D: nn.Module, real: Tensor, fake: Tensor) -> Tensor:  # noqa: N803
    """What the discriminator pays for its slopes."""
    price = torch.zeros(())
    if family.penalty:
        price = price + family.penalty(D, real, fake)
    if remedy in ("r1", "r1+r2"):
        price = price + r1(D, real)
    if remedy == "r1+r2":
        price = price + r2(D, fake)
    return price


def optimizers(family: Family, *players: nn.Module) -> list[Optimizer]:
    if family.clip:
        return [RMSprop(player.parameters(), lr=5e-4) for player in players]
    return [Adam(player.parameters(), lr=1e-3, betas=(0.5, 0.999)) for player in players]


def move(player: Optimizer, loss: Tensor) -> None:
    player.zero_grad()
    loss.backward()
    player.step()


@torch.no_grad()
def score(G: nn.Module) -> tuple[int, float]:  # noqa: N803
    """Modes found, and the share of samples near one."""
    points = G(torch.randn(2500, LATENT)).flatten(1)
    distances = torch.cdist(points, GRID)
    near = distances.min(1).values < 3 * SPREAD
    return len(distances.argmin(1)[near].unique()), near.float().mean().item()


def rows(seeds: int, steps: int, families: list[str]) -> Iterator[dict[str, str | int | float]]:
    for name in families:
        for remedy in REMEDIES:
            runs = range(seeds)
            scores = [
                score(train(FAMILIES[name], remedy, seed, steps))
                for seed in tqdm(runs, f"{name} {remedy}", leave=False, disable=None)
            ]
            modes, quality = zip(*scores, strict=True)
            yield {
                "family": name, "remedy": remedy, "steps": steps, "seeds": seeds,
                "modes": round(mean(modes), 2), "modes_spread": round(stdev(modes), 2),
                "quality": round(mean(quality), 4), "quality_spread": round(stdev(quality), 4),
            }  # fmt: skip


def table(found: list[dict[str, str]]) -> str:
    """Modes of 25 and their spread over seeds: a row for each family, a column for each remedy."""
    cells = {(row["family"], row["remedy"]): row for row in found}
    lines = ["# Stability", "", "Modes found of 25, mean and spread over seeds; "
             "generated by `python benchmarks/stability.py`, which says how.", ""]  # fmt: skip
    lines += ["| | " + " | ".join(REMEDIES) + " |", "|---|" + "---:|" * len(REMEDIES)]
    for family in FAMILIES:
        shown = [cells.get((family, remedy)) for remedy in REMEDIES]
        texts = [f"{r['modes']} ± {r['modes_spread']}" if r else "" for r in shown]
        lines += [f"| {family} | " + " | ".join(texts) + " |"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    options = parser.parse_args()
    path = HOME / "stability.csv"
    kept = list(csv.DictReader(path.open())) if path.exists() else []
    for row in rows(options.seeds, options.steps, options.families):
        new = {key: str(value) for key, value in row.items()}
        same = ("family", "remedy")
        kept = [old for old in kept if any(old[key] != new[key] for key in same)] + [new]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(new), lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
        (HOME / "stability.md").write_text(table(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
