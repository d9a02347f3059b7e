"""Do samples of a generator help a classifier with few images? `python benchmarks/augmentation.py`

A LeNet is trained on 10, 30 or 100 images a class of Fashion-MNIST, five seeds each, for the same
number of steps: on the images alone, shifted and mirrored, beside samples of a conditional VAE that
was trained on the same images, and beside samples of `acgan-fashion-mnist`, which was trained on
all 60,000. Half of each batch are samples. Rows go to benchmarks/augmentation.csv, from which
benchmarks/augmentation.md is generated.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.utilities.warnings import PossibleUserWarning
from tables import append, over_seeds, render
from torch import Tensor
from torch.utils.data import DataLoader

import zoo
from zoo.classifiers import LeNet
from zoo.core.latent_models import ConditionalModel
from zoo.core.modality import normalize
from zoo.core.provenance import commit, hardware
from zoo.data import FashionMNIST
from zoo.data.arrays import random_flip
from zoo.vaes import ConditionalVAE

HERE = Path(__file__).parent
SIZES, SEEDS = (10, 30, 100), 5  # images a class
STEPS, BATCH, CLASSES = 400, 64, 10
VAE_STEPS = 1_500
SHIFT = 2  # pixels, at most
GENERATOR = "acgan-fashion-mnist"
Batch = tuple[Tensor, Tensor]
Draw = Callable[[int], Batch]  # a number of images to images in [-1, 1] and labels


def few_images(n: int, seed: int) -> Batch:
    """n random training images of each class, with labels."""
    pixels, labels = FashionMNIST(size=32).images("train")
    own = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=own)
    chosen = torch.cat([order[labels[order] == k][:n] for k in range(CLASSES)])
    return normalize(pixels[chosen]), labels[chosen]


def from_images(images: Tensor, labels: Tensor, n: int, move: bool = False) -> Batch:
    """n random images of a set; `move` shifts and mirrors them."""
    chosen = torch.randint(len(labels), (n,))
    x = images[chosen]
    if move:
        top, left = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
        x = random_flip(x).roll((top, left), (2, 3))
    return x, labels[chosen]


def from_model(model: ConditionalModel, n: int) -> Batch:
    """n samples of a conditional model, of random classes."""
    labels = torch.randint(CLASSES, (n,))
    return model.sample(n, labels=labels), labels


def half_and_half(one: Draw, other: Draw, n: int) -> Batch:
    """n images, half of them by each."""
    pairs = one(n // 2), other(n - n // 2)
    x, y = (torch.cat(side) for side in zip(*pairs, strict=True))
    return x, y


def train(model: LightningModule, draw: Draw, steps: int) -> None:
    """Train a model on batches that are drawn as they are needed."""
    batches: Any = [draw(BATCH) for _ in range(steps)]
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(batches, batch_size=None))
    model.eval()


def arms(images: Tensor, labels: Tensor) -> Iterator[tuple[str, Draw]]:
    """The names of the kinds of training, and what they draw."""
    real = partial(from_images, images, labels)
    moved = partial(from_images, images, labels, move=True)
    yield "real images", real
    yield "shifted and mirrored", moved
    own = ConditionalVAE(32, 1, latent=16, width=16, noise=0.4)
    train(own, real, VAE_STEPS)
    yield "and a VAE of the same images", partial(half_and_half, moved, partial(from_model, own))
    gan = zoo.load(GENERATOR)
    assert isinstance(gan, ConditionalModel)
    yield "and a GAN of all images", partial(half_and_half, moved, partial(from_model, gan))
    yield "the GAN alone", partial(from_model, gan)


def measured(n: int, seed: int) -> Iterator[dict[str, str | int | float]]:
    """The accuracy of each kind of training for n images a class."""
    test = FashionMNIST(size=32).images("test")
    torch.manual_seed(seed)
    for name, draw in arms(*few_images(n, seed)):
        torch.manual_seed(seed)
        model = LeNet(width=16)
        train(model, draw, STEPS)
        predicted = model.classify(normalize(test.values)).argmax(1)
        accuracy = float(predicted.eq(test.labels).double().mean())
        yield {
            "images": n,
            "training": name,
            "seed": seed,
            "accuracy": round(accuracy, 4),
            "steps": STEPS,
            "hardware": hardware(torch.device("cpu")),
            "commit": commit(),
            "torch": str(torch.__version__),
        }


def table(rows: list[dict[str, str]]) -> Iterator[str]:
    """Markdown lines: mean and standard deviation over seeds."""
    yield "# Augmentation by samples"
    yield ""
    yield "Generated by `python benchmarks/augmentation.py` from"
    yield "[augmentation.csv](augmentation.csv). Accuracy of a LeNet on the 10,000 test images of"
    yield f"Fashion-MNIST after {STEPS:,} steps of {BATCH}: mean and standard deviation over seeds."
    yield "The rows with samples draw half of each batch from the generator, the other half as the"
    yield f"second row. `{GENERATOR}` was trained on all 60,000 images: its row says"
    yield "what a generator of more data brings, not what one of the few images can."
    yield ""
    yield "| Training | " + " | ".join(f"{n} a class" for n in SIZES) + " |"
    yield "|---|" + "---:|" * len(SIZES)
    for name in dict.fromkeys(row["training"] for row in rows):
        cells = []
        for n in SIZES:
            chosen = [r for r in rows if r["training"] == name and int(r["images"]) == n]
            values = [float(row["accuracy"]) for row in chosen]
            cells.append(over_seeds(values, ".3f") if values else "not run")
        yield f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--seeds", nargs="*", type=int, default=list(range(SEEDS)))
    wanted = parser.parse_args()
    warnings.simplefilter("ignore", PossibleUserWarning)
    path = HERE / "augmentation.csv"
    for seed in wanted.seeds:
        for n in wanted.sizes:
            for row in measured(n, seed):
                print(*(f"{key} {value}" for key, value in row.items()), sep="  ", flush=True)
                append(path, row)
    render(path, table)


if __name__ == "__main__":
    main()
