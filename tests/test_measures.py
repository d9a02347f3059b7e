"""The metrics of a model follow from its protocols; records contain their settings."""

import math
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

import zoo
from zoo.core.latent_models import ConditionalModel
from zoo.core.module import ZooModule
from zoo.data import Digits, StackedMNIST
from zoo.data.images import normalize
from zoo.errors import UnknownName
from zoo.evaluation import Protocol, Record, measure, samples
from zoo.evaluation.estimate import expected_seconds
from zoo.evaluation.latent_codes import reconstruction_errors
from zoo.evaluation.records import find_protocol
from zoo.evaluation.samples import Space, classifier_metrics, conditional_accuracy, support
from zoo.metrics.extractors import ClassifierFeatures, Pixels
from zoo.metrics.modes import stacked
from zoo.pretrained.extractors import load_extractor

TOY = Protocol("toy", 200, 2)
DATA = Path(os.environ.get("ZOO_DATA", "data"))


class Constant(ZooModule):
    """Pixels are N(0, 1) for each image; the posteriors of two latents are N(1, 1) and N(0, 1)."""

    def log_likelihood(self, x: Tensor) -> Tensor:
        return Normal(0.0, 1.0).log_prob(x).flatten(1).sum(1)

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.log_likelihood(x), torch.full((len(x),), 0.5)

    def log_importance_weights(self, x: Tensor, k: int) -> Tensor:
        return self.log_likelihood(x).expand(k, -1)

    def posterior(self, x: Tensor) -> Normal:
        return Normal(torch.tensor([1.0, 0.0]).expand(len(x), -1), 1.0)

    def codebook_entries(self) -> int:
        return 8

    def encode_indices(self, x: Tensor) -> Tensor:
        return torch.tensor([0, 1, 2, 3]).expand(len(x), -1)


class BinaryPixels(Constant):
    """The likelihood is that of binary pixels."""

    def pixel_std(self) -> float | None:
        return None


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    return tmp_path


def measured(model: ZooModule, data: Digits, protocol: Protocol = TOY) -> dict[str | float, Record]:
    return {record["metric"]: record for record in measure(model, data, protocol)}


def test_elbo_and_nll_in_closed_form() -> None:
    records = measured(Constant(), Digits(), TOY._replace(draws=45))
    assert list(records)[:3] == ["elbo", "divergence", "bits-per-dimension"]
    x = Digits().images("test").pixels[:200].double() / 127.5 - 1
    nats = Normal(0.0, 1.0).log_prob(x).flatten(1).sum(1)
    assert records["elbo"]["value"] == pytest.approx(nats.mean().item() - 0.5, rel=1e-5)
    assert records["nll-45"]["value"] == pytest.approx(-nats[:20].mean().item(), rel=1e-5)
    assert (records["nll-45"]["draws"], records["nll-45"]["real"]) == (45, 20)
    bits = (0.5 - nats.mean().item()) / 64 / math.log(2) - math.log2(2 / 255)
    assert records["bits-per-dimension"]["value"] == pytest.approx(bits, rel=1e-5)
    assert (records["latents-in-use"]["value"], records["latents-in-use"]["latents"]) == (1, 2)
    assert records["largest-divergence"]["value"] == pytest.approx(0.5)


def test_nll_of_binary_pixels_is_the_headline_on_all_images() -> None:
    """There are no bits per dimension without a density."""
    records = measured(BinaryPixels(), Digits(), TOY._replace(draws=45))
    assert "bits-per-dimension" not in records
    assert (next(iter(records)), records["nll-45"]["real"]) == ("nll-45", 200)


def test_codebook_usage() -> None:
    records = measured(Constant(), Digits())
    assert records["codebook-usage"]["value"] == 0.5
    assert records["codebook-perplexity"]["value"] == pytest.approx(4)
    assert records["codebook-usage"]["entries"] == 8


