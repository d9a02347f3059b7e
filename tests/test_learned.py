"""A card states what its model learned from, and its files replace no other model."""

import shutil
from pathlib import Path

import pytest
import torch
from test_folders import QUIET, pictures
from toys import fails

import zoo
from zoo.cli import main
from zoo.cli.train import export as verb
from zoo.pretrained import catalog

SHORT = ["--trainer.max_steps", "2", *QUIET]
QUICK = ["--protocol", "quick", "--extractor", "pixels"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recipe, trained on its own data and on a folder of pictures."""
    folder = tmp_path_factory.mktemp("learned")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pictures(folder / "shells")
        main(["fit", "vae-digits", *SHORT])
        main(["fit", "vae-digits", "--name", "own", "--data", "shells", *SHORT])
    return folder


@pytest.fixture(autouse=True)
def place(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(runs)
    shutil.rmtree(runs / "exports", ignore_errors=True)
    return runs


def facts(name: str, folder: str = "exports") -> dict[str, object]:
    return zoo.Card.read(Path(folder) / f"{name}.md").facts


def test_a_run_on_other_data_is_not_said_to_be_of_the_recipes(place: Path) -> None:
    """Whatever it is exported as, and never over what ships."""
    before = {path: path.stat().st_mtime_ns for path in catalog.WEIGHTS.iterdir()}
    main(["export", "runs/own", "vae-digits", *QUICK])
    found = facts("vae-digits")
    data = found["data"]
    assert data["name"] == "shells (own pictures)"
    assert data["terms"] == found["license"] == "unknown"
    assert data["examples"] == 108
    assert found["recipe"] == "own/recipe.yaml"
    assert all(record["data"] == data["name"] for record in found["metrics"])
    assert {path: path.stat().st_mtime_ns for path in catalog.WEIGHTS.iterdir()} == before


def test_nothing_is_written_among_the_pictures(place: Path) -> None:
    before = sorted(place.glob("shells/**/*"))
    main(["export", "runs/own", "own", *QUICK, "--extractor", "thumbnails"])
    main(["export", "runs/own", "own", *QUICK])
    assert sorted(place.glob("shells/**/*")) == before
    assert {m["metric"] for m in facts("own")["metrics"]} >= {"fd-pixels", "mse"}


def test_a_run_on_the_recipes_data_is_of_the_recipe(place: Path) -> None:
    main(["export", "runs/vae-digits", "vae-digits", *QUICK])
    found = facts("vae-digits")
    assert found["recipe"] == "recipes/vae-digits.yaml"
    assert found["data"]["name"] == "Digits"
    assert found["data"]["examples"] == 1500
    assert found["data"]["sha256"] == __import__("zoo.data").data.Digits().digest("train")
    assert found["license"] == "Apache-2.0"


def test_a_checkpoint_by_itself_knows_its_data(place: Path) -> None:
    (place / "alone").mkdir(exist_ok=True)
    shutil.copy(place / "runs" / "own" / "last.ckpt", place / "alone" / "x.ckpt")
    main(["export", "alone/x.ckpt", "own", *QUICK])
    assert facts("own")["data"]["name"] == "shells (own pictures)"
    said = fails("export", "alone/x.ckpt", "own", "--recipe", "vae-digits")
    assert "ImageFolder" in said
    assert "Digits" in said


def test_a_checkpoint_without_a_record_is_not_guessed_at(place: Path) -> None:
    (place / "alone").mkdir(exist_ok=True)
    state = torch.load(place / "runs" / "vae-digits" / "last.ckpt", weights_only=True)
    state["Digits"] = {"seed": 0}
    torch.save(state, place / "alone" / "old.ckpt")
    assert "by --recipe" in fails("export", "alone/old.ckpt", "vae-digits")
    main(["export", "alone/old.ckpt", "vae-digits", "--recipe", "vae-digits", *QUICK])
    assert facts("vae-digits")["data"]["name"] == "Digits"


def test_pictures_that_changed_since_are_told(place: Path) -> None:
    more = pictures(place / "shells", 130)
    main(["export", "runs/own", "own", *QUICK])
    data = facts("own")["data"]
    assert data["examples"] == 108
    assert data["measured_on"]["examples"] == 117
    assert data["measured_on"]["sha256"] != data["sha256"]
    shutil.rmtree(more)
    pictures(more)


def test_files_of_another_model_are_not_replaced(place: Path) -> None:
    main(["export", "runs/vae-digits", "mine", *QUICK])
    card = place / "exports" / "mine.md"
    card.write_text(card.read_text() + "\nWords about digits.")
    main(["export", "runs/vae-digits", "mine", *QUICK])
    assert "Words about digits" in card.read_text()
    before = card.read_bytes()
    said = fails("export", "runs/own", "mine", *QUICK)
    assert "Digits" in said
    assert "--force" in said
    assert card.read_bytes() == before
    main(["export", "runs/own", "mine", *QUICK, "--force"])
    assert "Words about digits" not in card.read_text()
    card.write_text("no card")
    assert "--force" in fails("export", "runs/own", "mine", *QUICK)


def test_terms_are_those_of_own_pictures_alone(place: Path) -> None:
    said = fails("export", "runs/vae-digits", "mine", "--terms", "mine", *QUICK)
    assert "--terms" in said
    assert "Digits" in said


def test_a_terminal_is_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["MIT", ""])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda words: next(answers))
    main(["export", "runs/own", "own", *QUICK])
    assert facts("own")["license"] == "MIT"
    assert facts("own")["data"]["terms"] == "unknown"
    assert verb.__name__ == "export"


def test_a_card_is_measured_on_its_own_data_alone(place: Path) -> None:
    main(["export", "runs/own", "vae-digits", *QUICK])
    path = "exports/vae-digits.safetensors"
    for more in ([], ["--card"], ["--card", "--recipe", "vae-digits"]):
        assert "shells" in fails("evaluate", path, *QUICK, *more) or more[-1:] == ["vae-digits"]
    main(["evaluate", path, *QUICK, "--recipe", "runs/own/recipe.yaml"])


def test_a_checkpoint_is_measured_on_what_it_learned_from(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its name, and without SqueezeNet in the space of thumbnails."""
    for name in ("dcgan-digits.ckpt", "mine.ckpt"):
        shutil.copy(place / "runs" / "own" / "last.ckpt", place / name)
        main(["evaluate", name, *QUICK, "--json"])
        assert "shells (own pictures)" in capsys.readouterr().out


def test_terms_are_one_line(place: Path) -> None:
    main(["export", "runs/own", "a", *QUICK, "--license", "", "--terms", "my\x1b[31m\nown"])
    assert facts("a")["license"] == "unknown"
    assert facts("a")["data"]["terms"] == "my[31m own"
