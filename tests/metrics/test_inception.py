"""`fid`, `kid` and `is` equal those of torch-fidelity, with random weights."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from zoo.errors import BadWeights
from zoo.evaluation import PROTOCOLS
from zoo.evaluation.samples import Space, classifier_metrics, distance_metrics
from zoo.metrics.extractors import Inception
from zoo.metrics.frechet import frechet_between
from zoo.metrics.kernel import kernel_distance
from zoo.metrics.scores import inception_score
from zoo.pretrained.extractors import load_extractor, metric_name

fidelity = pytest.importorskip("torch_fidelity")
inceptionv3 = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")


class Blank(inceptionv3.FeatureExtractorInceptionV3):
    """InceptionV3 without loading weights."""

    def load_state_dict(self, *_: object) -> None:
        pass


class Pixels(Dataset[Tensor]):
    """Images as a data set for torch-fidelity."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index].expand(3, -1, -1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save({}, path)
    torch.manual_seed(0)
    network = Blank("blank", ["2048"], str(path))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def sides() -> tuple[Tensor, Tensor]:
    """Ten gray images of 20 x 20 pixels on each side, with different brightness."""
    generator = torch.Generator().manual_seed(0)
    brightness = torch.rand(20, 1, 1, 1, generator=generator)
    noise = torch.rand(20, 1, 20, 20, generator=generator)
    images = (255 * brightness * noise).to(torch.uint8)
    return images[:10], images[10:]


@pytest.fixture(scope="module")
def extractor(weights: Path) -> Inception:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_INCEPTION", str(weights))
        return Inception()


@pytest.fixture(scope="module")
def features(extractor: Inception, sides: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return extractor(sides[0]), extractor(sides[1])


def test_the_scores_equal_torch_fidelity(
    weights: Path,
    extractor: Inception,
    sides: tuple[Tensor, Tensor],
    features: tuple[Tensor, Tensor],
) -> None:
    """From images to values: `is` in two parts, and `kid` of all images."""
    found = fidelity.calculate_metrics(
        input1=Pixels(sides[1]),
        input2=Pixels(sides[0]),
        isc=True,
        kid=True,
        kid_subsets=1,
        kid_subset_size=10,
        isc_splits=2,
        samples_shuffle=False,
        feature_extractor_weights_path=str(weights),
        cuda=False,
        cache=False,
        save_cpu_ram=True,  # no worker processes
        verbose=False,
    )
    real, fake = features
    score = inception_score(extractor.logits(fake), parts=2)
    assert score == pytest.approx(found["inception_score_mean"], rel=1e-6)
    kid = float(kernel_distance(real, fake))  # torch-fidelity's is float32
    assert kid == pytest.approx(found["kernel_inception_distance_mean"], rel=1e-3)


def test_the_distances_equal_torch_fidelity(features: tuple[Tensor, Tensor]) -> None:
    """The formulas in float64; `fid` of six dimensions, for which ten images are enough."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    settings = {"kid_subsets": 1, "kid_subset_size": 10, "verbose": False, "rng_seed": 0}
    kid = kid_features_to_metric(*features, **settings)["kernel_inception_distance_mean"]
    assert float(kernel_distance(*features)) == pytest.approx(kid, rel=1e-6)
    real, fake = (side[:, :6] for side in features)
    statistics = [fid_features_to_statistics(side) for side in (real, fake)]
    fid = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert float(frechet_between(real, fake)) == pytest.approx(fid, rel=1e-6)


def test_evaluation_reports_the_scores(
    extractor: Inception, features: tuple[Tensor, Tensor]
) -> None:
    real, fake = features
    space = Space("inception", extractor, "test", {"train": real, "test": real})
    records = [*distance_metrics(space, fake, PROTOCOLS["quick"]), *classifier_metrics(space, fake)]
    found = {record["metric"]: record["value"] for record in records}
    assert list(found)[:3] == ["fid", "kid", "precision-inception"]
    assert found["kid"] == float(kernel_distance(real, fake))
    assert found["is"] == inception_score(extractor.logits(fake))


def test_fid_and_kid_are_names_of_inception_features_only() -> None:
    assert [metric_name(kind, "inception") for kind in ("fd", "kd")] == ["fid", "kid"]
    assert metric_name("fd", "lenet-mnist") == "fd-lenet"
    assert metric_name("recall", "inception") == "recall-inception"


def test_weights_of_another_network_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of another network, and a pickle that would run code."""
    path = tmp_path / "other.pth"
    monkeypatch.setenv("ZOO_INCEPTION", str(path))
    for other in ({"weight": torch.zeros(2)}, {"run": print}):
        torch.save(other, path)
        with pytest.raises(BadWeights, match=r"ZOO_INCEPTION.*other\.pth"):
            load_extractor("inception")
