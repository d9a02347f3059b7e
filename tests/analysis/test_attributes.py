"""Classifiers of attributes."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoo.analysis import latents
from zoo.analysis.attributes import AttributeClassifier
from zoo.core.latent_models import LatentVariableModel
from zoo.data import CelebA, Digits
from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.errors import UnknownName, ZooError


class Line(LatentVariableModel):
    """Decodes two latents to two pixels, a tenth of them."""

    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters({"latent": 2})

    def decode(self, z: Tensor) -> Tensor:
        return z.view(-1, 1, 1, 2) / 10


class Halves(ImageDataModule):
    """Noise with the attributes of a bright left pixel, a bright right pixel, and one of all."""

    source = DatasetInfo("Halves", "", "", "")
    channels = 1
    extractor = "pixels"
    attributes = ("Left", "Right", "Always")

    def read(self, split: Split) -> Examples:
        generator = torch.Generator().manual_seed(len(split))
        pixels = torch.randint(256, (500, 1, 1, 2), generator=generator, dtype=torch.uint8)
        bright = (pixels > 127).flatten(1).long()
        return Examples(pixels, torch.cat([bright, torch.ones(500, 1).long()], 1))


def test_attributes_are_learned_from_real_images() -> None:
    classifier = AttributeClassifier(Halves(size=1), ["Right", "Left"])
    assert min(classifier.auroc()) > 0.99
    images = torch.tensor([[-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]).view(3, 1, 1, 2)
    assert (classifier.predict_proba(images) > 0.5).tolist() == [
        [True, False],
        [False, True],
        [True, True],
    ]


def test_an_attribute_of_pixels_is_a_direction_of_latents() -> None:
    z = Line().prior(2000, seed=0)
    probabilities = AttributeClassifier(Halves(size=1), ["Right"]).predict_proba(Line().decode(z))[
        :, 0
    ]
    assert latents.attribute_direction(z, probabilities)[1] > 0.99


def test_unknown_and_constant_attributes_raise() -> None:
    with pytest.raises(UnknownName, match=r"Rigth.*Right"):
        AttributeClassifier(Halves(size=1), ["Rigth"])
    with pytest.raises(ZooError, match=r"Always.*got 500 of 500"):
        AttributeClassifier(Halves(size=1), ["Always"])


def test_classes_are_attributes() -> None:
    assert Digits().attributes == tuple("0123456789")
    classifier = AttributeClassifier(Digits(), ["0"])
    digits = Digits().images("test")
    zeros = digits.pixels[digits.labels == 0].float() / 127.5 - 1
    assert classifier.predict_proba(zeros).mean() > 0.8


def test_faces_have_the_attributes_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CelebA, "prepare_data", lambda self: None)
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba" / "list_attr_celeba.txt").write_text("1\nMale Young \n000001.jpg -1 1\n")
    assert CelebA(root=str(tmp_path)).attributes == ("Male", "Young")
