"""Repeatable measurements, and comparisons within a protocol."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from toys import fails

import zoo
from zoo.data import Digits
from zoo.data.features import real_features
from zoo.errors import BadCard, ZooError
from zoo.evaluation import Protocol, Record
from zoo.evaluation.comparison import compare, table
from zoo.evaluation.report import evaluate, report, write_to_card
from zoo.evaluation.training_data import data_of
from zoo.gans.dcgan import DCGAN
from zoo.pretrained.extractors import load_extractor

TOY = Protocol("toy", 200, 2)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path))
    return tmp_path


def digits(name: str, protocol: Protocol = TOY) -> list[Record]:
    return evaluate(zoo.pretrained.catalog.weights_path(name), data_of(name), protocol)


def test_measurements_are_repeatable(root: Path) -> None:
    torch.manual_seed(1)
    first = digits("vae-digits")
    torch.manual_seed(2)
    assert digits("vae-digits") == first
    assert torch.initial_seed() == 2


def test_the_headline_is_a_distance_named_by_its_space(root: Path) -> None:
    record = digits("dcgan-digits")[0]
    assert record["metric"] == "fd-pixels"
    assert record["split"] == "train"
    assert (record["real"], record["fake"]) == (200, 200)
    assert record["seeds"] == 2
    assert record["spread"] > 0
    assert record["resize"] == "none"


def test_cards_have_the_metrics_of_the_full_protocol(root: Path) -> None:
    """A measurement of the file repeats the values of its card."""
    on_card = {record["metric"]: record for record in zoo.card("dcgan-digits").metrics}
    for record in digits("dcgan-digits", Protocol("full", 10_000, 3)):
        card = on_card[record["metric"]]
        assert card["value"] == pytest.approx(record["value"], rel=1e-3, abs=2e-3)
        assert card.keys() == record.keys()


def test_features_of_real_images_are_extracted_once(root: Path) -> None:
    extractor, data = load_extractor("pixels"), Digits()
    features = real_features(extractor, data, "test", 50)
    (cached,) = (root / "statistics").iterdir()
    written = cached.stat().st_mtime_ns
    assert torch.equal(real_features(extractor, data, "test", 50), features)
    assert torch.equal(real_features(extractor, data, "test", 20), features[:20])
    assert [path.stat().st_mtime_ns for path in (root / "statistics").iterdir()] == [written]
    assert features.dtype == torch.float64
    assert torch.equal(features, extractor(data.images("test").pixels[:50]))


@pytest.mark.parametrize(
    "features", [b"x", torch.zeros(3, 64), torch.full((50, 64), torch.nan), torch.zeros(50)]
)
def test_damaged_features_are_extracted_again(root: Path, features: bytes | torch.Tensor) -> None:
    extractor, data = load_extractor("pixels"), Digits()
    whole = real_features(extractor, data, "test", 50)
    (cached,) = (root / "statistics").iterdir()
    (root / "statistics" / f"{cached.stem.rpartition('-')[0]}-x.safetensors").write_bytes(b"")
    if isinstance(features, bytes):
        cached.write_bytes(features)
    else:
        save_file({"features": features.double()}, cached)
    assert torch.equal(real_features(extractor, data, "test", 50), whole)


def test_features_are_extracted_without_write_access(root: Path) -> None:
    (root / "statistics").write_text("in the way")
    assert len(real_features(load_extractor("pixels"), Digits(), "test", 50)) == 50


def test_a_model_and_its_data_must_have_one_image_size(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    zoo.save(DCGAN(size=16, channels=1, width=8), path)
    with pytest.raises(ZooError, match=r"16.* 8 .*Digits"):
        evaluate(path, Digits(), TOY)


def test_compare() -> None:
    lines = compare("vae-digits", "dcgan-digits").splitlines()
    assert lines[0].split() == ["vae-digits", "dcgan-digits"]
    assert any(line.startswith("fd-pixels") for line in lines)
    assert "not distinguishable" in compare("vae-digits", "vae-digits")


def test_compare_rejects_different_protocols(root: Path) -> None:
    path = zoo.pretrained.catalog.weights_path("dcgan-digits")
    (root / "quick.json").write_text(json.dumps(report(path, Digits(), TOY)))
    with pytest.raises(ZooError, match=r"real of fd-pixels.*200.*1500"):
        compare(str(root / "quick.json"), "dcgan-digits")
    with pytest.raises(ZooError, match=r"dcgan-digits.*lenet-mnist"):
        compare("dcgan-digits", "lenet-mnist")
    (root / "other.json").write_text("[]")
    with pytest.raises(ZooError, match=r"other\.json"):
        compare(str(root / "other.json"), "dcgan-digits")


def test_overlapping_intervals_are_not_distinguishable(root: Path) -> None:
    record = {"metric": "fd-toy", "spread": 0.1, "seeds": 3}
    for name, value in ("a", 1.0), ("b", 1.3), ("c", 1.5):
        (root / f"{name}.json").write_text(json.dumps({"metrics": [record | {"value": value}]}))
    a, b, c = (str(root / f"{name}.json") for name in "abc")
    assert "not distinguishable" in compare(a, b)
    assert "not distinguishable" not in compare(a, c)


def test_records_are_written_only_to_the_card_of_their_file(root: Path) -> None:
    for ending in ("md", "safetensors"):
        source = zoo.pretrained.catalog.WEIGHTS / f"vae-digits.{ending}"
        (root / source.name).write_bytes(source.read_bytes())
    path = root / "vae-digits.safetensors"
    result = report(path, Digits(), TOY)
    write_to_card(path, result)
    card = zoo.Card.read(path.with_suffix(".md"))
    assert card.metrics == result["metrics"]
    assert card.facts["measured"] == result["measured"]
    zoo.save(DCGAN(size=8, channels=1, width=8), path)
    with pytest.raises(BadCard, match="sha256"):
        write_to_card(path, report(path, Digits(), TOY))


def test_a_table_shows_intervals() -> None:
    text = table(
        [{"metric": "m", "value": 2.0, "standard_error": 0.25, "split": "test", "real": 9}]
    )
    assert "2 ± 0.5" in text
    assert "test split, 9 real" in text


def test_an_unknown_extractor_of_a_classifier_is_rejected(root: Path) -> None:
    """Although classifiers are not measured by features of samples."""
    message = fails("evaluate", "lenet-mnist", "--protocol", "quick", "--extractor", "nope")
    assert "nope" in message
