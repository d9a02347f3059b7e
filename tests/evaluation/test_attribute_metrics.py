"""Metrics of attributes: the accuracy of a classifier, and shares of attributes among samples."""

import pytest
import torch
from torch import Tensor, nn

from zoo.classifiers import AttributeResNet, ResNet
from zoo.core.classifier import AttributeClassifier
from zoo.core.protocols import Classifier, PredictsAttributes
from zoo.data import CelebA, Digits
from zoo.data.arrays import Examples
from zoo.errors import ZooError
from zoo.evaluation.applicable import applicable_metrics
from zoo.evaluation.attributes import attribute_gap
from zoo.evaluation.records import Protocol
from zoo.evaluation.samples import Space, attribute_metrics
from zoo.metrics.extractors import AttributeFeatures
from zoo.pretrained.extractors import metric_name

TOY = Protocol("toy", 200, 1)


class Bright(AttributeClassifier):
    """The attributes are: the first pixel is bright; always; never."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 3)
        self.head.weight.data = torch.tensor([[1.0], [0.0], [0.0]])
        self.head.bias.data = torch.tensor([0.0, 5.0, -5.0])

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1, 0, 0]


class Faces(CelebA):
    """Four gray images with three attributes."""

    channels = 1
    attributes = ("bright", "always", "half")  # type: ignore[assignment]

    def read(self, split: str) -> Examples:  # type: ignore[override]
        pixels = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
        pixels[:2] = 255
        labels = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 1, 0], [1, 1, 1]])
        return Examples(pixels, labels)


def test_accuracy_in_closed_form() -> None:
    record, *others = applicable_metrics(Bright(), Faces(size=8), TOY)
    assert not others
    assert record["metric"] == "attribute-accuracy"
    assert record["value"] == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert record["majority"] == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert record["by_attribute"] == "bright 0.750, always 1.000, half 0.500"


def test_labels_must_be_the_attributes() -> None:
    with pytest.raises(ZooError, match="3 attributes"):
        list(applicable_metrics(Bright(), Digits(), TOY))


def test_an_attribute_classifier_predicts_no_classes() -> None:
    model = AttributeResNet(size=8, width=4, attributes=3)
    assert isinstance(model, PredictsAttributes)
    assert not isinstance(model, Classifier)
    assert not isinstance(ResNet(size=8, width=4), PredictsAttributes)
    assert model.predict_attributes(torch.zeros(2, 3, 8, 8)).shape == (2, 3)
    assert model.features(torch.zeros(2, 3, 8, 8)).shape == (2, 32)


def test_the_gap_is_the_mean_difference_of_shares() -> None:
    real, fake = torch.tensor([[1, 0], [1, 1]]).bool(), torch.tensor([[1, 0], [0, 0]]).bool()
    record = attribute_gap(real, fake, ("a", "b"))
    assert record["value"] == pytest.approx((0.5 + 0.5) / 2)
    assert record["by_attribute"] == "a 0.500, b 0.000"
    assert record["real_by_attribute"] == "a 1.000, b 0.500"


def test_shares_are_measured_in_the_space_of_an_attribute_classifier() -> None:
    extractor = AttributeFeatures(Bright(), "0" * 64)
    features = torch.tensor([[1.0], [-1.0], [-1.0], [-1.0]]).double()
    space = Space("resnet-celeba", extractor, "train", {"train": features, "test": features})
    (record,) = attribute_metrics(space, features.neg(), Faces(size=8))
    assert record["value"] == pytest.approx(0.5 / 3, rel=1e-4)  # 1/4 and 3/4 are bright


def test_the_space_has_its_own_name() -> None:
    assert metric_name("fd", "resnet-celeba") == "fd-attributes"
    assert metric_name("fd", "resnet-cifar10") == "fd-resnet"
