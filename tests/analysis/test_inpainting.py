"""Masked regions are filled, one by one; other pixels do not change. `zoo inpaint`."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from toys import fails

import zoo
from zoo.analysis.inpainting import centered, inpaint
from zoo.cli import main
from zoo.errors import BadInput
from zoo.translation import ContextEncoder, L1Regression

SIZE, HOLE = 32, 12


class White:
    """Fills holes with white, and keeps what it was given."""

    def __init__(self) -> None:
        self.inputs: list[Tensor] = []

    def degrade(self, x: Tensor) -> Tensor:
        return x

    def hole_size(self) -> int:
        return HOLE

    def translate(self, x: Tensor, seed: int = 0) -> Tensor:
        self.inputs.append(x)
        return torch.ones_like(x)


def marked(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(("height", "width"), [(64, 64), (50, 90), (20, 16)])
def test_only_masked_pixels_change(height: int, width: int) -> None:
    image, mask = torch.zeros(3, height, width), marked(height, width, (0, 0, 9, 7))
    filled = inpaint(White(), image, mask, SIZE)
    torch.testing.assert_close(filled, mask.float().expand(3, -1, -1))
    assert not filled[:, ~mask].any()
    assert not image.any()


def test_each_region_is_filled_by_itself() -> None:
    model, mask = White(), marked(64, 64, (5, 5, 9, 9), (9, 9, 12, 12), (40, 40, 60, 60))
    inpaint(model, torch.zeros(3, 64, 64), mask, SIZE)
    assert [x.shape for x in model.inputs] == [(1, 3, SIZE, SIZE)] * 2  # corners touch


@pytest.mark.parametrize("box", [(10, 20, 30, 33), (0, 0, 1, 1), (3, 5, 8, 60)])
def test_the_hole_covers_the_region(box: tuple[int, int, int, int]) -> None:
    rows, columns = slice(box[0], box[2]), slice(box[1], box[3])
    top, left, side = centered((rows, columns), HOLE, SIZE)
    margin = side * (1 - HOLE / SIZE) / 2
    for first, part in ((top, rows), (left, columns)):
        assert first + margin <= part.start
        assert part.stop <= first + side - margin


@pytest.mark.parametrize(
    "mask", [torch.zeros(8, 8), torch.zeros(8, 9) > 0, torch.zeros(8, 8) > 0, torch.ones(8, 8) > 0]
)
def test_a_mask_marks_some_pixels_of_the_image(mask: Tensor) -> None:
    with pytest.raises(BadInput, match="mask"):
        inpaint(White(), torch.zeros(3, 8, 8), mask, SIZE)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    zoo.save(ContextEncoder(size=16, latent=4, width=2, overlap=1), tmp_path / "m.safetensors")
    zoo.save(L1Regression(size=16, width=2), tmp_path / "other.safetensors")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "photo.png")
    pixels = np.zeros((30, 40), np.uint8)
    pixels[4:12, 30:40] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    Image.new("L", (30, 30)).save(tmp_path / "small.png")
    return tmp_path


def command(files: Path, model: str = "m", mask: str = "mask", to: str = "to.jpg") -> list[str]:
    picture = str(files / "photo.png")
    return [
        *["inpaint", str(files / f"{model}.safetensors"), picture],
        *["--mask", str(files / f"{mask}.png"), "--to", str(files / to)],
    ]


def test_a_picture_is_filled_by_a_command(files: Path) -> None:
    main(command(files, to="to.png"))
    result = np.asarray(Image.open(files / "to.png"))
    assert result.shape == (30, 40, 3)
    changed = (result != (255, 0, 0)).any(2)
    assert changed[4:12, 30:40].any()
    assert not changed[:, :30].any()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"model": "other"}, "L1Regression"),
        ({"mask": "small"}, "30 x 30"),
        ({"to": "photo.png"}, "photo.png"),
        ({"to": "mask.png"}, "mask.png"),
    ],
)
def test_bad_requests_are_refused(files: Path, changes: dict[str, str], what: str) -> None:
    assert what in fails(*command(files, **changes))
    assert not (files / "to.jpg").exists()


def test_translate_names_the_command_of_holes(files: Path) -> None:
    model = str(files / "m.safetensors")
    assert "inpaint" in fails("translate", model, str(files / "photo.png"))
