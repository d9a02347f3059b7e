"""Cards state the training data, and exports replace no files of another model."""

import shutil
from pathlib import Path

import pytest
import torch
from test_folders import QUIET, pictures
from toys import fails

import zoo
from zoo.cli import main
from zoo.pretrained import catalog

SHORT = ["--trainer.max_steps", "2", *QUIET]
QUICK = ["--protocol", "quick", "--extractor", "pixels"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one recipe on its own data and on a folder of pictures."""
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


def test_the_card_of_a_run_on_other_data_states_these(place: Path) -> None:
    """Under any name, and shipped weights are unchanged."""
    before = {path: path.stat().st_mtime_ns for path in catalog.WEIGHTS.iterdir()}
    main(["export", "runs/own", "vae-digits", *QUICK])
    card_facts = facts("vae-digits")
    data = card_facts["data"]
    assert data["name"] == "shells (own pictures)"
    assert data["terms"] == card_facts["license"] == "unknown"
    assert data["examples"] == 108
    assert card_facts["recipe"] == "own/recipe.yaml"
    assert all(record["data"] == data["name"] for record in card_facts["metrics"])
    assert {path: path.stat().st_mtime_ns for path in catalog.WEIGHTS.iterdir()} == before


def test_nothing_is_written_to_the_folder_of_pictures(place: Path) -> None:
    before = sorted(place.glob("shells/**/*"))
    main(["export", "runs/own", "own", *QUICK, "--extractor", "thumbnails"])
    main(["export", "runs/own", "own", *QUICK])
    assert sorted(place.glob("shells/**/*")) == before
    assert {m["metric"] for m in facts("own")["metrics"]} >= {"fd-pixels", "mse"}


def test_the_card_of_a_run_on_the_data_of_its_recipe_names_the_recipe(place: Path) -> None:
    main(["export", "runs/vae-digits", "vae-digits", *QUICK])
    card_facts = facts("vae-digits")
    assert card_facts["recipe"] == "recipes/vae-digits.yaml"
    assert card_facts["data"]["name"] == "Digits"
    assert card_facts["data"]["examples"] == 1500
    assert card_facts["data"]["sha256"] == __import__("zoo.data").data.Digits().digest("train")
    assert card_facts["license"] == "Apache-2.0"


def test_a_checkpoint_outside_of_its_run_records_its_data(place: Path) -> None:
    (place / "alone").mkdir(exist_ok=True)
    shutil.copy(place / "runs" / "own" / "last.ckpt", place / "alone" / "x.ckpt")
    main(["export", "alone/x.ckpt", "own", *QUICK])
    assert facts("own")["data"]["name"] == "shells (own pictures)"
    message = fails("export", "alone/x.ckpt", "own", "--recipe", "vae-digits")
    assert "ImageFolder" in message
    assert "Digits" in message


def test_a_checkpoint_without_a_record_needs_a_recipe(place: Path) -> None:
    (place / "alone").mkdir(exist_ok=True)
    state = torch.load(place / "runs" / "vae-digits" / "last.ckpt", weights_only=True)
    state["Digits"] = {"seed": 0}
    torch.save(state, place / "alone" / "old.ckpt")
    assert "--recipe" in fails("export", "alone/old.ckpt", "vae-digits")
    main(["export", "alone/old.ckpt", "vae-digits", "--recipe", "vae-digits", *QUICK])
    assert facts("vae-digits")["data"]["name"] == "Digits"


def test_cards_state_changes_of_the_pictures(place: Path) -> None:
    more = pictures(place / "shells", 130)
    main(["export", "runs/own", "own", *QUICK])
    data = facts("own")["data"]
    assert data["examples"] == 108
    assert data["measured_on"]["examples"] == 117
    assert data["measured_on"]["sha256"] != data["sha256"]
    shutil.rmtree(more)
    pictures(more)


def test_an_export_replaces_no_files_of_another_model(place: Path) -> None:
    main(["export", "runs/vae-digits", "mine", *QUICK])
    card = place / "exports" / "mine.md"
    card.write_text(card.read_text() + "\nA text about digits.")
    main(["export", "runs/vae-digits", "mine", *QUICK])
    assert "A text about digits" in card.read_text()
    before = card.read_bytes()
    message = fails("export", "runs/own", "mine", *QUICK)
    assert "Digits" in message
    assert "--force" in message
    assert card.read_bytes() == before
    main(["export", "runs/own", "mine", *QUICK, "--force"])
    assert "A text about digits" not in card.read_text()
    card.write_text("no card")
    assert "--force" in fails("export", "runs/own", "mine", *QUICK)


def test_terms_are_only_for_own_pictures(place: Path) -> None:
    message = fails("export", "runs/vae-digits", "mine", "--terms", "mine", *QUICK)
    assert "--terms" in message
    assert "Digits" in message


def test_a_terminal_prompts_for_license_and_terms(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["MIT", ""])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    main(["export", "runs/own", "own", *QUICK])
    assert facts("own")["license"] == "MIT"
    assert facts("own")["data"]["terms"] == "unknown"


def test_a_model_is_evaluated_on_the_data_of_its_card(place: Path) -> None:
    main(["export", "runs/own", "vae-digits", *QUICK])
    path = "exports/vae-digits.safetensors"
    for more in ([], ["--card"], ["--card", "--recipe", "vae-digits"]):
        assert "shells" in fails("evaluate", path, *QUICK, *more) or more[-1:] == ["vae-digits"]
    main(["evaluate", path, *QUICK, "--recipe", "runs/own/recipe.yaml"])


def test_a_checkpoint_is_evaluated_on_its_training_data(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under any name."""
    for name in ("dcgan-digits.ckpt", "mine.ckpt"):
        shutil.copy(place / "runs" / "own" / "last.ckpt", place / name)
        main(["evaluate", name, *QUICK, "--json"])
        assert "shells (own pictures)" in capsys.readouterr().out


def test_terms_are_made_printable(place: Path) -> None:
    main(["export", "runs/own", "a", *QUICK, "--license", "", "--terms", "my\x1b[31m\nown"])
    assert facts("a")["license"] == "unknown"
    assert facts("a")["data"]["terms"] == "my[31m own"
