"""Linear autoencoder compared with PCA, on a ring in three dimensions and on Fashion-MNIST.

python benchmarks/pca.py  # writes benchmarks/ring.png
"""

import math
from pathlib import Path

import torch
from lightning import Trainer
from PIL import Image, ImageDraw
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import Tensor
from torch.utils.data import DataLoader

import zoo
from zoo.autoencoders.linear import LinearAutoencoder
from zoo.data import FashionMNIST
from zoo.data.images import normalize

SIDE, SCALE, DOT = 420, 140, 4  # pixels: side of a panel, unit, radius of a point
VIEW = torch.tensor([[0.87, 0.5, 0.0], [-0.25, 0.43, 0.87]])  # from the front, slightly from above
PAPER, PLANE, INK, LINK = "white", (226, 235, 246), (120, 120, 120), (150, 165, 185)


def ring(n: int = 120) -> Tensor:
    """Points (n, 3) of a noisy ellipse in a tilted plane, denser on one side."""
    draw = torch.Generator().manual_seed(3)
    turn = 2 * math.pi * torch.rand(n, generator=draw).pow(2)
    oval = torch.stack([0.9 * turn.cos(), 0.5 * turn.sin(), torch.zeros(n)], dim=1)
    axes, _ = torch.linalg.qr(torch.randn(3, 3, generator=draw))
    return oval @ axes + 0.1 * torch.randn(n, 3, generator=draw)


def train(x: Tensor) -> LinearAutoencoder:
    """Fit a model to points (n, 3), as images of one pixel and three channels."""
    torch.manual_seed(0)
    model = LinearAutoencoder(size=1, channels=3, latent=2, lr=0.05)
    batches = [(chunk[:, :, None, None], chunk[:, :0]) for chunk in x.split(40)]
    trainer = Trainer(
        max_epochs=300,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
    )
    trainer.fit(model, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    return model


def on_paper(points: Tensor, left: int) -> list[tuple[float, float]]:
    """Points (n, 2) in pixels of the panel that starts at `left`."""
    pixels = points * torch.tensor([1.0, -1.0]) * SCALE + SIDE / 2 + torch.tensor([left, 0.0])
    return [(float(a), float(b)) for a, b in pixels]


def colors(codes: Tensor) -> list[tuple[int, int, int]]:
    """Colors by the angle of codes (n, 2) around their mean."""
    angle = torch.atan2(*(codes - codes.mean(0)).T.flip(0))
    hues = [angle + shift * 2 * math.pi / 3 for shift in range(3)]
    levels = torch.stack([(h.cos() * 0.45 + 0.5) * 235 for h in hues], dim=1).int()
    return [tuple(level) for level in levels.tolist()]


def dots(canvas: ImageDraw.ImageDraw, points: Tensor, left: int, ink: list) -> None:
    for (a, b), color in zip(on_paper(points, left), ink, strict=True):
        canvas.ellipse((a - DOT, b - DOT, a + DOT, b + DOT), fill=color)


def plane(feet: Tensor) -> Tensor:
    """Corners (4, 3) of a rectangle around coplanar points (n, 3)."""
    *_, axes = torch.linalg.svd(feet - feet.mean(0), full_matrices=False)
    reach = 1.15 * ((feet - feet.mean(0)) @ axes[:2].T).abs().amax(0)
    return feet.mean(0) + reach * torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ axes[:2]


def draw(x: Tensor, model: LinearAutoencoder) -> Image.Image:
    """Picture of the points and the decoder's plane (left), and of the codes (right)."""
    picture = Image.new("RGB", (2 * SIDE, SIDE), PAPER)
    canvas = ImageDraw.Draw(picture)
    codes = model.encode(x[:, :, None, None])
    feet = model.decoder(codes).detach().flatten(1)
    canvas.polygon(on_paper(plane(feet) @ VIEW.T, 0), fill=PLANE)
    for ends in zip(on_paper(x @ VIEW.T, 0), on_paper(feet @ VIEW.T, 0), strict=True):
        canvas.line(ends, fill=LINK, width=1)
    dots(canvas, x @ VIEW.T, 0, colors(codes))
    for axis in torch.tensor([[[-1.0, 0], [1, 0]], [[0, -1], [0, 1]]]):
        canvas.line(on_paper(axis, SIDE), fill=LINK)
    dots(canvas, codes / codes.abs().max(), SIDE, colors(codes))
    canvas.text((10, 8), "points and the plane of the decoder", INK, font_size=15)
    canvas.text((SIDE + 10, 8), "codes", INK, font_size=15)
    return picture


def compare(name: str, model: LinearAutoencoder, train: Tensor, test: Tensor) -> None:
    """Print the largest angle between the subspaces, and the pixel MSE of both in [0, 1]."""
    flat = train.flatten(1).numpy()
    pca = PCA(model.hparams["latent"], svd_solver="full").fit(flat)
    best = torch.from_numpy(pca.inverse_transform(pca.transform(test.flatten(1).numpy())))
    best = best.clamp(-1, 1).view_as(test)  # like the model's output
    angle = subspace_angles(
        model.decoder.get_parameter("0.weight").detach().numpy(), pca.components_.T
    ).max()
    ours, theirs = ((y - test).div(2).square().mean() for y in (model.reconstruct(test), best))
    print(f"{name}: {math.degrees(angle):.2f} degrees, mse {ours:.7f}, PCA {theirs:.7f}")


def main() -> None:
    points = ring()
    model = train(points)
    images = points[:, :, None, None]
    compare("ring", model, images, images)
    path = Path(__file__).with_name("ring.png")
    draw(points, model).save(path, optimize=True)
    print(f"wrote {path}")
    data = FashionMNIST(size=28)
    sides = [normalize(data.images(split).pixels) for split in ("train", "test")]
    shipped = zoo.load("linear-ae-fashion-mnist")
    assert isinstance(shipped, LinearAutoencoder)
    compare("linear-ae-fashion-mnist", shipped, *sides)


if __name__ == "__main__":
    main()
