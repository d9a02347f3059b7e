"""Numbers that can be measured again, and are only compared when they may be."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

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


def test_measured_again_it_is_the_same(root: Path) -> None:
    torch.manual_seed(1)
    first = digits("vae-digits")
    torch.manual_seed(2)
    assert digits("vae-digits") == first
    assert torch.initial_seed() == 2


def test_the_headline_is_a_distance_named_after_its_space(root: Path) -> None:
    record = digits("dcgan-digits")[0]
    assert record["metric"] == "fd-pixels"
    assert record["split"] == "train"
    assert (record["real"], record["fake"]) == (200, 200)
    assert record["seeds"] == 2
    assert record["spread"] > 0
    assert record["resize"] == "none"


def test_a_card_was_measured_by_the_full_protocol(root: Path) -> None:
    """The numbers of the card are those of the file: measured here, they repeat."""
    shown = {record["metric"]: record for record in zoo.card("dcgan-digits").metrics}
    for record in digits("dcgan-digits", Protocol("full", 10_000, 3)):
        card = shown[record["metric"]]
        assert card["value"] == pytest.approx(record["value"], rel=1e-3, abs=2e-3)
        assert card.keys() == record.keys()


def test_features_of_real_images_are_extracted_once(root: Path) -> None:
    extractor, data = load_extractor("pixels"), Digits()
    features = real_features(extractor, data, "test", 50)
    (kept,) = (root / "statistics").iterdir()
    written = kept.stat().st_mtime_ns
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
    (kept,) = (root / "statistics").iterdir()
    (root / "statistics" / f"{kept.stem.rpartition('-')[0]}-x.safetensors").write_bytes(b"")
    if isinstance(features, bytes):
        kept.write_bytes(features)
    else:
        save_file({"features": features.double()}, kept)
    assert torch.equal(real_features(extractor, data, "test", 50), whole)


def test_a_folder_that_cannot_be_written_is_no_hindrance(root: Path) -> None:
    (root / "statistics").write_text("in the way")
    assert len(real_features(load_extractor("pixels"), Digits(), "test", 50)) == 50


def test_a_model_of_other_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    zoo.save(DCGAN(size=16, channels=1, width=8), path)
    with pytest.raises(ZooError, match=r"16.* 8 .*Digits"):
        evaluate(path, Digits(), TOY)


def test_side_by_side() -> None:
    lines = compare("vae-digits", "dcgan-digits").splitlines()
    assert lines[0].split() == ["vae-digits", "dcgan-digits"]
    assert any(line.startswith("fd-pixels") for line in lines)
    assert "not distinguishable" in compare("vae-digits", "vae-digits")


def test_different_protocols_are_not_mixed(root: Path) -> None:
    path = zoo.pretrained.catalog.weights_path("dcgan-digits")
    (root / "quick.json").write_text(json.dumps(report(path, Digits(), TOY)))
    with pytest.raises(ZooError, match="fd-pixels was measured with real 200 here and 1500 there"):
        compare(str(root / "quick.json"), "dcgan-digits")
    with pytest.raises(ZooError, match="have no metric in common"):
        compare("dcgan-digits", "lenet-mnist")
    (root / "other.json").write_text("[]")
    with pytest.raises(ZooError, match="is not what `zoo evaluate --json` prints"):
        compare(str(root / "other.json"), "dcgan-digits")


def test_intervals_that_overlap_are_not_distinguished(root: Path) -> None:
    record = {"metric": "fd-toy", "spread": 0.1, "seeds": 3}
    for name, value in ("a", 1.0), ("b", 1.3), ("c", 1.5):
        (root / f"{name}.json").write_text(json.dumps({"metrics": [record | {"value": value}]}))
    a, b, c = (str(root / f"{name}.json") for name in "abc")
    assert "not distinguishable" in compare(a, b)
    assert "not distinguishable" not in compare(a, c)


def test_a_card_takes_only_the_numbers_of_its_file(root: Path) -> None:
    for ending in ("md", "safetensors"):
        source = zoo.pretrained.catalog.WEIGHTS / f"vae-digits.{ending}"
        (root / source.name).write_bytes(source.read_bytes())
    path = root / "vae-digits.safetensors"
    found = report(path, Digits(), TOY)
    write_to_card(path, found)
    card = zoo.Card.read(path.with_suffix(".md"))
    assert card.metrics == found["metrics"]
    assert card.facts["measured"] == found["measured"]
    zoo.save(DCGAN(size=8, channels=1, width=8), path)
    with pytest.raises(BadCard, match="is the card of another file"):
        write_to_card(path, report(path, Digits(), TOY))


def test_a_table_shows_what_is_uncertain() -> None:
    shown = table(
        [{"metric": "m", "value": 2.0, "standard_error": 0.25, "split": "test", "real": 9}]
    )
    assert "2 ± 0.5" in shown
    assert "test split, 9 real" in shown
