"""U-Net, and the agreement of label maps: closed forms, and a segmenter that reads colors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from loops import assert_same, descend, fit, one_thread
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Adam

from zoo.classifiers import UNet
from zoo.core.modality import LabelMaps
from zoo.core.translator import ImageTranslator
from zoo.data import LabelMapFolders
from zoo.errors import BadInput, BadRecipe
from zoo.evaluation import label_maps
from zoo.evaluation.applicable import measure
from zoo.evaluation.records import Protocol
from zoo.metrics.segmentation import mean_iou
from zoo.pretrained import catalog

__all__ = ["one_thread"]  # for every test of this file too
TOY = Protocol("toy", 100, 1)


def toy() -> UNet:
    torch.manual_seed(0)
    return UNet(size=32, labels=3, width=2)


def test_intersection_over_union() -> None:
    """Of two pixels with label 0 one is found, of label 1 three are found for two; label 2 has no
    pixel."""
    maps, found = torch.tensor([[0, 0], [1, 1]]), torch.tensor([[0, 1], [1, 1]])
    assert mean_iou(found[None, None], maps[None, None], 3) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert mean_iou(maps[None, None], maps[None, None], 3) == 1


def test_the_network_is_that_of_figure_1() -> None:
    """But for padding and batch norm."""
    with torch.device("meta"):
        net = UNet(256, labels=2, channels=1)
        assert net(torch.empty(1, 1, 48, 80)).shape == (1, 2, 48, 80)
    outputs = [[m.out_channels for m in block if isinstance(m, torch.nn.Conv2d)]
               for block in (*net.down, *net.up)]  # fmt: skip
    assert outputs == [[w, w] for w in (64, 128, 256, 512, 1024, 512, 256, 128, 64)]


def test_a_step_is_the_cross_entropy_of_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.randint(3, (4, 1, 32, 32), generator=generator),
                torch.rand(4, 3, 32, 32, generator=generator)) for _ in range(3)]  # fmt: skip
    model, plain = toy(), toy()
    trainer = fit(model, batches=batches)
    optimizer = Adam(plain.parameters(), fused=True)
    assert trainer.lr_scheduler_configs[0].scheduler.total_steps == 3
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=3)
    for maps, y in batches:
        descend(optimizer, cross_entropy(plain(y), maps[:, 0]))
        schedule.step() if maps is not batches[-1][0] else None
    assert_same(model.state_dict(), plain.state_dict())


def test_images_of_any_size_are_segmented() -> None:
    maps = toy().eval().segment(torch.zeros(2, 3, 48, 16))
    assert maps.shape == (2, 1, 48, 16)
    assert maps.dtype == torch.int64
    with pytest.raises(BadInput, match="40"):
        toy().segment(torch.zeros(2, 3, 40, 16))
    with pytest.raises(BadRecipe, match="size"):
        UNet(size=40, width=2)


class Paint(ImageTranslator):
    """Draws labels as shades of gray; one in two of its images shows other labels."""

    def __init__(self, wrong: bool) -> None:
        super().__init__()
        self.wrong = wrong

    @property
    def modality(self) -> LabelMaps:
        return LabelMaps((1, 32, 32), (3, 32, 32), 3)

    def translate(self, x: Tensor, seed: int = 0) -> Tensor:
        shown = x.clone()
        if self.wrong:
            shown[::2] = (shown[::2] + 1) % 3
        return (shown.float() - 1).expand(-1, 3, -1, -1)


class ReadShades(UNet):
    """A segmenter that finds the labels of `Paint`."""

    def segment(self, x: Tensor) -> Tensor:
        return (x[:, :1] + 1).round().long()


@pytest.fixture
def data(tmp_path: Path) -> LabelMapFolders:
    for i in range(40):
        labels = np.full((32, 32), i % 3, np.uint8)
        for name, values in {"labels": labels, "images": np.stack([127 * labels] * 3, 2)}.items():
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(values).save(tmp_path / name / f"{i:02}.png")
    return LabelMapFolders(str(tmp_path), size=32)


@pytest.mark.parametrize(("wrong", "expected"), [(False, 1), (True, 5 / 18)])
def test_photographs_are_judged_by_what_a_segmenter_finds(
    data: LabelMapFolders, wrong: bool, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of labels 0, 1, 2, 0 the segmenter finds 1, 1, 0, 0: they have 1/3, 1/2 and 0 in common."""
    monkeypatch.setattr(LabelMapFolders, "segmenter", "shades")
    monkeypatch.setattr(LabelMapFolders, "extractor", "thumbnails")
    monkeypatch.setattr(catalog, "load", lambda name, device: ReadShades(32, 3, width=2))
    monkeypatch.setattr(catalog, "weights_path", lambda name: Path(__file__))
    records = {r["metric"]: r for r in measure(Paint(wrong), data, TOY)}
    assert data.examples("test").values[:, 0, 0, 0].tolist() == [0, 1, 2, 0]
    assert records["mean-iou"]["value"] == pytest.approx(expected, abs=0.01)
    assert records["mean-iou"]["targets"] == 1
    assert records["mean-iou"]["unit"] == label_maps.UNIT


def test_a_segmenter_is_measured(data: LabelMapFolders) -> None:
    model = ReadShades(32, 3, width=2)
    records = {r["metric"]: r["value"] for r in measure(model, data, TOY)}
    assert records == {"mean-iou": 1, "pixel-accuracy": 1}