def test_the_excluded_class_is_the_anomaly() -> None:
    data, model = Digits(exclude_class=3), zoo.load("vae-digits")
    assert 3 not in data.images("train").labels
    assert (data.images("test").labels == 3).any()
    assert "anomaly-auroc" not in measured(model, Digits())
    record = measured(model, data)["anomaly-auroc"]
    assert (record["held_out"], record["real"]) == (3, 297)
    error, is_anomaly = (
        reconstruction_errors(model, data.images("test")),
        data.images("test").labels == 3,
    )
    higher = (error[is_anomaly][:, None] > error[~is_anomaly]).double().mean().item()
    assert record["value"] == pytest.approx(higher, rel=1e-5)


def test_samples_are_compared_with_the_split_of_the_protocol() -> None:
    model = zoo.load("dcgan-digits")
    train, test = (
        measured(model, Digits(), TOY._replace(against=split)) for split in ("train", "test")
    )
    assert (train["fd-pixels"]["split"], test["fd-pixels"]["split"]) == ("train", "test")
    assert train["fd-pixels"]["value"] != test["fd-pixels"]["value"]
    assert train["memorised-pixels"] == test["memorised-pixels"]
    assert train["memorised-pixels"]["held_out"] == 200


def test_records_count_real_and_fake_images() -> None:
    records = measured(zoo.load("dcgan-digits"), Digits(), Protocol("quick", 1600, 1))
    assert (records["fd-pixels"]["real"], records["fd-pixels"]["fake"]) == (1500, 1600)
    assert (records["recall-pixels"]["real"], records["recall-pixels"]["fake"]) == (1500, 1500)
    assert "spread" not in records["fd-pixels"]


def test_a_misspelled_extractor_has_a_suggestion() -> None:
    with pytest.raises(UnknownName, match=r"squeeznet.*squeezenet"):
        measured(zoo.load("dcgan-digits"), Digits(), TOY._replace(extractor="squeeznet"))


def test_the_protocol_depends_on_the_device() -> None:
    assert find_protocol("full", torch.device("cpu")).images == 10_000
    assert find_protocol("full", torch.device("cuda")).images == 50_000
    assert find_protocol("quick", torch.device("cuda")).images == 2_000
    with pytest.raises(UnknownName, match=r"ful.*full"):
        find_protocol("ful", torch.device("cpu"))


def test_expected_seconds_of_measurements() -> None:
    for model in (zoo.load("vae-digits"), zoo.load("dcgan-digits"), Constant()):
        assert 0 < expected_seconds(model, Digits(), TOY) < math.inf


# samples of known generators


def space(real: Tensor) -> Space:
    return Space("pixels", Pixels(), "test", {"train": real, "test": real})


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_the_support_of_a_known_generator(size: int) -> None:
    draw = torch.Generator().manual_seed(0)
    real = torch.randn(500, 8, generator=draw, dtype=torch.float64)
    outputs = torch.randn(size, 8, generator=draw, dtype=torch.float64)
    fake = outputs[torch.randint(size, (500,), generator=draw)]
    record = support(space(real), fake)
    assert record["metric"] == "support-pixels"
    assert record["low"] <= size
    assert record["value"] == record["low"] > 0.5 * size


def test_support_without_duplicates_is_unbounded() -> None:
    real = torch.randn(300, 8, generator=torch.Generator().manual_seed(0)).double()
    far = 100.0 * torch.arange(300, dtype=torch.float64)[:, None].expand(-1, 8)
    record = support(space(real), far)
    assert (record["high"], record["estimate"], record["pairs"]) == ("unbounded", "unbounded", 0)


class PixelClassifier(ZooModule):
    """The features are the first ten pixels, and the class is the brightest of them."""

    def __init__(self) -> None:
        super().__init__()
        self.hparams.update({"channels": 1, "classes": 10})
        self.head = nn.Linear(10, 10, bias=False)
        nn.init.eye_(self.head.weight)

    def features(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :10]

    def logits(self, features: Tensor) -> Tensor:
        return self.head(features)

    def classify(self, x: Tensor) -> Tensor:
        return self.logits(self.features(x))


