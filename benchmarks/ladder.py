"""Overview pictures of the models of Fashion-MNIST: `python benchmarks/ladder.py`.

For each autoencoder with weights: reconstructed test images and samples, with the pixel MSE and the
FD (`fd-lenet`) on its card. For each GAN: samples, with recall and FD. Rows are in descending order
of FD. Writes benchmarks/pictures/ladder.png and gans.png.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

import zoo
from zoo.core.protocols import SupportsReconstruction, SupportsSampling
from zoo.data import FashionMNIST
from zoo.data.images import normalize
from zoo.plotting import pictures

HOME = Path(__file__).parent
SIZE, SHOWN = 32, 8  # pixels, and images in each half of a row


def numbers(name: str) -> dict[str, float]:
    """Values on the card, by metric."""
    return {str(m["metric"]): float(m["value"]) for m in zoo.card(name).metrics}


def padded(images: Tensor) -> Tensor:
    """Images (n, 1, size, size) with a black border up to SIZE."""
    return pad(images, [(SIZE - images.shape[-1]) // 2] * 4, value=-1)


def row(name: str) -> tuple[Tensor, Tensor]:
    """Reconstructed test images and samples of a model: (SHOWN, 1, SIZE, SIZE) each."""
    model = zoo.load(name)
    assert isinstance(model, SupportsReconstruction)
    assert isinstance(model, SupportsSampling)
    x = normalize(FashionMNIST(size=model.hparams["size"]).images("test").pixels[:SHOWN])
    return padded(model.reconstruct(x)), padded(model.sample(SHOWN, seed=0))


def rungs(metric: str, family: str = "") -> list[str]:
    """Models whose cards have this metric and an FD, in descending order of FD."""
    found = []
    for name in zoo.list_models("*-fashion-mnist"):
        ours = str(zoo.card(name).facts["class"]).startswith(f"zoo.{family}")
        if ours and {metric, "fd-lenet"} <= set(numbers(name)):
            found.append(name)
    return sorted(found, key=lambda name: -numbers(name)["fd-lenet"])


def caption(name: str, metric: str, digits: int) -> str:
    found = numbers(name)
    rung = name.removesuffix("-fashion-mnist")
    return f"{rung}   {found[metric]:.{digits}f}   {found['fd-lenet']:.1f}"


def autoencoders() -> Tensor:
    names = rungs("mse")
    halves: tuple[list[Tensor], list[Tensor]] = (
        [padded(normalize(FashionMNIST().images("test").pixels[:SHOWN]))],
        [],
    )
    for name in names:
        for half, images in zip(halves, row(name), strict=True):
            half.append(images)
    white = torch.ones_like(halves[0][0])
    left, right = (pictures.grid(torch.cat(h), SHOWN) for h in (halves[0], [white, *halves[1]]))
    captions = ["test images", *(caption(name, "mse", 4) for name in names)]
    return pictures.add_captions(pictures.hstack(left, right), captions)


def gans() -> Tensor:
    names = rungs("recall-lenet", "gans.")
    drawn = torch.cat([samples(name) for name in names])
    captions = [caption(name, "recall-lenet", 2) for name in names]
    return pictures.add_captions(pictures.grid(drawn, 2 * SHOWN), captions)


def samples(name: str) -> Tensor:
    """The first 2 * SHOWN samples of a model with seed 0."""
    model = zoo.load(name)
    assert isinstance(model, SupportsSampling)
    return padded(model.sample(2 * SHOWN, seed=0))


def main() -> None:
    for name, draw in {"ladder": autoencoders, "gans": gans}.items():
        pictures.save(draw(), HOME / "pictures" / f"{name}.png")


if __name__ == "__main__":
    main()
