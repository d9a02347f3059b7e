"""Anomaly detection with autoencoders: `python benchmarks/anomalies.py [--epochs N]`.

Ten small autoencoders, each trained without one class of Fashion-MNIST. The first score of an image
is its reconstruction error. The second score is the negative log-likelihood of its code under a
mixture of Gaussians, fitted to codes of training images. The AUROC is the probability that an image
of the held-out class scores above an image of another class. AUROCs go to benchmarks/anomalies.csv,
images with extreme scores to a picture.
"""

import argparse
import csv
import warnings
from pathlib import Path
from typing import NamedTuple

import lightning
import torch
from lightning import Trainer
from torch import Tensor

from zoo.autoencoders.stacked import StackedAutoencoder
from zoo.data import FashionMNIST
from zoo.data.images import normalize
from zoo.evaluation.latent_codes import reconstruction_errors
from zoo.evaluation.records import map_batches
from zoo.metrics.codes import anomaly_auroc
from zoo.plotting import pictures

HOME = Path(__file__).parent
EXTREMES = 6  # images at either end
FITTED = 10_000  # codes to fit the mixture to


class Row(NamedTuple):
    """The held-out class, and the AUROC of both scores."""

    held_out: str
    error: float
    unlikely: float


def train_and_score(data: FashionMNIST, epochs: int) -> tuple[Tensor, Tensor]:
    """Train on data without one class; return both scores (n,) of the test images."""
    lightning.seed_everything(0, verbose=False)
    model = StackedAutoencoder(size=28, lr=3e-3)
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, data)
    model.eval()
    model.fit_sampler(
        map_batches(model, data.images("train").pixels[:FITTED], model.encode, "codes")
    )
    test = data.images("test")
    codes = map_batches(model, test.pixels, model.encode, "codes")
    return reconstruction_errors(model, test), -model.sampler.log_prob(codes)


def strip(scores: Tensor, pixels: Tensor) -> Tensor:
    """The images with the highest scores, in descending order, beside those with the lowest."""
    order = scores.argsort(descending=True)
    ends = order[:EXTREMES], order[-EXTREMES:]
    parts = [pictures.grid(normalize(pixels[end]), EXTREMES) for end in ends]
    return pictures.hstack(*parts, gap=16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each training")
    parser.add_argument("--to", type=Path, default=HOME, help="output folder")
    wanted = parser.parse_args()
    warnings.filterwarnings("ignore", module="lightning")
    rows, strips = [], []
    for held_out, name in enumerate(FashionMNIST.classes):
        data = FashionMNIST(size=28, batch_size=128, exclude_class=held_out)
        test = data.images("test")
        scores = train_and_score(data, wanted.epochs)
        found = (anomaly_auroc(score, test.labels, held_out) for score in scores)
        rows.append(Row(name, *(round(value, 4) for value in found)))
        strips.append(strip(scores[0], test.pixels))
        print(*(f"{key} {value}" for key, value in rows[-1]._asdict().items()), sep="  ")
    with (wanted.to / "anomalies.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([Row._fields, *rows])
    captions = [f"{row.held_out}, {row.error:.2f}" for row in rows]
    picture = pictures.add_captions(torch.cat(strips, dim=1), captions)
    pictures.save(picture, wanted.to / "pictures" / "anomalies.png")


if __name__ == "__main__":
    main()
