"""A map of codes: near each other what a model finds alike, in the colours of the classes."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate

from zoo.plotting.charts import PALETTE

SIDE, MARGIN = 960, 36  # of the picture, in pixels
DOT, FINE = 2.2, 4  # a dot's radius; it is drawn so many times larger, then made smooth

Color = tuple[int, ...]


def flattened(codes: Tensor, seed: int = 0) -> Tensor:
    """Codes (n, latent) in two dimensions (n, 2), neighbours kept together: scikit-learn's t-SNE.

    van der Maaten & Hinton, 2008, https://jmlr.org/papers/v9/vandermaaten08a.html
    """
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(codes) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    return torch.from_numpy(tsne.fit_transform(codes.double().cpu().numpy()))


def plot_map(places: Tensor, pixels: Tensor, labels: Tensor, names: Sequence[str] = ()) -> Tensor:
    """A picture (3, h, w) in uint8: a dot in its class's colour for each of places (n, 2), as many
    of the images (n, channels, size, size) in uint8 as find room, and each class's name."""
    spots = on_canvas(places)
    canvas = dots(spots, labels)
    pixels = interpolate(pixels, scale_factor=max(1, 32 // pixels.shape[-1]))
    for i in apart(spots, pixels.shape[-1] + 2):
        paste(canvas, pixels[i], spots[i], color(int(labels[i])))
    for label in labels.unique().tolist():
        name = names[label] if label < len(names) else str(label)
        write(canvas, name, densest(spots[labels == label]), color(label))
    few = canvas.quantize(256, kmeans=2, dither=Image.Dither.NONE).convert(
        "RGB"
    )  # a third of the file
    return torch.from_numpy(np.array(few)).permute(2, 0, 1)


def on_canvas(places: Tensor) -> Tensor:
    """Places stretched over the picture, in pixels."""
    low, high = places.amin(0), places.amax(0)
    return MARGIN + (places - low) / (high - low).clamp(min=1e-9) * (SIDE - 2 * MARGIN)


def color(label: int) -> Color:
    return ImageColor.getrgb(PALETTE[label % len(PALETTE)])


def dots(spots: Tensor, labels: Tensor) -> Image.Image:
    """A white canvas with a pale dot at each spot."""
    large, radius = Image.new("RGB", (SIDE * FINE, SIDE * FINE), "white"), DOT * FINE
    pen = ImageDraw.Draw(large)
    for (x, y), label in zip((spots * FINE).tolist(), labels.tolist(), strict=True):
        pale = tuple(round(255 - 0.55 * (255 - level)) for level in color(label))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=pale)
    return large.resize((SIDE, SIDE), Image.Resampling.BOX)


def apart(spots: Tensor, side: int) -> Iterator[int]:
    """Which spots take a square of that side each, none over another; the first ones first."""
    taken = spots[:0]
    for i, spot in enumerate(spots):
        if not ((taken - spot).abs() < side).all(1).any():
            taken = torch.cat([taken, spot[None]])
            yield i


def paste(canvas: Image.Image, pixels: Tensor, spot: Tensor, ink: Color) -> None:
    """A grey image as if it were printed in ink, black being paper; a coloured one in a frame."""
    x, y = (spot - pixels.shape[-1] / 2).round().int().tolist()
    if len(pixels) == 3:
        canvas.paste(ink, (x - 1, y - 1, x + pixels.shape[-1] + 1, y + pixels.shape[-2] + 1))
        canvas.paste(Image.fromarray(pixels.permute(1, 2, 0).numpy()), (x, y))
        return
    level = pixels[0].numpy()
    shape = Image.fromarray((level * 2.2).clip(0, 255).astype(np.uint8))
    dark, light = 0.35 * np.array(ink), 255 - 0.55 * (255 - np.array(ink))
    shades = dark + (light - dark) * level[..., None] / 255
    canvas.paste("white", (x, y), shape.filter(ImageFilter.MaxFilter(5)))  # a rim, over the dots
    canvas.paste(Image.fromarray(shades.astype(np.uint8)), (x, y), shape)


def densest(spots: Tensor) -> Tensor:
    """The one of spots (n, 2) that has the most others around it."""
    near = (-torch.cdist(spots, spots).square() / (SIDE / 12) ** 2).exp()
    return spots[near.sum(1).argmax()]


def write(canvas: Image.Image, name: str, spot: Tensor, ink: Color) -> None:
    """A name over a spot, within the canvas, rimmed in white."""
    font, pen = ImageFont.load_default(24), ImageDraw.Draw(canvas)
    half = pen.textlength(name, font) / 2 + 6
    x, y = min(max(spot[0].item(), half), SIDE - half), spot[1].item()
    dark = tuple(round(0.55 * level) for level in ink)
    pen.text((x, y), name, dark, font, "mm", stroke_width=5, stroke_fill="white")
