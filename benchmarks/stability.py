"""Mode coverage by loss and remedy: `python benchmarks/stability.py`.

Two games, for families that differ in loss, penalty or constraint, with one remedy at a time and
several seeds each.

    grid     two-layer networks on 25 Gaussians: a five by five grid, with a standard deviation of a
             fortieth of the spacing. Of 2,500 samples, those within three standard deviations of a
             point are good. A mode is found when ten good samples are nearest to it, a tenth of its
             share. Srivastava et al., 2017, section 4.1 (they require one),
             https://arxiv.org/abs/1705.07761
    stacked  DCGAN's networks, small and without batch norm in the discriminator, on Stacked-MNIST:
             of 1,000 modes, those that `lenet-mnist` finds among 10,000 samples, and their
             divergence from uniform. Metz et al., 2017, section 3.3, https://arxiv.org/abs/1611.02163
             Blots also count as digits, so a third score is the FD of single digits to MNIST.

Samples come from the averaged weights of the generator, as for all models of the zoo. Means and
spreads over seeds go to stability.csv, from which stability.md is generated.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import torch
from tables import append, render, spread
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from zoo.core.module import enable_fused_optimizers, eval_in_chunks
from zoo.data import MNIST, StackedMNIST
from zoo.data.features import real_features
from zoo.data.images import normalize
from zoo.gans import dcgan, wgan_gp
from zoo.layers.augment import DiffAugment
from zoo.layers.minibatch import MinibatchDiscrimination, MinibatchStdDev, ReplayPool
from zoo.layers.spectral import apply_spectral_norm
from zoo.losses import adversarial
from zoo.losses.adversarial import AdversarialLoss, RelativisticLoss
from zoo.losses.penalties import Critic, dragan_penalty, gradient_penalty, r1, r2
from zoo.losses.stabilization import (
    add_instance_noise,
    feature_matching,
    smooth_one_sided,
    unrolled,
)
from zoo.metrics.extractors import ClassifierFeatures
from zoo.metrics.frechet import frechet_between
from zoo.metrics.modes import count_modes, stacked
from zoo.pretrained.extractors import load_extractor

HOME = Path(__file__).parent
SPREAD = 0.0125
GRID = torch.cartesian_prod(*[torch.linspace(-1, 1, 5)] * 2)  # (25, 2)
WIDTH = 128  # of the layers for points
SCORES = {"modes": 1, "quality": 2, "distance": 1}  # decimals in the tables
DIGITS, SMALL = 32, 16  # pixels, and width of the generator; the discriminator has half


class Discriminator(nn.Module):
    """Features (n, width) and logits (n,); two remedies compare samples across the batch."""

    def __init__(self, features: nn.Module, width: int, remedy: str) -> None:
        super().__init__()
        self.features = features
        maps = nn.Unflatten(1, (width, 1, 1))
        across = {
            "minibatch": [MinibatchDiscrimination(width, 5, 5), nn.Linear(width + 5, 1)],
            "stddev": [maps, MinibatchStdDev(), nn.Flatten(), nn.Linear(width + 1, 1)],
        }
        self.head = nn.Sequential(*across.get(remedy, [nn.Linear(width, 1)]), nn.Flatten(0))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class Game(NamedTuple):
    """A task: networks, data and scores, then the hyperparameters of its scale."""

    latent: int
    shape: tuple[int, int, int]
    batch: int
    steps: int
    generator: Callable[[], nn.Module]
    discriminator: Callable[[str], Discriminator]  # by remedy: some compare across the batch
    reals: Callable[[torch.Generator, int], Iterator[Tensor]]
    score: Callable[[Tensor], dict[str, float]]  # of samples
    scores: dict[str, str]  # title of each score
    samples: int
    lr: float
    betas: tuple[float, float]
    slope: float  # weight of gradient penalties
    clip: float
    noise: float
    inner_lr: float  # of unrolled steps
    half: bool  # run the networks in bfloat16


class Family(NamedTuple):
    """Loss of both players, and further constraints on the discriminator."""

    loss: AdversarialLoss | RelativisticLoss
    penalty: Callable[[Game, Critic, Tensor, Tensor], Tensor] | None = None
    critic_steps: int = 1
    clipped: bool = False
    spectral: bool = False


FAMILIES = {
    "gan": Family(adversarial.non_saturating),
    "lsgan": Family(adversarial.least_squares),
    "geometric-gan": Family(adversarial.hinge),
    "sngan": Family(adversarial.hinge, spectral=True),
    "ragan": Family(adversarial.relativistic),
    "dragan": Family(
        adversarial.non_saturating,
        lambda game, critic, x, _: game.slope * dragan_penalty(critic, x),
    ),
    "wgan": Family(adversarial.wasserstein, critic_steps=5, clipped=True),
    "wgan-gp": Family(
        adversarial.wasserstein,
        lambda game, critic, x, fake: game.slope * gradient_penalty(critic, x, fake),
        critic_steps=5,
    ),
}
REMEDIES = (
    "none",
    "replay",
    "minibatch",
    "stddev",
    "matching",
    "smoothing",
    "noise",
    "augment",
    "r1",
    "r1+r2",
    "unrolled",
)


def points_generator() -> nn.Module:
    """Latents (n, 2) to points (n, 2, 1, 1)."""
    hidden = nn.Linear(2, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()
    return nn.Sequential(*hidden, nn.Linear(WIDTH, 2), nn.Unflatten(1, (2, 1, 1)))


def points_discriminator(remedy: str) -> Discriminator:
    hidden = nn.Linear(2, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.2)
    return Discriminator(nn.Sequential(nn.Flatten(), *hidden), WIDTH, remedy)


def points(draw: torch.Generator, n: int) -> Iterator[Tensor]:
    """Batches (n, 2, 1, 1) of the grid."""
    while True:
        chosen = GRID[torch.randint(25, (n,), generator=draw)]
        yield (chosen + SPREAD * torch.randn(n, 2, generator=draw))[:, :, None, None]


def near(samples: Tensor) -> dict[str, float]:
    """Modes with at least ten good samples, and the share of good samples."""
    distance, mode = torch.cdist(samples.flatten(1), GRID).min(1)
    good = distance < 3 * SPREAD
    found = torch.bincount(mode[good], minlength=len(GRID)) >= 10
    return {"modes": int(found.sum()), "quality": good.float().mean().item()}


def digits_generator() -> nn.Module:
    return dcgan.Generator(64, SMALL, DIGITS, 3).apply(dcgan.initialize)


def digits_discriminator(remedy: str) -> Discriminator:
    width = SMALL // 2
    body = list(wgan_gp.Critic(width, DIGITS, 3))[:-2]
    features = nn.Sequential(*body, nn.Flatten())
    return Discriminator(features, 16 * dcgan.widest(width, DIGITS), remedy)


@cache
def stacked_digits() -> Tensor:
    """Training images (n, 3, 32, 32) in uint8, stacked once for all trainings."""
    return StackedMNIST(size=DIGITS).images("train").pixels


def digits(draw: torch.Generator, n: int) -> Iterator[Tensor]:
    """Batches (n, 3, 32, 32) of Stacked-MNIST."""
    pixels = stacked_digits()
    while True:
        chosen = pixels[torch.randint(len(pixels), (n,), generator=draw)]
        yield normalize(chosen).to(memory_format=torch.channels_last)


def read(samples: Tensor) -> dict[str, float]:
    """Modes found, divergence of their histogram from uniform in nats, and FD of single digits."""
    extractor = load_extractor("lenet-mnist").to(memory_format=torch.channels_last)
    assert isinstance(extractor, ClassifierFeatures)
    features = extractor.extract(samples)  # (n, 3 x features)
    modes = count_modes(stacked(extractor.classes(features)), 1000)
    real = real_features(extractor, MNIST(size=DIGITS), "test", 10_000)
    distance = frechet_between(real, features.view(-1, real.shape[1]).double()).item()
    return {"modes": modes.captured, "quality": modes.divergence, "distance": distance}


GAMES = {
    "grid": Game(
        2, (2, 1, 1), 128, 3000, points_generator, points_discriminator, points,
        near, {"modes": "modes found, of 25", "quality": "share of good samples"}, samples=2500,
        lr=2e-3, betas=(0.0, 0.9), slope=0.3, clip=0.3, noise=0.05, inner_lr=0.01, half=False,
    ),
    "stacked": Game(
        64, (3, DIGITS, DIGITS), 64, 1500, digits_generator, digits_discriminator, digits,
        read, {
            "modes": "modes found, of 1,000",
            "quality": "divergence from uniform, nats",
            "distance": "fd-lenet of single digits",
        }, samples=10_000,
        lr=5e-4, betas=(0.5, 0.999), slope=10, clip=0.05, noise=0.3, inner_lr=0.001, half=True,
    ),
}  # fmt: skip


def train(game: Game, family: Family, remedy: str, seed: int, steps: int) -> nn.Module:
    """Train a generator for `steps` steps and return its average."""
    torch.manual_seed(seed)
    G = game.generator().to(memory_format=torch.channels_last)
    D = game.discriminator(remedy).to(memory_format=torch.channels_last)
    if family.spectral:
        apply_spectral_norm(D)
    pool = ReplayPool(game.shape, 1000)
    loss = smooth_one_sided() if remedy == "smoothing" else family.loss
    of_D, of_G = optimizers(game, family, D, G)
    average = AveragedModel(G, multi_avg_fn=get_ema_multi_avg_fn(0.99), use_buffers=True)
    data = game.reals(torch.Generator().manual_seed(seed), game.batch)
    disguise = disguised(game, remedy)

    def price(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        base = loss.discriminator(critic(disguise(real)), critic(disguise(fake)))
        penalty = family.penalty(game, critic, real, fake) if family.penalty else 0
        return base + penalty + slopes(game, remedy, critic, real, fake)

    for _ in range(steps):
        for _ in range(family.critic_steps):
            real, fake = next(data), G(torch.randn(game.batch, game.latent)).detach()
            move(of_D, price(D, real, pool(fake) if remedy == "replay" else fake))
            if family.clipped:
                for weight in D.parameters():
                    weight.data.clamp_(-game.clip, game.clip)
        fake = G(torch.randn(game.batch, game.latent))
        critic: Critic = D
        if remedy == "unrolled":
            critic = unrolled(
                D, lambda c, r=real, f=fake: price(c, r, f), steps=5, lr=game.inner_lr  # type: ignore[misc]
            )  # fmt: skip
        if remedy == "matching":
            move(of_G, feature_matching(D.features(real), D.features(fake)))
        elif isinstance(loss, RelativisticLoss):
            move(of_G, loss.generator(critic(disguise(real)), critic(disguise(fake))))
        else:
            move(of_G, loss.generator(critic(disguise(fake))))
        average.update_parameters(G)
    return average


def disguised(game: Game, remedy: str) -> Callable[[Tensor], Tensor]:
    """Transform of the discriminator's input by a remedy."""
    if remedy == "noise":
        return partial(add_instance_noise, std=game.noise)
    if remedy == "augment":  # no colors: each channel is a digit
        return DiffAugment(("translation", "cutout"))
    return nn.Identity()


