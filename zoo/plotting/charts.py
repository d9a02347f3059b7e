"""Curves with their spread, drawn with PIL: what a README shows of a table of numbers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

PALETTE = (
    "#3b6fb6", "#ee7f2d", "#2f9e6e", "#d1495b", "#8e63b0", "#9c6b4a", "#d66ba0", "#7a7f87",
    "#a9a11f", "#1fa6b8",
)  # fmt: skip
INK, PALE = "#404040", "#e4e4e4"
WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 46, 58  # margins around the curves
FINE = 3  # all is drawn so many times larger, then made smooth

Point = tuple[float, float]


class Curve(NamedTuple):
    """A name and its points; `spread` is half of the height of the band around each."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    spread: Sequence[float] = ()

    def edges(self) -> tuple[list[float], list[float]]:
        """The lower and the upper end of the band."""
        halves = self.spread or [0.0] * len(self.y)
        pairs = list(zip(self.y, halves, strict=True))
        return [y - half for y, half in pairs], [y + half for y, half in pairs]


class Axis(NamedTuple):
    """Which numbers are marked, and which part of an axis of numbers lies below one."""

    low: float
    high: float
    ticks: list[float]
    logarithmic: bool

    def share(self, value: float) -> float:
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def point(self, value: float) -> float:
        """Where a number of the horizontal axis is, in pixels."""
        return LEFT + self.share(value) * (WIDTH - LEFT - RIGHT)

    def height(self, value: float) -> float:
        """Where a number of the vertical axis is, in pixels."""
        return HEIGHT - BOTTOM - self.share(value) * (HEIGHT - TOP - BOTTOM)


def chart(curves: Sequence[Curve], x_title: str, y_title: str, logarithmic: bool = False) -> Tensor:
    """A picture (3, 400, 640) in uint8: curves over x, which may be logarithmic, with a legend."""
    xs = [value for curve in curves for value in curve.x]
    ys = [value for curve in curves for edge in curve.edges() for value in edge]
    x, y = (decades if logarithmic else even)(min(xs), max(xs)), even(min(ys), max(ys))
    canvas = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), "white")
    pen = Pen(canvas)
    for value in y.ticks:
        pen.line([(LEFT, y.height(value)), (WIDTH - RIGHT, y.height(value))], PALE, 1)
        pen.text((LEFT - 10, y.height(value)), f"{value:g}", "rm")
    for value in x.ticks:
        pen.text((x.point(value), HEIGHT - BOTTOM + 8), f"{value:,g}", "ma")
    pen.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10), x_title, "ms")
    pen.text((LEFT - 46, 10), y_title, "la")
    for curve, ink in zip(curves, PALETTE, strict=False):
        draw_curve(pen, curve, x, y, ink)
    legend(pen, [curve.name for curve in curves])
    small = canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


def draw_curve(pen: "Pen", curve: Curve, x: Axis, y: Axis, ink: str) -> None:
    """The band, the line, and a dot for each point."""
    across = [x.point(value) for value in curve.x]
    low, middle, high = (
        list(zip(across, map(y.height, values), strict=True))
        for values in (curve.edges()[0], curve.y, curve.edges()[1])
    )
    if curve.spread:
        pen.area([*low, *reversed(high)], ink)
    pen.line(middle, ink, 2.5)
    for point in middle:
        pen.dot(point, ink)


def legend(pen: "Pen", names: Sequence[str]) -> None:
    """Names from right to left in the top margin, each after a dot of its colour."""
    right = float(WIDTH - RIGHT)
    for name, ink in reversed(list(zip(names, PALETTE, strict=False))):
        pen.text((right, 10), name, "ra")
        right -= pen.length(name) + 10
        pen.dot((right, 19), ink)
        right -= 22


class Pen:
    """Draws on a canvas that is FINE times larger than it is thought of."""

    def __init__(self, canvas: Image.Image) -> None:
        self.pen = ImageDraw.Draw(canvas, "RGBA")
        self.font = ImageFont.load_default(16 * FINE)

    def line(self, points: Sequence[Point], ink: str, width: float) -> None:
        self.pen.line(enlarged(points), ink, round(width * FINE), joint="curve")

    def area(self, points: Sequence[Point], ink: str) -> None:
        self.pen.polygon(enlarged(points), (*ImageColor.getrgb(ink)[:3], 56))

    def dot(self, at: Point, ink: str, radius: float = 4.5) -> None:
        (x, y), r = at, radius
        self.pen.ellipse(enlarged([(x - r, y - r), (x + r, y + r)]), ink)

    def text(self, at: Point, words: str, anchor: str) -> None:
        self.pen.text(enlarged([at])[0], words, INK, self.font, anchor)

    def length(self, words: str) -> float:
        return self.pen.textlength(words, self.font) / FINE


def enlarged(points: Sequence[Point]) -> list[Point]:
    return [(x * FINE, y * FINE) for x, y in points]


def even(low: float, high: float) -> Axis:
    """From four to ten even ticks, at round numbers, around low and high."""
    step = 10 ** math.floor(math.log10(max(high - low, 1e-9) / 2))
    step *= next(k for k in (1, 2, 5, 10) if (high - low) / (k * step) <= 8)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = [round(i * step, 12) for i in range(first, last + 1)]
    return Axis(ticks[0], ticks[-1], ticks, False)


def decades(low: float, high: float) -> Axis:
    """Ticks at 1, 2, 5, 10, 20, ... that lie between low and high."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [k * 10.0**power for power in powers for k in (1, 2, 5)]
    return Axis(low * 0.9, high * 1.1, [t for t in ticks if low * 0.9 <= t <= high * 1.1], True)
