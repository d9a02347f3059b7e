"""A folder of pictures as the data of `zoo fit`, to an exported model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from toys import fails

import zoo
from zoo.cli import main, split_fit
from zoo.errors import BadRecipe, MissingData
from zoo.pretrained import catalog
from zoo.training.picture_folders import fit_to_folder

QUIET = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]
FEW = ["--model.init_args.width", "8", "--trainer.max_epochs", "2"]
OWN = catalog.recipe_path("own-pictures")


def pictures(folder: Path, n: int = 120, size: int = 8, mode: str = "RGB") -> Path:
    """Random pictures in two folders."""
    rng = np.random.default_rng(0)
    for i in range(n):
        levels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        path = folder / ("a" if i % 2 else "b") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(levels).convert(mode).save(path)
    return folder


def settings(overrides: list[str]) -> dict[str, str]:
    """The last override of each name."""
    return dict(zip(overrides[::2], overrides[1::2], strict=True))


@pytest.fixture
def shells(here: Path) -> Path:
    return pictures(here / "my shells")


def test_options_of_zoo_are_separated_from_overrides() -> None:
    overrides = [
        "fit",
        "own-pictures",
        "--data",
        "x",
        "--name",
        "shells",
        "--smoke-test",
        "--model.width=3",
    ]
    own, rest = split_fit(overrides)
    assert own == ["fit", "own-pictures", "--name", "shells", "--smoke-test"]
    assert rest == ["--data", "x", "--model.width=3"]
    own, rest = split_fit(["fit", "--name=shells", "--config", "mine.yaml", "--data=x"])
    assert own == ["fit", "--config", "mine.yaml", "--name=shells"]
    assert rest == ["--data=x"]


@pytest.mark.parametrize("name", ["a/b", ".a", "..", "a b", "a\n", "", "-a", "a.2", "a" * 97, "*"])
def test_a_name_must_be_that_of_a_folder(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails("fit", "own-pictures", f"--name={name}") == "2"
    assert "--name" in capsys.readouterr().err


def test_a_batch_is_a_multiple_of_the_parts_that_a_class_declares(here: Path) -> None:
    folder = pictures(here / "few", 30)
    overrides = fit_to_folder(catalog.recipe_path("wgan-gp-cifar10"), ["--data", str(folder)])
    assert int(settings(overrides)["--data.init_args.batch_size"]) == 25  # of 27, in five parts


def test_the_number_of_pictures_sets_the_length_of_a_training(here: Path) -> None:
    """The batch size fits, the number of images seen is constant, each epoch is logged."""
    seen = {}
    for n in (12, 300):
        folder = pictures(here / str(n), n)
        adapted = settings(fit_to_folder(OWN, ["--data", str(folder)]))
        trained = n - -(-n // 10)
        batch, epochs = int(adapted["--data.init_args.batch_size"]), adapted["--trainer.max_epochs"]
        batches = trained // batch
        assert batch <= trained
        assert batches >= 1
        assert int(adapted["--trainer.log_every_n_steps"]) <= batches
        assert adapted["--data"] == "zoo.data.ImageFolder"
        assert adapted["--data.init_args.root"] == str(folder)
        assert int(epochs) % int(adapted["--checkpoint.every_n_epochs"]) == 0
        average, grid, *_ = json.loads(adapted["--trainer.callbacks"])
        assert average["class_path"] == "zoo.callbacks.EMAWithWarmup"
        assert grid["init_args"]["every_n_epochs"] == int(adapted["--checkpoint.every_n_epochs"])
        seen[n] = int(epochs) * batches * batch
    assert all(100_000 < images < 200_000 for images in seen.values())


def test_a_shorter_training_has_a_smaller_decay_of_the_average(shells: Path) -> None:
    overrides = ["--data", str(shells), "--trainer.max_steps", "200"]
    adapted = settings(fit_to_folder(OWN, overrides))
    (average, *_) = json.loads(adapted["--trainer.callbacks"])
    assert average["init_args"]["decay"] == pytest.approx(0.95)
    assert int(adapted["--trainer.max_epochs"]) == 200


def test_model_and_data_agree(here: Path) -> None:
    """Sizes of small pictures, channels of gray ones, and overrides of both."""
    small, large = pictures(here / "small", size=20), pictures(here / "large", size=90)
    gray = pictures(here / "gray", mode="L")
    for folder, size, channels in (small, 16, 3), (large, 64, 3), (gray, 8, 1):
        adapted = settings(fit_to_folder(OWN, ["--data", str(folder)]))
        for part in ("data", "model"):
            assert adapted[f"--{part}.init_args.size"] == str(size)
            assert adapted[f"--{part}.init_args.channels"] == str(channels)
    overrides = ["--model.init_args.size=32", "--data.init_args.channels", "1"]
    adapted = settings(fit_to_folder(OWN, [f"--data={large}", *overrides]))
    assert adapted["--data.init_args.size"] == adapted["--model.init_args.size"] == "32"
    assert adapted["--data.init_args.channels"] == adapted["--model.init_args.channels"] == "1"
    adapted = settings(fit_to_folder(catalog.recipe_path("vae-digits"), ["--data", str(large)]))
    assert adapted["--data.init_args.size"] == adapted["--model.init_args.size"] == "8"
    assert adapted["--model.init_args.channels"] == "3"
    adapted = settings(
        fit_to_folder(catalog.recipe_path("acgan-fashion-mnist"), ["--data", str(large)])
    )
    assert adapted["--model.init_args.classes"] == "2"


def test_overrides_without_a_folder_are_unchanged(here: Path) -> None:
    overrides = ["--data", "zoo.data.Digits", "--trainer.max_steps", "3"]
    assert fit_to_folder(OWN, overrides) == overrides
    assert fit_to_folder(OWN, []) == []
    (here / "pictures.zip").write_bytes(b"x")
    for value in ("nowhere", "pictures.zip", "a/b"):
        with pytest.raises(BadRecipe, match=f"--data.*{value}"):
            fit_to_folder(OWN, ["--data", value])
    (here / "empty").mkdir()
    with pytest.raises(MissingData, match="empty"):
        fit_to_folder(OWN, ["--data", "empty"])
    one = pictures(here / "one", 1)
    with pytest.raises(BadRecipe, match=r"2.*got 0.*one"):
        fit_to_folder(OWN, ["--data", str(one)])


def test_a_folder_must_be_named(here: Path) -> None:
    for overrides in (["own-pictures"], ["vae-digits", "--data", "zoo.data.ImageFolder"]):
        assert "root" in fails("fit", *overrides, *QUIET)
    assert not list((here / "runs").glob("*"))


def test_from_a_folder_to_a_card(
    shells: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command trains, the printed ones resume and export; the card states the data."""
    (shells / "a" / "broken.png").write_bytes(b"x")
    fit = ["fit", "own-pictures", "--data", "my shells", "--name", "shells", *FEW, *QUIET]
    assert "a/broken.png" in fails(*fit)
    main([*fit, "--data.init_args.unreadable", "skip"])
    run = here / "runs" / "shells"
    output = capsys.readouterr()
    assert "zoo export runs/shells shells\n" in output.out
    assert "120 pictures" in output.err
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    assert recipe["data"]["init_args"]["root"] == str(shells)
    assert recipe["model"]["init_args"]["size"] == 8
    assert (run / "pictures.yaml").exists()
    assert "loss/generator" in (run / "metrics.csv").read_text()
    resume = ["--data", "my shells", "--ckpt_path", "last", "--trainer.max_epochs", "4"]
    main(["fit", "own-pictures", "--name", "shells", *resume, *QUIET])
    assert torch.load(run / "last.ckpt", weights_only=True)["global_step"] == 4
    quick = ["--protocol", "quick", "--extractor", "pixels", "--license", "CC0-1.0"]
    main(["export", "runs/shells", "shells", *quick, "--terms", "my own"])
    assert "quick protocol" in capsys.readouterr().err
    card = zoo.Card.read(here / "exports" / "shells.md")
    data = card.facts["data"]
    assert data["name"] == "my shells (own pictures)"
    assert (data["terms"], data["examples"]) == ("my own", 108)
    assert card.facts["license"] == "CC0-1.0"
    assert zoo.load(here / "exports" / "shells.safetensors").sample(2).shape == (2, 3, 8, 8)


