"""Models of every modality, and of other people's code, go through every command."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import yaml
from hub_server import TOKEN, Hub
from lightning import LightningModule
from studio.energy import RBM
from studio.pairs import Negative
from studio.plain import Decoder
from studio.text import CharLSTM
from toys import QUIET, fails

import zoo
from zoo.cli import main
from zoo.core.modality import ImagePairs, Images, Text
from zoo.errors import BadRecipe, BadWeights
from zoo.plotting import pictures

TRUST = ["--trust", "studio"]


class Toy(NamedTuple):
    """A model of the package `studio`, its data, and the first metric that applies to it."""

    model: type[LightningModule]
    data: str
    suffix: str
    headline: str


TOYS = {
    "char-lstm": Toy(CharLSTM, "studio.text.Lines", ".txt", "bits-per-character"),
    "negative": Toy(Negative, "studio.pairs.Negatives", ".png", "mae"),
    "rbm": Toy(RBM, "zoo.data.Digits", ".png", "fd-pixels"),
    "plain": Toy(Decoder, "studio.plain.PlainDigits", ".png", "fd-thumbnails"),
}


def class_path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.fixture(scope="module", params=TOYS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A toy that was trained and exported by the command line, in a folder of its own."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    recipe = {
        "model": {"class_path": class_path(TOYS[name].model)},
        "data": {"class_path": TOYS[name].data},
        "trainer": {
            "max_epochs": 2,
            "log_every_n_steps": 1,
            "callbacks": [{"class_path": "zoo.callbacks.SampleGrid", "init_args": {"n": 4}}],
        },
        "seed_everything": 0,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["fit", "--config", f"{name}.yaml", *QUIET])
        terms = ["--license", "MIT", "--terms", "free"] if name == "plain" else []
        main(["export", f"runs/{name}", name, "--protocol", "quick", *terms, *TRUST])
        yield name, folder / "exports" / f"{name}.safetensors"


def test_a_toy_is_trained_and_exported(exported: tuple[str, Path]) -> None:
    name, path = exported
    grid = path.parents[1] / "runs" / name / "samples" / f"epoch-0001{TOYS[name].suffix}"
    assert grid.is_file()
    assert path.with_suffix(TOYS[name].suffix).is_file()
    card = zoo.card(path)
    assert card.facts["class"] == class_path(TOYS[name].model)
    assert card.metrics[0]["metric"] == TOYS[name].headline
    assert card.within("data")["examples"] > 0


def test_a_toy_is_verified_and_evaluated(exported: tuple[str, Path]) -> None:
    name, path = exported
    recipe = ["--recipe", str(path.parents[1] / "runs" / name / "recipe.yaml")]
    main(["verify", str(path), *TRUST])
    main(["evaluate", str(path), "--protocol", "quick", *recipe, *TRUST])


def test_a_toy_loads_only_by_trust(
    exported: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    name, path = exported
    kind = TOYS[name].model
    with pytest.raises(BadWeights, match=class_path(kind)):
        zoo.load(path)
    assert path.name in fails("verify", str(path))
    assert class_path(kind) in capsys.readouterr().out
    assert type(zoo.load(path, classes=[kind])) is kind


def test_a_toy_samples_from_the_command_line(exported: tuple[str, Path], tmp_path: Path) -> None:
    name, path = exported
    target = tmp_path / f"samples{TOYS[name].suffix}"
    words = ["sample", str(path), "-n", "3", "--to", str(target), *TRUST]
    if TOYS[name].model is Negative:
        assert name in fails(*words)
        return
    main(words)
    assert target.is_file()


def test_a_toy_is_published_and_loaded(
    exported: tuple[str, Path],
    hub: Hub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    name, path = exported
    main(["publish", str(path), f"someone/{name}", *TRUST])
    kind = TOYS[name].model
    model = zoo.load(f"someone/{name}", classes=[kind])
    for key, tensor in zoo.load(path, classes=[kind]).state_dict().items():
        assert torch.equal(model.state_dict()[key], tensor)
    main(["verify", f"someone/{name}", *TRUST])
    assert "seed 0" in capsys.readouterr().out


def test_a_model_of_another_modality_does_not_train(tmp_path: Path) -> None:
    recipe = tmp_path / "mixed.yaml"
    model = {"class_path": class_path(CharLSTM)}
    recipe.write_text(yaml.safe_dump({"model": model, "data": "zoo.data.Digits"}))
    words = fails("fit", "--config", str(recipe), *QUIET)
    assert "texts" in words
    assert "images" in words


def test_tiles_are_the_images_of_a_grid() -> None:
    images = torch.rand(24, 3, 8, 8) * 2 - 1
    tiles = pictures.tiles(pictures.grid(images, 8), (8, 8))
    assert torch.equal(tiles.flatten(0, 1), pictures.to_uint8(images))


@pytest.mark.parametrize(
    "modality", [Images(((1, 8, 8),)), ImagePairs((1, 8, 8), (3, 8, 8)), Text("ab ", 5)]
)
def test_a_modality_stores_what_it_normalizes(modality: Images | ImagePairs | Text) -> None:
    values, _ = modality.toy(6)
    assert torch.equal(modality.store(modality.normalize(values)), values)
    assert modality.mismatch(modality) is None


def test_a_mismatch_names_side_and_values() -> None:
    with pytest.raises(BadRecipe, match=r"size .* 8, .* 16"):
        Images(((1, 8, 8),)).check_data(Images(((1, 16, 16),)))
    with pytest.raises(BadRecipe, match="vocabulary"):
        Text("ab").check_data(Text("abc"))