def encode_digits(numbers: Tensor) -> Tensor:
    """Images (n, 3, 4, 4) whose channels encode the digits of numbers (n,)."""
    digits = torch.stack([numbers // 100, numbers // 10 % 10, numbers % 10], dim=1)
    return (255 * nn.functional.one_hot(digits, 16)).to(torch.uint8).unflatten(2, (4, 4))


def test_conditional_accuracy() -> None:
    """Classes a, b, a, b of two seeds: a is always correct, b once in four times."""
    right = torch.tensor([[True, True, True, False], [True, False, True, False]])
    record = conditional_accuracy(right, ["a", "b"])
    assert record["value"] == 0.625
    assert record["by_class"] == "a 1.000, b 0.250"
    assert record["spread"] == pytest.approx(0.125 * 2**0.5, rel=1e-5)
    assert record["fake"] == 4


def test_conditional_samples_of_every_class_are_classified(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the classifier of the data, with the accuracy of each class."""

    class LabelImages(ConditionalModel):
        """Images whose gray level is the class; those of class 9 have class 1."""

        def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
            levels = self.cyclic_labels(len(z))
            return normalize(
                torch.where(levels == 9, 1, levels).to(torch.uint8)[:, None, None, None]
            )

    class LevelClassifier(ClassifierFeatures):
        def extract(self, x: Tensor) -> Tensor:
            return torch.nn.functional.one_hot(((x.flatten() + 1) * 127.5).round().long(), 10)

        def classes(self, features: Tensor) -> Tensor:
            return features.argmax(1, keepdim=True)

    classifier = ZooModule()
    classifier.hparams["classes"] = 10
    extractor, model = LevelClassifier(classifier, ""), LabelImages()
    model.hparams.update({"classes": 10, "latent": 1})
    space = Space("lenet", extractor, "test", dict.fromkeys(("train", "test"), torch.eye(10)))
    monkeypatch.setattr(samples, "find_space", lambda *_: space)
    monkeypatch.setattr(samples, "distance_metrics", lambda *_: iter(()))
    monkeypatch.setattr(samples, "support", lambda *_: {})
    records = {r.get("metric"): r for r in samples.sample_metrics(model, Digits(), TOY)}
    assert records["class-accuracy"]["value"] == 0.9
    assert records["missing-classes"]["value"] == 1
    assert records["rarest-class"]["value"] == 0
    assert records["commonest-class"]["value"] == pytest.approx(2)  # ones and nines
    assert str(records["class-accuracy"]["by_class"]).endswith("8 1.000, 9 0.000")


@pytest.mark.parametrize("modes", [1000, 200, 1])
def test_modes_are_counted_by_a_classifier_of_each_channel(modes: int) -> None:
    extractor = ClassifierFeatures(PixelClassifier(), "toy")
    features = extractor(encode_digits(torch.arange(4000) % modes))
    assert features.shape == (4000, 30)
    of_toy = Space("lenet-toy", extractor, "test", {})
    records = {record["metric"]: record["value"] for record in classifier_metrics(of_toy, features)}
    assert records["modes"] == modes
    assert records["modes-divergence"] == pytest.approx(math.log(1000 / modes), abs=1e-9)


@pytest.mark.skipif(not (DATA / "MNIST").exists(), reason="needs MNIST")
def test_lenet_classifies_stacked_digits() -> None:
    extractor = load_extractor("lenet-mnist")
    assert isinstance(extractor, ClassifierFeatures)
    pixels, labels = StackedMNIST(str(DATA)).images("test")
    predicted = stacked(extractor.classes(extractor(pixels[:200])))
    assert (predicted == labels[:200]).double().mean() > 0.95
