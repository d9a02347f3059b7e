"""The ladder of autoencoders at a glance: `python benchmarks/ladder.py`.

For each one of Fashion-MNIST that ships: test images as it returns them and samples, with the error
and the distance on its card, the most distant first. Writes benchmarks/pictures/ladder.png.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

import zoo
from recipes.data import FashionMNIST
from recipes.data.images import normalise
from zoo import pictures
from zoo.contracts import Reconstructor, Sampler

HOME = Path(__file__).parent
SIZE, SHOWN = 32, 8  # pixels, and images in each half of a row


def numbers(name: str) -> dict[str, float]:
    """What the card measured, by metric."""
    return {str(m["metric"]): float(m["value"]) for m in zoo.card(name).metrics}


def padded(images: Tensor) -> Tensor:
    """Images (n, 1, size, size) with a black border up to SIZE."""
    return pad(images, [(SIZE - images.shape[-1]) // 2] * 4, value=-1)


def row(name: str) -> tuple[Tensor, Tensor]:
    """Test images as a model returns them, and its samples: (SHOWN, 1, SIZE, SIZE) each."""
    model = zoo.load(name)
    assert isinstance(model, Reconstructor)
    assert isinstance(model, Sampler)
    x = normalise(FashionMNIST(size=model.hparams["size"]).images("test").pixels[:SHOWN])
    return padded(model.reconstruct(x)), padded(model.sample(SHOWN, seed=0))


def main() -> None:
    names = [n for n in zoo.names("*-fashion-mnist") if {"mse", "fd-lenet"} <= set(numbers(n))]
    names.sort(key=lambda name: -numbers(name)["fd-lenet"])
    halves: tuple[list[Tensor], list[Tensor]] = (
        [padded(normalise(FashionMNIST().images("test").pixels[:SHOWN]))],
        [],
    )
    captions = ["test images"]
    for name in names:
        for half, images in zip(halves, row(name), strict=True):
            half.append(images)
        found = numbers(name)
        rung = name.removesuffix("-fashion-mnist")
        captions.append(f"{rung}   {found['mse']:.4f}   {found['fd-lenet']:.1f}")
    white = torch.ones_like(halves[0][0])
    left, right = (pictures.grid(torch.cat(h), SHOWN) for h in (halves[0], [white, *halves[1]]))
    drawn = pictures.captioned(pictures.beside(left, right), captions)
    pictures.save(drawn, HOME / "pictures" / "ladder.png")


if __name__ == "__main__":
    main()
