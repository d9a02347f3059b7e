"""Line charts with error bands, rendered by Pillow."""

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
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 46, 58  # margins around the curves, in pixels
FINE = 3  # supersampling factor: the chart is rendered larger and downsampled

Point = tuple[float, float]


class Curve(NamedTuple):
    """A named curve; `spread` is half of the height of the error band at each point."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    spread: Sequence[float] = ()

    def edges(self) -> tuple[list[float], list[float]]:
        """Lower and upper edge of the error band."""
        spread = self.spread or [0.0] * len(self.y)
        pairs = list(zip(self.y, spread, strict=True))
        return [y - s for y, s in pairs], [y + s for y, s in pairs]


class Axis(NamedTuple):
    """Limits, ticks and scale of an axis."""

    low: float
    high: float
    ticks: list[float]
    logarithmic: bool

    def fraction(self, value: float) -> float:
        """Position of a value between both limits, in [0, 1]."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def to_x(self, value: float) -> float:
        """Horizontal position of a value, in pixels from the left."""
        return LEFT + self.fraction(value) * (WIDTH - LEFT - RIGHT)

    def to_y(self, value: float) -> float:
        """Vertical position of a value, in pixels from the top."""
        return HEIGHT - BOTTOM - self.fraction(value) * (HEIGHT - TOP - BOTTOM)


def chart(curves: Sequence[Curve], x_title: str, y_title: str, logarithmic: bool = False) -> Tensor:
    """Render curves with a legend as a picture (3, 400, 640) in uint8.

    The horizontal axis is logarithmic if requested.
    """
    xs = [value for curve in curves for value in curve.x]
    ys = [value for curve in curves for edge in curve.edges() for value in edge]
    to_axis = logarithmic_axis if logarithmic else linear_axis
    x, y = to_axis(min(xs), max(xs)), linear_axis(min(ys), max(ys))
    canvas = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), "white")
    pen = Pen(canvas)
    for value in y.ticks:
        pen.line([(LEFT, y.to_y(value)), (WIDTH - RIGHT, y.to_y(value))], PALE, 1)
        pen.text((LEFT - 10, y.to_y(value)), f"{value:g}", "rm")
    for value in x.ticks:
        pen.text((x.to_x(value), HEIGHT - BOTTOM + 8), f"{value:,g}", "ma")
    pen.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10), x_title, "ms")
    pen.text((LEFT - 46, 10), y_title, "la")
    for curve, color in zip(curves, PALETTE, strict=False):
        draw_curve(pen, curve, x, y, color)
    draw_legend(pen, [curve.name for curve in curves])
    small = canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


def draw_curve(pen: "Pen", curve: Curve, x: Axis, y: Axis, color: str) -> None:
    """Draw the error band, the line, and a dot for each point."""
    positions = [x.to_x(value) for value in curve.x]
    low, middle, high = (
        list(zip(positions, map(y.to_y, values), strict=True))
        for values in (curve.edges()[0], curve.y, curve.edges()[1])
    )
    if curve.spread:
        pen.area([*low, *reversed(high)], color)
    pen.line(middle, color, 2.5)
    for point in middle:
        pen.dot(point, color)


def draw_legend(pen: "Pen", names: Sequence[str]) -> None:
    """Draw names from right to left in the top margin, each after a dot of its color."""
    right = float(WIDTH - RIGHT)
    for name, color in reversed(list(zip(names, PALETTE, strict=False))):
        pen.text((right, 10), name, "ra")
        right -= pen.length(name) + 10
        pen.dot((right, 19), color)
        right -= 22


class Pen:
    """Draws in the coordinates of the final chart on a canvas that is FINE times larger."""

    def __init__(self, canvas: Image.Image) -> None:
        self.pen = ImageDraw.Draw(canvas, "RGBA")
        self.font = ImageFont.load_default(16 * FINE)

    def line(self, points: Sequence[Point], color: str, width: float) -> None:
        """Draw a polyline."""
        self.pen.line(enlarge(points), color, round(width * FINE), joint="curve")

    def area(self, points: Sequence[Point], color: str) -> None:
        """Fill a polygon with a transparent color."""
        self.pen.polygon(enlarge(points), (*ImageColor.getrgb(color)[:3], 56))

    def dot(self, center: Point, color: str, radius: float = 4.5) -> None:
        """Fill a circle."""
        (x, y), r = center, radius
        self.pen.ellipse(enlarge([(x - r, y - r), (x + r, y + r)]), color)

    def text(self, point: Point, text: str, anchor: str) -> None:
        """Write text with an anchor as in Pillow."""
        self.pen.text(enlarge([point])[0], text, INK, self.font, anchor)

    def length(self, text: str) -> float:
        """Width of text in pixels of the final chart."""
        return self.pen.textlength(text, self.font) / FINE


def enlarge(points: Sequence[Point]) -> list[Point]:
    """Convert points of the chart to points of the canvas."""
    return [(x * FINE, y * FINE) for x, y in points]


def linear_axis(low: float, high: float) -> Axis:
    """Axis with four to ten evenly spaced ticks at round numbers, which include low and high."""
    step = 10 ** math.floor(math.log10(max(high - low, 1e-9) / 2))
    step *= next(k for k in (1, 2, 5, 10) if (high - low) / (k * step) <= 8)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = [round(i * step, 12) for i in range(first, last + 1)]
    return Axis(ticks[0], ticks[-1], ticks, False)


def logarithmic_axis(low: float, high: float) -> Axis:
    """Logarithmic axis with ticks at 1, 2, 5, 10, 20, ... between low and high."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [k * 10.0**power for power in powers for k in (1, 2, 5)]
    return Axis(low * 0.9, high * 1.1, [t for t in ticks if low * 0.9 <= t <= high * 1.1], True)