def slopes(game: Game, remedy: str, critic: Critic, real: Tensor, fake: Tensor) -> Tensor | float:
    """Gradient penalty of a remedy."""
    if remedy not in ("r1", "r1+r2"):
        return 0.0
    return game.slope * (r1(critic, real) + (r2(critic, fake) if remedy == "r1+r2" else 0.0))


def optimizers(game: Game, family: Family, *players: nn.Module) -> list[Optimizer]:
    made: list[Optimizer] = []
    for player in players:
        if family.clipped:
            made.append(RMSprop(player.parameters(), lr=game.lr / 2))
        else:
            made.append(Adam(player.parameters(), lr=game.lr, betas=game.betas))
    enable_fused_optimizers(made)
    return made


def move(player: Optimizer, loss: Tensor) -> None:
    player.zero_grad()
    loss.backward(inputs=[weight for group in player.param_groups for weight in group["params"]])
    player.step()


def played(
    game: Game, family: Family, remedy: str, seeds: int, steps: int, title: str
) -> Iterator[dict[str, float]]:
    """Scores of each seed."""
    for seed in tqdm(range(seeds), title, leave=False, disable=None):
        with torch.autocast("cpu", torch.bfloat16, enabled=game.half, cache_enabled=False):
            G = train(game, family, remedy, seed, steps)
        yield game.score(eval_in_chunks(G, torch.randn(game.samples, game.latent), G))


