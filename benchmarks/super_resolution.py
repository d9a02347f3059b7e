"""PSNR and SSIM of enlarged images: `python benchmarks/super_resolution.py NAME FOLDER ...`.

The protocol of Ledig et al., 2017 (section 3.1): images are reduced by 4, enlarged by the model and
by bicubic interpolation, and compared in the luma of BT.601 without a border of 4 pixels. A folder
holds images at full size, such as those of Set5, Set14 or BSD100. A file NAME_x4 beside NAME is its
reduced image; else it is made by bicubic interpolation with antialiasing.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

import zoo
from zoo.analysis.tiling import by_tiles
from zoo.core.modality import normalize
from zoo.core.restoration import SupportsUpscaling
from zoo.data.listing import list_files
from zoo.plotting.pictures import read_any, to_uint8

BORDER = 4
TILE = 64
REDUCED = "_x4"
LUMA = torch.tensor([65.481, 128.553, 24.966])[:, None, None] / 255  # BT.601, from 16 to 235


def main() -> None:
    """Print one row for each folder and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("folders", nargs="+", type=Path)
    options = parser.parse_args()
    model = zoo.load(options.name)
    if not isinstance(model, SupportsUpscaling):
        parser.error(f"{options.name} must enlarge images")
    print(f"{'folder':12} {'images':>6} {'method':>14} {'PSNR (Y)':>9} {'SSIM (Y)':>9}")
    for folder in options.folders:
        pairs = list(read_pairs(folder, model))
        methods = {"bicubic": bicubic, options.name: lambda x: by_tiles(model.translate, x, TILE)}
        for method, enlarge in methods.items():
            scores = torch.tensor([score(enlarge(x), y) for x, y in pairs]).mean(0)
            print(f"{folder.name:12} {len(pairs):6} {method:>14} {scores[0]:9.2f} {scores[1]:9.4f}")


def read_pairs(folder: Path, model: SupportsUpscaling) -> Iterator[tuple[Tensor, Tensor]]:
    """Reduced images (3, h, w) and the images (3, 4h, 4w) of a folder, in [-1, 1]."""
    files = {path.stem: path for path in list_files(folder).files}
    for stem, path in files.items():
        if stem.endswith(REDUCED):
            continue
        y = read(path)
        height, width = (side - side % model.factor() for side in y.shape[1:])
        y = y[:, :height, :width]
        small = files.get(f"{stem}{REDUCED}")
        yield read(small) if small else stored(model.degrade(y[None])[0]), y


def read(path: Path) -> Tensor:
    """A picture (3, h, w) in [-1, 1]."""
    return normalize(read_any(path)[0][None])[0]


def stored(x: Tensor) -> Tensor:
    """An image in [-1, 1], rounded to gray levels."""
    return normalize(to_uint8(x)[None])[0]


def bicubic(x: Tensor) -> Tensor:
    """An image (3, h, w), four times larger."""
    return interpolate(x[None], scale_factor=4, mode="bicubic", antialias=True)[0]


def score(x: Tensor, y: Tensor) -> tuple[float, float]:
    """PSNR in dB and SSIM of an image and its target, both (3, h, w) in [-1, 1]."""
    a, b = luma(x), luma(y)
    psnr = peak_signal_noise_ratio(a, b, data_range=255.0)
    ssim = structural_similarity_index_measure(a, b, data_range=255.0)
    assert isinstance(ssim, Tensor)
    return psnr.item(), ssim.item()


def luma(x: Tensor) -> Tensor:
    """The luma (1, 1, h, w) of an image (3, h, w) in [-1, 1] without its border."""
    levels = (stored(x) + 1) * 127.5
    return (LUMA * levels).sum(0)[None, None, BORDER:-BORDER, BORDER:-BORDER]


if __name__ == "__main__":
    main()
