"""The front door, and the promises of cards."""

from pathlib import Path

import pytest
import torch

import zoo
from zoo.errors import BadCard, UnknownName, ZooError
from zoo.publishing.verify import verify

CARD = """---
name: toy
recipe: recipes/toy.yaml
commit: abc
license: Apache-2.0
data: {name: Toys}
sha256: '00'
parameters: 3
training: {minutes: 1}
metrics: [{metric: fd-toy, value: 1.5}]
---

# toy

It is good at being small.
"""


def test_names_match_patterns() -> None:
    assert zoo.list_models("*e-digits") == ["vae-digits"]
    assert zoo.list_models("nothing-*") == []
    assert zoo.list_models() == sorted(zoo.list_models())


def test_one_line_loads_and_samples() -> None:
    images = zoo.load("vae-digits").sample(64, seed=0)
    assert images.shape == (64, 1, 8, 8)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert torch.equal(images, zoo.load("vae-digits").sample(64, seed=0))


@pytest.mark.parametrize("ask", [zoo.load, zoo.card])
def test_an_unknown_name_suggests_near_ones(ask: object) -> None:
    with pytest.raises(UnknownName, match=r"did you mean .*vae-digits"):
        ask("vae-digit")
    assert issubclass(UnknownName, zoo.ZooError)


def test_an_unknown_attribute_names_the_known() -> None:
    with pytest.raises(AttributeError, match=r"it has .* load, save"):
        zoo.lode  # noqa: B018


def test_a_card_survives_writing(tmp_path: Path) -> None:
    path = tmp_path / "toy.md"
    path.write_text(CARD)
    card = zoo.Card.read(path)
    assert card.metrics[0]["value"] == 1.5
    path.write_text(str(card))
    assert zoo.Card.read(path) == card


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("---\nname", "name", "toy.md has no front matter"),
        ("sha256: '00'\n", "", "sha256"),
        ("recipe: recipes/toy.yaml", "recipe: [", "toy.md"),
        ("name: toy", "name: !!python/object/apply:os.getcwd []", "toy.md.*os.getcwd"),
    ],
)
def test_bad_cards(tmp_path: Path, before: str, after: str, words: str) -> None:
    path = tmp_path / "toy.md"
    path.write_text(CARD.replace(before, after))
    with pytest.raises(BadCard, match=words):
        zoo.Card.read(path)


def test_verify_tells_a_changed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for ending in ("md", "png", "safetensors"):
        source = zoo.pretrained.catalog.WEIGHTS / f"vae-digits.{ending}"
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(zoo.pretrained.catalog, "WEIGHTS", tmp_path)
    assert verify("vae-digits")
    model = zoo.load("vae-digits")
    with torch.no_grad():
        next(model.parameters()).add_(0.1)
    zoo.save(model, tmp_path / "vae-digits.safetensors")
    with pytest.raises(ZooError, match="sha256"):
        verify("vae-digits")


@pytest.mark.gpu
def test_a_seed_gives_the_same_images_on_a_gpu() -> None:
    on_cpu, on_gpu = (zoo.load("vae-digits", device) for device in ("cpu", "cuda"))
    assert torch.equal(on_cpu.prior(9, seed=1), on_gpu.prior(9, seed=1).cpu())
    assert torch.allclose(on_cpu.sample(9, 1), on_gpu.sample(9, 1).cpu(), atol=2e-3)
