"""Maps of codes in two dimensions by t-SNE, colored by class."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate

from zoo.plotting.charts import PALETTE

SIDE, MARGIN = 960, 36  # side and margin of the picture, in pixels
DOT, FINE = 2.2, 4  # radius of a dot in pixels; supersampling factor of the dots

Color = tuple[int, ...]


def tsne(codes: Tensor, seed: int = 0) -> Tensor:
    """Embed codes (n, latent) in two dimensions (n, 2) by scikit-learn's t-SNE.

    van der Maaten & Hinton, 2008, https://jmlr.org/papers/v9/vandermaaten08a.html
    """
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(codes) - 1) / 3)
    embedding = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    return torch.from_numpy(embedding.fit_transform(codes.double().cpu().numpy()))


def plot_map(points: Tensor, pixels: Tensor, labels: Tensor, names: Sequence[str] = ()) -> Tensor:
    """Plot points (n, 2) of images as a map, a picture (3, h, w) in uint8.

    Each point is a dot in the color of its label (n,). As many of the images (n, channels, size,
    size) in uint8 as fit without overlap are shown, and the name of each class.
    """
    positions = to_canvas(points)
    canvas = draw_dots(positions, labels)
    pixels = interpolate(pixels, scale_factor=max(1, 32 // pixels.shape[-1]))
    for i in without_overlap(positions, pixels.shape[-1] + 2):
        paste(canvas, pixels[i], positions[i], color(int(labels[i])))
    for label in labels.unique().tolist():
        name = names[label] if label < len(names) else str(label)
        write(canvas, name, densest(positions[labels == label]), color(label))
    # a palette of 256 colors makes the file three times smaller
    canvas = canvas.quantize(256, kmeans=2, dither=Image.Dither.NONE).convert("RGB")
    return torch.from_numpy(np.array(canvas)).permute(2, 0, 1)


def to_canvas(points: Tensor) -> Tensor:
    """Scale points (n, 2) to the canvas, in pixels."""
    low, high = points.amin(0), points.amax(0)
    return MARGIN + (points - low) / (high - low).clamp(min=1e-9) * (SIDE - 2 * MARGIN)


def color(label: int) -> Color:
    """Color of a class; colors repeat after the length of the palette."""
    return ImageColor.getrgb(PALETTE[label % len(PALETTE)])


def draw_dots(positions: Tensor, labels: Tensor) -> Image.Image:
    """White canvas with a pale dot at each position (n, 2)."""
    large, radius = Image.new("RGB", (SIDE * FINE, SIDE * FINE), "white"), DOT * FINE
    pen = ImageDraw.Draw(large)
    for (x, y), label in zip((positions * FINE).tolist(), labels.tolist(), strict=True):
        pale = tuple(round(255 - 0.55 * (255 - level)) for level in color(label))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=pale)
    return large.resize((SIDE, SIDE), Image.Resampling.BOX)


def without_overlap(positions: Tensor, side: int) -> Iterator[int]:
    """Yield indices of positions (n, 2) whose squares of a side do not overlap, greedily."""
    taken = positions[:0]
    for i, position in enumerate(positions):
        if not ((taken - position).abs() < side).all(1).any():
            taken = torch.cat([taken, position[None]])
            yield i


def paste(canvas: Image.Image, pixels: Tensor, position: Tensor, rgb: Color) -> None:
    """Paste an image (1 or 3, h, w): a gray one tinted, with transparent black; others framed."""
    x, y = (position - pixels.shape[-1] / 2).round().int().tolist()
    if len(pixels) == 3:
        canvas.paste(rgb, (x - 1, y - 1, x + pixels.shape[-1] + 1, y + pixels.shape[-2] + 1))
        canvas.paste(Image.fromarray(pixels.permute(1, 2, 0).numpy()), (x, y))
        return
    level = pixels[0].numpy()
    mask = Image.fromarray((level * 2.2).clip(0, 255).astype(np.uint8))
    dark, light = 0.35 * np.array(rgb), 255 - 0.55 * (255 - np.array(rgb))
    shades = dark + (light - dark) * level[..., None] / 255
    canvas.paste("white", (x, y), mask.filter(ImageFilter.MaxFilter(5)))  # an outline
    canvas.paste(Image.fromarray(shades.astype(np.uint8)), (x, y), mask)


def densest(positions: Tensor) -> Tensor:
    """Position of (n, 2) with the highest kernel density estimate."""
    kernel = (-torch.cdist(positions, positions).square() / (SIDE / 12) ** 2).exp()
    return positions[kernel.sum(1).argmax()]


def write(canvas: Image.Image, name: str, position: Tensor, rgb: Color) -> None:
    """Write a name with a white outline at a position, within the canvas."""
    font, pen = ImageFont.load_default(24), ImageDraw.Draw(canvas)
    half = pen.textlength(name, font) / 2 + 6
    x, y = min(max(position[0].item(), half), SIDE - half), position[1].item()
    dark = tuple(round(0.55 * level) for level in rgb)
    pen.text((x, y), name, dark, font, "mm", stroke_width=5, stroke_fill="white")
