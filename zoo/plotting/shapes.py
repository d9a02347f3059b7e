"""Shaded views of shapes of voxels."""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d, grid_sample, normalize, pad

SIDE, DEPTH = 96, 112  # pixels of a view, and points along a ray
REACH = 1.45, 1.75  # half of the length of a side and of a ray; a cube reaches to 1
AZIMUTH, ELEVATION = math.radians(35), math.radians(25)  # of the camera
LIGHT = (-0.4, -0.5, 0.77)  # toward the light: right, down and toward the camera
SURFACE = 0.5  # occupancy above which a voxel is filled
CHUNK = 16  # shapes at a time, in little memory


def shaded_views(shapes: Tensor) -> Tensor:
    """Views (n, 1, 96, 96) in [-1, 1] of shapes (n, 1, size, size, size) of occupancies in [0, 1],
    whose dimensions are x, y and z, upward; the camera looks down from the side.

    The surface is where smoothed occupancies pass 0.5, lit by one light from the upper left.
    """
    x = shapes.detach().float().cpu().nan_to_num().clamp(0, 1)
    views = [view(some) for some in x.split(CHUNK)]
    return torch.cat(views) if len(x) else x.new_empty(0, 1, SIDE, SIDE)


def view(x: Tensor) -> Tensor:
    """The views of a few shapes."""
    smooth = avg_pool3d(pad(x, [1] * 6), 3, stride=1)
    volume = torch.maximum(smooth, 0.55 * x)  # thin parts stay
    right, down, away = camera()
    across, along = (
        torch.linspace(-reach, reach, size)
        for reach, size in zip(REACH, (SIDE, DEPTH), strict=True)
    )
    points = (
        across[None, None, :, None] * right
        + across[None, :, None, None] * down
        + along[:, None, None, None] * away
    )  # (depth, height, width, 3) in the coordinates x, y, z of [-1, 1]
    grid = points.flip(3).expand(len(x), -1, -1, -1, -1)  # grid_sample counts from the last
    occupancy = grid_sample(volume, grid, align_corners=False)[:, 0]
    inside = occupancy > SURFACE
    hit = inside.any(1, keepdim=True)
    first = inside.float().argmax(1, keepdim=True).clamp(min=1)
    before, after = (occupancy.gather(1, first - k) for k in (1, 0))
    depth = first - (after - SURFACE) / (after - before).clamp(min=1e-4)  # between two points
    return shade(depth, hit)


def camera() -> Tensor:
    """The directions right, down and away of the camera (3, 3) in the coordinates x, y, z."""
    a, e = AZIMUTH, ELEVATION
    away = torch.tensor([math.cos(a) * math.cos(e), math.sin(a) * math.cos(e), -math.sin(e)])
    right = torch.tensor([math.sin(a), -math.cos(a), 0.0])
    return torch.stack([right, torch.linalg.cross(away, right), away])


def shade(depth: Tensor, hit: Tensor) -> Tensor:
    """Views in [-1, 1] of depths (n, 1, h, w) in steps along a ray; white where nothing is hit."""
    pixels = depth * SIDE / DEPTH * REACH[1] / REACH[0]  # depths in pixels
    filled = torch.where(hit, pixels, pixels.amax((2, 3), keepdim=True))
    blurred = avg_pool2d(pad(filled, [1] * 4, mode="replicate"), 3, stride=1)
    edges = pad(blurred, [1] * 4, mode="replicate")
    dx = (edges[..., 1:-1, 2:] - edges[..., 1:-1, :-2]) / 2
    dy = (edges[..., 2:, 1:-1] - edges[..., :-2, 1:-1]) / 2
    normals = normalize(torch.cat([dx, dy, torch.ones_like(dx)], 1), dim=1)  # toward the camera
    light = normalize(torch.tensor(LIGHT), dim=0)
    lit = (normals * light[:, None, None]).sum(1, keepdim=True).clamp(0, 1)
    return torch.where(hit, 1.6 * lit - 0.8, torch.ones_like(depth))
