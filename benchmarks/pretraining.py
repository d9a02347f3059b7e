"""Pre-training of a classifier without labels: `python benchmarks/pretraining.py [--name NAME]`.

The encoder of an autoencoder with a linear layer on top is fine-tuned on few labels, and compared
with the same network from fresh weights. Both receive the same images in the same order. Accuracies
on the whole test split go to benchmarks/pretraining.csv, their curves to a picture.
"""

import argparse
import csv
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import torch
from tables import spread
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam
from tqdm import tqdm

import zoo
from zoo.core.module import CHUNK, ZooModule
from zoo.data.images import Examples, normalize
from zoo.evaluation.training_data import data_of
from zoo.metrics.codes import select_labeled
from zoo.plotting.charts import Curve, chart
from zoo.plotting.pictures import save

HOME = Path(__file__).parent
LABELS = (100, 500, 5000)
STARTS = {"pretrained": "pre-trained without labels", "scratch": "from scratch"}


class Result(NamedTuple):
    """One training: initial weights, number of labels, seed, and accuracy on the test split."""

    name: str
    start: str
    labels: int
    seed: int
    accuracy: float


def encoder_of(model: ZooModule) -> nn.Module:
    """Copy of the encoder, to be fine-tuned."""
    return deepcopy(model.get_submodule("encoder"))


def fresh(model: ZooModule) -> ZooModule:
    """The same model with fresh weights."""
    return type(model)(**{k: v for k, v in model.hparams.items() if not k.startswith("_")})


def train(encoder: nn.Module, x: Tensor, y: Tensor, steps: int, batch: int) -> nn.Module:
    """Fit the encoder and a linear layer to images x with labels y by Adam."""
    head = nn.Linear(encoder(x[:2]).shape[1], int(y.max()) + 1)
    network = nn.Sequential(encoder, head).train()
    optimizer = Adam(network.parameters(), lr=1e-3)
    order = torch.cat([torch.randperm(len(x)) for _ in range(-(-steps * batch // len(x)))])
    for chosen in order[: steps * batch].split(batch):
        optimizer.zero_grad()
        cross_entropy(network(x[chosen]), y[chosen]).backward()
        optimizer.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: nn.Module, test: Examples) -> float:
    chunks = zip(test.pixels.split(CHUNK), test.labels.split(CHUNK), strict=True)
    right = [(network(normalize(x)).argmax(1) == y).double() for x, y in chunks]
    return float(torch.cat(right).mean())


def race(name: str, seeds: int, steps: int, batch: int) -> Iterator[Result]:
    model, data = zoo.load(name), data_of(name)
    known, test = data.examples("train"), data.examples("test")
    places = torch.arange(len(known.labels))
    for seed in range(seeds):
        for n in LABELS:
            chosen, y = select_labeled(places, known.labels, n, seed)
            x = normalize(known.pixels[chosen])
            for start in STARTS:
                torch.manual_seed(seed)
                encoder = encoder_of(model if start == "pretrained" else fresh(model))
                torch.manual_seed(seed)  # same head and order for both
                network = train(encoder, x, y, steps, batch)
                yield Result(name, start, n, seed, accuracy(network, test))


def curves(results: list[Result]) -> list[Curve]:
    """Mean accuracies in % over labels, with one standard deviation over seeds."""
    found = []
    for start, title in STARTS.items():
        groups = [
            [100 * r.accuracy for r in results if (r.start, r.labels) == (start, n)] for n in LABELS
        ]
        means, spreads = ([score(group) for group in groups] for score in (mean, spread))
        found.append(Curve(title, LABELS, means, spreads))
    return found


def table(results: list[Result]) -> str:
    """Markdown table for the card."""
    head = "| Labels | " + " | ".join(f"{n:,}" for n in LABELS) + " |"
    lines = [head, "|---|" + "---:|" * len(LABELS)]
    for curve in curves(results):
        cells = [f"{y:.1f} ± {s:.1f}" for y, s in zip(curve.y, curve.spread, strict=True)]
        lines.append(f"| {curve.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(results: list[Result], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Result._fields)
        writer.writerows(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", default="stacked-ae-fashion-mnist", help="model with the encoder")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--steps", type=int, default=500, help="Adam steps of every training")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--to", type=Path, default=HOME, help="output folder")
    wanted = parser.parse_args()
    total = wanted.seeds * len(LABELS) * len(STARTS)
    trainings = race(wanted.name, wanted.seeds, wanted.steps, wanted.batch)
    results = list(tqdm(trainings, total=total, disable=None))
    write(results, wanted.to / "pretraining.csv")
    picture = chart(curves(results), "labels", "accuracy, %", logarithmic=True)
    save(picture, wanted.to / "pictures" / "pretraining.png")
    print(table(results))


if __name__ == "__main__":
    main()