def rows(
    title: str, seeds: int, steps: int | None, families: list[str], remedies: list[str]
) -> Iterator[dict[str, str | int | float]]:
    game = GAMES[title]
    enough = steps or game.steps
    for name in families:
        for remedy in remedies:
            if not applies(remedy, title, FAMILIES[name]):
                continue
            label = f"{title} {name} {remedy}"
            found = list(played(game, FAMILIES[name], remedy, seeds, enough, label))
            row: dict[str, str | int | float] = {
                "game": title, "family": name, "remedy": remedy, "steps": enough, "seeds": seeds,
            }  # fmt: skip
            for score in SCORES:
                values = [scores[score] for scores in found if score in scores]
                row[score] = round(mean(values), 4) if values else ""
                row[score + "_spread"] = round(spread(values), 4) if values else ""
            yield row


def applies(remedy: str, title: str, family: Family) -> bool:
    """Whether a remedy applies to a family.

    Smooth labels require a discriminator of probabilities, and augmentation requires images.
    Unrolling requires plain gradient steps. On images, a step costs five, so only the GAN has it.
    """
    fits = {
        "smoothing": family.loss is adversarial.non_saturating,
        "augment": title != "grid",
        "unrolled": not family.clipped if title == "grid" else family is FAMILIES["gan"],
    }
    return fits.get(remedy, True)