def test_smoke_tests_of_own_pictures(here: Path, shells: Path) -> None:
    main(["fit", "own-pictures", "--smoke-test", *QUIET])
    main(["fit", "own-pictures", "--smoke-test", "--data", str(shells), "--name", "a", *QUIET])
    names = {path.name for path in (here / "runs").iterdir()}
    assert names == {"own-pictures-smoke-test", "a-smoke-test"}


def test_a_recipe_that_measures_distances_needs_no_network(here: Path, shells: Path) -> None:
    main(["fit", "acgan-fashion-mnist", "--smoke-test", "--data", str(shells), *QUIET])


@pytest.mark.parametrize("name", ["a #b", "1e5", "null", "[x"])
def test_a_folder_may_have_any_name(here: Path, name: str) -> None:
    pictures(here / name)
    for option in ("--data", "--data.init_args.root"):
        main(["fit", "own-pictures", option, name, "--name", "odd", *FEW, *QUIET])
    for recipe in here.glob("runs/*/recipe.yaml"):
        root = yaml.safe_load(recipe.read_text())["data"]["init_args"]["root"]
        assert Path(root).resolve() == (here / name).resolve()


def test_invalid_values_of_data(here: Path, shells: Path) -> None:
    pictures(here / "a: b")
    with pytest.raises(BadRecipe, match="colon"):
        fit_to_folder(OWN, ["--data", "a: b"])
    with pytest.raises(BadRecipe, match="root"):
        fit_to_folder(OWN, ["--data", str(shells), "--data.init_args.root", "other"])
    with pytest.raises(BadRecipe, match="--data"):
        fit_to_folder(OWN, ["--data", ""])


@pytest.mark.parametrize("kind", ["ImageFolder", "Shards"])
def test_the_root_in_recipe_yaml_is_absolute(here: Path, shells: Path, kind: str) -> None:
    root = "--data", f"zoo.data.{kind}", "--data.init_args.root", "my shells"
    main(["fit", "own-pictures", *root, "--model.size", "8", "--data.size", "8", *FEW, *QUIET])
    recipe = yaml.safe_load((here / "runs" / "own-pictures" / "recipe.yaml").read_text())
    assert recipe["data"]["init_args"]["root"] == str(shells)


def test_a_moved_folder_is_named_by_a_recipe(here: Path, shells: Path) -> None:
    main(["fit", "own-pictures", "--smoke-test", "--data", "my shells", "--name", "a", *QUIET])
    run = here / "runs" / "a-smoke-test"
    shells.rename(here / "moved")
    message = fails("evaluate", str(run), "--protocol", "quick")
    assert "--recipe FILE" in message
    assert str(shells) in message
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["data"]["init_args"]["root"] = str(here / "moved")
    (here / "moved.yaml").write_text(yaml.safe_dump(recipe))
    options = ["--protocol", "quick", "--extractor", "pixels", "--recipe", "moved.yaml"]
    main(["evaluate", str(run), *options])


def test_help_lists_the_options_for_data_and_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert fails("fit", "--help") == "0"
    text = capsys.readouterr().out
    assert "--data PATH" in text
    assert "--init_from" in text
