"""Small line charts of series, without axes."""

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from zoo.plotting.charts import PALETTE

WIDTH, HEIGHT, MARGIN = 160, 96, 4  # pixels of a chart
GROUND = "#f6f6f6"
FINE = 3  # supersampling factor


def line_charts(series: Tensor) -> Tensor:
    """Charts (n, 3, 96, 160) in [-1, 1] of series (n, t, columns) in [0, 1], with a line in a color
    of its own for each column; other values are clipped."""
    values = series.detach().cpu().float().nan_to_num(0.5).clamp(0, 1)
    drawn = [np.asarray(line_chart(one)) for one in values]
    if not drawn:
        return torch.empty(0, 3, HEIGHT, WIDTH)
    return torch.from_numpy(np.stack(drawn)).movedim(3, 1).float() / 127.5 - 1


def line_chart(values: Tensor) -> Image.Image:
    """The chart of values (t, columns) in [0, 1]."""
    canvas = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), GROUND)
    pen, steps = ImageDraw.Draw(canvas), len(values)
    x = np.linspace(MARGIN, WIDTH - MARGIN, steps) * FINE
    for i, column in enumerate(values.T):
        y = (HEIGHT - MARGIN - column.numpy() * (HEIGHT - 2 * MARGIN)) * FINE
        color = PALETTE[i % len(PALETTE)]
        pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), color, 4, joint="curve")
    return canvas.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
