"""`zoo publish --all`: every model once, unchanged ones skipped, failures at the end."""

import shutil
from pathlib import Path

import pytest
import torch
from hub_server import TOKEN, File, Hub
from PIL import Image
from toys import fails

import zoo
from zoo.cli import main
from zoo.errors import BadWeights, ZooError
from zoo.pretrained import catalog
from zoo.pretrained.weights import sha256

NAMES = ("dcgan-digits", "linear-ae-fashion-mnist", "vae-digits")
UPLOADS = "(PUT|POST) "


@pytest.fixture(autouse=True)
def clone(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A clone of three models, and a token that may write."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in NAMES:
        for ending in ("md", "png", "safetensors"):
            shutil.copyfile(catalog.WEIGHTS / f"{name}.{ending}", folder / f"{name}.{ending}")
    monkeypatch.setattr(catalog, "WEIGHTS", folder)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(catalog, "OWNER", "someone")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def alone(clone: Path) -> Path:
    """The same of vae-digits alone, which is faster."""
    for path in {*clone.iterdir()} - {*clone.glob("vae-digits.*")}:
        path.unlink()
    return clone


def states(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What was printed of each model."""
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    return {words[0]: words[1] for words in lines if words[0] in NAMES}


def test_each_model_is_sent_once(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    main(["publish", "--all", "someone", "--dry-run"])
    assert states(capsys) == dict.fromkeys(NAMES, "checked")
    assert not hub.requests_matching(UPLOADS)
    main(["publish", "--all", "someone"])
    assert states(capsys) == dict.fromkeys(NAMES, "published")
    assert set(hub.repositories) == {f"someone/{name}" for name in NAMES}
    hub.requests.clear()
    main(["publish", "--all", "someone"])
    assert states(capsys) == dict.fromkeys(NAMES, "unchanged")
    assert not hub.requests_matching(UPLOADS)
    assert not hub.requests_matching("GET /cdn")


def test_it_resumes_after_a_failure(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.faults.statuses = [("POST .*linear-ae-fashion-mnist/commit", 400)]
    said = fails("publish", "--all", "someone")
    assert "1 of 3" in said
    assert "linear-ae-fashion-mnist" in said
    expected = dict.fromkeys(NAMES, "published")
    assert states(capsys) == expected | {"linear-ae-fashion-mnist": "failed"}
    main(["publish", "--all", "someone"])
    expected = dict.fromkeys(NAMES, "unchanged")
    assert states(capsys) == expected | {"linear-ae-fashion-mnist": "published"}


@pytest.mark.parametrize("ending", ["md", "png"])
def test_a_changed_file_is_sent_again(
    hub: Hub, clone: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    main(["publish", "--all", "someone"])
    if ending == "md":
        card = clone / "vae-digits.md"
        card.write_text(card.read_text() + "\nAnother sentence.\n")
    else:  # one grey level is within what `zoo verify` allows
        image = Image.open(clone / "vae-digits.png").convert("L")
        image.putpixel((0, 0), image.getpixel((0, 0)) ^ 1)
        image.save(clone / "vae-digits.png")
    capsys.readouterr()
    main(["publish", "--all", "someone"])
    expected = dict.fromkeys(NAMES, "unchanged")
    assert states(capsys) == expected | {"vae-digits": "published"}


def test_a_broken_model_is_named(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "dcgan-digits.png").write_bytes(b"no picture")
    (clone / "vae-digits.md").write_text("no card")
    said = fails("publish", "--all", "someone")
    assert "2 of 3" in said
    assert "dcgan-digits, vae-digits" in said
    assert states(capsys)["linear-ae-fashion-mnist"] == "published"


@pytest.mark.parametrize(
    "arguments",
    [["x", "--all", "a/b"], ["--all", ""], ["--all", "a", "vae-digits"], ["vae-digits"], [],
     ["--all", "a", "--create-pr"], ["--all", "a", "--revision", "b"]],
)  # fmt: skip
def test_arguments_that_do_not_fit(hub: Hub, arguments: list[str]) -> None:
    assert "--all" in fails("publish", *arguments)
    assert not hub.requests


def test_a_name_is_downloaded_once_and_pinned(
    hub: Hub, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in an installed package without the file."""
    model = zoo.load("vae-digits")
    main(["publish", "--all", "someone"])
    monkeypatch.delenv("HF_TOKEN")
    (alone / "vae-digits.safetensors").unlink()
    capsys.readouterr()
    main(["list", "*-digits"])
    lines = capsys.readouterr().out.splitlines()
    assert ["local" in line for line in lines] == [False]
    assert torch.equal(zoo.load("vae-digits").sample(4, 0), model.sample(4, 0))
    hub.requests.clear()
    hub.stop()
    zoo.load("vae-digits")  # neither asks the Hub whether the file is still the same
    hub.restart()
    assert not hub.requests


def test_an_older_installation_finds_its_weights(hub: Hub, alone: Path) -> None:
    """By the tag of its version, after other weights were published."""
    old, card = zoo.load("vae-digits"), (alone / "vae-digits.md").read_text()
    main(["publish", "--all", "someone"])
    new = zoo.load("vae-digits")
    next(new.parameters()).data.mul_(1.0001)
    zoo.save(new, alone / "vae-digits.safetensors")
    digests = zoo.card("vae-digits").facts["sha256"], sha256(alone / "vae-digits.safetensors")
    (alone / "vae-digits.md").write_text(card.replace(*digests))
    main(["publish", "--all", "someone"])
    assert len(hub.repositories["someone/vae-digits"].tags) == 2
    (alone / "vae-digits.safetensors").unlink()
    (alone / "vae-digits.md").write_text(card)
    assert torch.equal(zoo.load("vae-digits").sample(4, 0), old.sample(4, 0))


@pytest.mark.parametrize("card_lies", [False, True])
def test_a_mirror_cannot_change_a_model(hub: Hub, alone: Path, card_lies: bool) -> None:
    main(["publish", "--all", "someone"])
    digest = str(zoo.card("vae-digits").facts["sha256"])
    (alone / "vae-digits.safetensors").unlink()
    repository = hub.repositories["someone/vae-digits"]
    files = repository.commits[repository.branches["main"]]
    other = files["model.safetensors"][:-4] + b"evil"
    hub.faults.swapped["model.safetensors"] = other
    if card_lies:
        page = files["README.md"].replace(digest.encode(), File(other).sha256.encode())
        hub.faults.swapped["README.md"] = page
    with pytest.raises(BadWeights, match=f"vae-digits.*{digest}"):
        zoo.load("vae-digits")


def test_a_model_that_is_nowhere(hub: Hub, alone: Path) -> None:
    (alone / "vae-digits.safetensors").unlink()
    with pytest.raises(ZooError, match=r"vae-digits.*someone/vae-digits.*ZOO_OWNER"):
        zoo.load("vae-digits")