def table(found: list[dict[str, str]]) -> Iterator[str]:
    """Markdown tables: for each game and score, families as rows and remedies as columns."""
    yield "# Stability"
    yield ""
    yield "Generated by `python benchmarks/stability.py` from [stability.csv](stability.csv)."
    yield "Values are mean and standard deviation over seeds. The script's docstring defines the"
    yield "games and the scores."
    for title, game in GAMES.items():
        cells = {(row["family"], row["remedy"]): row for row in found if row["game"] == title}
        columns = [remedy for remedy in REMEDIES if any(key[1] == remedy for key in cells)]
        for score, meaning in game.scores.items() if cells else ():
            yield from ("", f"## {title}: {meaning}", "")
            yield "| | " + " | ".join(columns) + " |"
            yield "|---|" + "---:|" * len(columns)
            for family in (f for f in FAMILIES if any(key[0] == f for key in cells)):
                shown = [cells.get((family, remedy)) for remedy in columns]
                yield f"| {family} | " + " | ".join(cell(row, score) for row in shown) + " |"


def cell(row: dict[str, str] | None, score: str) -> str:
    """Mean and spread; empty without a row or a score."""
    if not (row and row[score]):
        return ""
    middle, margin = float(row[score]), float(row[score + "_spread"])
    return f"{middle:.{SCORES[score]}f} ± {margin:.{SCORES[score]}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", nargs="+", choices=GAMES, default=list(GAMES))
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--remedies", nargs="+", choices=REMEDIES, default=list(REMEDIES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="generator steps (default: the game's)")
    wanted = parser.parse_args()
    path = HOME / "stability.csv"
    for game in wanted.games:
        for row in rows(game, wanted.seeds, wanted.steps, wanted.families, wanted.remedies):
            append(path, row)
            render(path, table)


if __name__ == "__main__":
    main()
