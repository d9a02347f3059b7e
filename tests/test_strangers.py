"""Untrusted files are rejected fast, in one printable line, and without much memory."""

import json
import os
import re
import sys
import threading
import time
import zipfile
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
import torch
import yaml
from toys import fails

import zoo
from zoo.cli import main
from zoo.errors import BadCard, BadRecipe, BadWeights, UnknownName, ZooError
from zoo.gans.dcgan import DCGAN
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.pretrained.checkpoints import model_from_checkpoint, newest_checkpoint, read_checkpoint
from zoo.pretrained.headers import build
from zoo.pretrained.hub import RepoRef
from zoo.pretrained.hub.model_card import read_model_card
from zoo.pretrained.plain_yaml import NotPlain, read_yaml
from zoo.publishing import leaderboard
from zoo.text import brief, markdown, plain, printable
from zoo.vaes.vae import VAE

ESCAPES = "\x1b\x07\x9b\u202e\u2066\n\r"
SMALL = {"size": 8, "channels": 1, "latent": 4, "width": 8}
ALIAS_BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)


def card_text(**changes: object) -> str:
    """The card of shipped weights with changed facts."""
    card = zoo.card("vae-digits")
    return str(Card(card.name, card.facts | changes, card.prose))


def bad_card(tmp_path: Path, text: str, pattern: str = ".") -> None:
    path = tmp_path / "bad.md"
    path.write_text(text, encoding="utf-8")
    start = time.process_time()
    with pytest.raises(BadCard, match=pattern) as error:
        Card.read(path)
    assert time.process_time() - start < 1
    assert len(str(error.value)) <= 1000
    assert not set(str(error.value)) & set(ESCAPES)


# YAML


@pytest.mark.parametrize(
    "text",
    [
        ALIAS_BOMB,
        "[" * 100_000,
        "{a: " * 5_000,
        "- " * 5_000,
        "x: " + "9" * 5_000,
        "x: 1.0e+999",
        "x: .nan",
        "x: !!bool foo",
        "x: !!timestamp foo",
        "x: !!int ''",
        "x: !!python/object/apply:os.getcwd []",
        "&a [*a]",
        "x: *nothing",
        "1: 2",
        "? [a]\n: b",
        "a\n---\nb",
        "x: [",
        "\x00",
        "x" * 2**20,
    ],
)
def test_yaml_with_more_than_plain_data_is_rejected(text: str, tmp_path: Path) -> None:
    start = time.process_time()
    with pytest.raises(NotPlain) as error:
        read_yaml(text)
    assert time.process_time() - start < 1
    assert "\n" not in str(error.value)
    bad_card(tmp_path, f"---\n{text}\n---\n")


def test_plain_yaml_is_read_like_yaml() -> None:
    texts = [path.read_text() for path in catalog.RECIPES.glob("*.yaml")]
    texts += [str(zoo.card("vae-digits")).split("---\n")[1]]
    texts += ["", "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: ~}", "a: [yes, 1_000, -0.5, .5, '1', null]"]
    for text in texts:
        assert repr(read_yaml(text, plain)) == repr(yaml.safe_load(text))
    assert read_yaml('a: "b\\n\\tc\\e"') == {"a": "b  c"}
    assert read_yaml('a: "b\\n\\tc\\e"', plain) == {"a": "b\n\tc"}  # in recipes
    assert read_yaml("x: 2001-99-99") == {"x": "2001-99-99"}  # dates are not plain data


def test_reading_all_cards_is_fast() -> None:
    start = time.process_time()
    for name in zoo.list_models():
        zoo.card(name)
    assert time.process_time() - start < 1


# Cards


@pytest.mark.parametrize(
    "record",
    [
        {"low": "x", "high": "y"},
        {"low": 1},
        {"low": 1, "high": "high"},
        {"spread": "x"},
        {"spread": -1},
        {"standard_error": [1]},
        {"seeds": "three"},
        {"value": True},
        {"value": "1"},
        {"metric": 3},
        {"unit": {"a": 1}},
    ],
)
def test_records_must_have_numbers(record: dict[str, object], tmp_path: Path) -> None:
    good = {"metric": "fd-pixels", "value": 1.5}
    pattern = "|".join(record)
    bad_card(tmp_path, card_text(metrics=[good | record]), pattern)
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps({"metrics": [good | record]}))
    message = fails("compare", str(numbers), str(numbers))
    assert re.search(pattern, message)


@pytest.mark.parametrize(
    "facts",
    [
        {"parameters": "many"},
        {"parameters": -1},
        {"parameters": True},
        {"sha256": [1]},
        {"data": "Digits"},
        {"data": {"name": 3}},
        {"training": 3},
        {"training": {"minutes": "x"}},
        {"training": {"images_seen": 1.5}},
        {"class": "zoo/../../etc/passwd"},
        {"class": "os system"},
        {"paper": [1]},
        {"metrics": {}},
        {"metrics": [3]},
    ],
)
def test_facts_must_have_their_types(facts: dict[str, object], tmp_path: Path) -> None:
    bad_card(tmp_path, card_text(**facts), next(iter(facts)))


def test_cards_without_optional_facts_are_read(tmp_path: Path, here: Path) -> None:
    facts = dict(zoo.card("vae-digits").facts)
    for key in ("class", "measured", "paper", "name"):
        del facts[key]
    zoo.save(zoo.load("vae-digits"), here / "old.safetensors")
    facts["training"] = {}
    (here / "old.md").write_text(str(Card("old", facts, "# old")))
    main(["show", "old.safetensors"])
    main(["compare", "old.safetensors", "dcgan-digits"])
    main(["leaderboard", "old.safetensors", "--to", "board"])
    assert "old" in (here / "board" / "leaderboard.md").read_text()


def test_binary_and_large_cards_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "bad.md"
    for content in (b"\xff\xfe\x00", b"---\nx: 1\n---\n" + b"x" * 2**20):
        path.write_bytes(content)
        with pytest.raises(BadCard):
            Card.read(path)


# Terminals


def test_text_of_cards_contains_no_terminal_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nasty = "fd\x1b]0;PWNED\x07\x1b[2J\u202eevil\u2066\x9b2J\nzoo: all is well"
    text = card_text(
        sha256=nasty, license=nasty, metrics=[{"metric": nasty, "value": 1, "unit": nasty}]
    )
    front, prose = text.removeprefix("---\n").split("\n---\n", 1)
    page = "---\nzoo:\n" + "".join(f"  {line}\n" for line in front.split("\n"))
    page += f"---\n<!-- card -->{prose}{nasty}<!-- /card -->"
    card = read_model_card(page, RepoRef("a/b"))
    for value in (card.facts["sha256"], card.facts["license"], card.metrics[0]["metric"]):
        assert not set(str(value)) & set(ESCAPES)
    assert not set(str(card)) & (set(ESCAPES) - {"\n"})
    zoo.save(VAE(**SMALL), tmp_path / "a.safetensors")
    (tmp_path / "a.md").write_text(str(card))
    capsys.readouterr()
    main(["compare", str(tmp_path / "a.safetensors"), str(tmp_path / "a.safetensors")])
    message = capsys.readouterr().out
    assert not set(message) & (set(ESCAPES) - {"\n"})
    assert len(message.splitlines()) == 2


def test_errors_are_one_printable_line() -> None:
    assert str(ZooError("a\x1b[2J\nb\u202e" + "c" * 10**6)).startswith("a[2J bccc")
    assert len(str(ZooError("c" * 10**6))) <= 1000
    assert printable("é\tü\udc80\u2028x") == "é ü x"
    assert len(brief([["x" * 10**6] * 100] * 100)) <= 80
    assert "300 digits" in brief(10**5000)
    assert "\x1b" not in fails("show", "vae\x1b[2J")
    assert markdown("a|b<script>[x]\n") == "a\\|b\\<script\\>\\[x\\] "


def test_text_of_cards_is_escaped_in_tables() -> None:
    row = leaderboard.rows()[0] | {"hardware": "x | <script> [y](javascript:z)\n# h"}
    line = leaderboard.model_line(row, {})
    assert "\n" not in line
    assert "\\| \\<script\\> \\[y\\](javascript:z) # h |" in line


def test_unknown_names_list_few_known_ones() -> None:
    known = [f"model-{i}" for i in range(46)]
    assert "`zoo list` lists all 46" in str(UnknownName("model", "zzz", known, "`zoo list`"))
    assert str(UnknownName("model", "model-1", known)).count("model-") <= 4
    assert "known: a, b" in str(UnknownName("model", "zzz", "ab"))
    assert "did you mean sample?" in fails("sampel")
    assert "`zoo --help`" in fails("zzzzzz")


# Headers and checkpoints


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("vaes.rae.RAE", {"components": 0}),
        ("gans.sngan.SNGAN", {"width": 0}),
        ("gans.sagan.SAGAN", {"discriminator_width": 0}),
        ("gans.sagan.SAGAN", {"size": 65536}),
        ("autoencoders.stacked.StackedAutoencoder", {"size": 0}),
        ("autoencoders.linear.LinearAutoencoder", {"components": 0}),
        ("classifiers.resnet.ResNet", {"blocks": 20_000}),
        ("vaes.vq_vae.VQVAE", {"depth": 65536}),
    ],
)
def test_headers_are_checked_quickly(kind: str, arguments: dict[str, object]) -> None:
    header = {"format": "zoo/1", "class": f"zoo.{kind}", "arguments": arguments}
    start = time.process_time()
    try:
        model = build(Path("x"), {"zoo": json.dumps(header)})
    except BadWeights:
        pass
    else:  # shapes, which are compared with the tensors of the file
        assert {p.device.type for p in model.parameters()} == {"meta"}
    assert time.process_time() - start < 2


def checkpoint(path: Path, model: torch.nn.Module | None = None, **changes: object) -> Path:
    """A checkpoint in the format of `zoo fit`."""
    state: dict[str, object] = {
        "hyper_parameters": {"_class_path": "zoo.vaes.vae.VAE", **SMALL},
        "state_dict": {} if model is None else model.state_dict(),
        "callbacks": {},
        "global_step": 1,
        "images_seen": 1,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state | changes, path)
    return path


def test_checkpoints_are_checked_before_memory_is_allocated(tmp_path: Path) -> None:
    path, model = tmp_path / "a.ckpt", VAE(**SMALL).eval()
    loaded = model_from_checkpoint(path, read_checkpoint(checkpoint(path, model)))
    assert torch.equal(loaded.sample(2, 0), model.sample(2, 0))
    wide = {"_class_path": "zoo.vaes.vae.VAE", "size": 8, "latent": 65536, "width": 65536}
    one = torch.zeros(1)
    bad: list[dict[str, object]] = [
        {"hyper_parameters": wide},
        {"hyper_parameters": wide | {"_class_path": "os.system"}},
        {"hyper_parameters": wide | {"_class_path": ["x"] * 1000}},
        {"hyper_parameters": {3: 4, "_class_path": "zoo.vaes.vae.VAE"}},
        {"state_dict": {"x": 3}},
        {"state_dict": {3: one}},
        {"state_dict": {k: one.expand(2**20, 2**20) for k in model.state_dict()}},
        {"state_dict": {k: v.int() for k, v in model.state_dict().items()}},
    ]
    for changes in bad:
        with pytest.raises(BadWeights):
            model_from_checkpoint(path, read_checkpoint(checkpoint(path, model, **changes)))
    for key, value in (("hyper_parameters", []), ("callbacks", 3), ("global_step", "x")):
        with pytest.raises(BadWeights, match=key):
            read_checkpoint(checkpoint(path, model, **{key: value}))
    for metadata in ([], {"seconds": "x"}, {"hardware": 3}):
        with pytest.raises(BadWeights):
            read_checkpoint(checkpoint(path, model, callbacks={"RunMetadata": metadata}))


def test_compressed_checkpoints_are_rejected(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt")
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in contents.items():
            new.writestr(name, content)
    with pytest.raises(BadWeights, match=r"a\.ckpt"):
        read_checkpoint(path)


def test_newest_checkpoint_by_steps_and_saved_time(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    saved = [{"RunMetadata": {"saved_at": f"2026-01-0{day}T00:00:00+00:00"}} for day in (1, 2)]
    late = checkpoint(one / "last.ckpt", global_step=920)
    early = checkpoint(one / "epoch=1.ckpt", global_step=44)
    os.utime(late, (1000, 1000))
    os.utime(early, (2000, 2000))
    assert newest_checkpoint([one]) == late
    other = checkpoint(two / "last.ckpt", global_step=3, callbacks=saved[1])
    assert newest_checkpoint([one, two]) == other  # by its metadata, not by its file
    checkpoint(one / "last.ckpt", global_step=920, callbacks=saved[0])
    os.utime(other, (1, 1))
    assert newest_checkpoint([one, two]) == other
    checkpoint(one / "last.ckpt", global_step=920, callbacks={"RunMetadata": {"saved_at": "soon"}})
    assert newest_checkpoint([one, two]) == late  # its file is the newest


# Weights


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_every_precision_are_stored_in_float32(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    path = tmp_path / ("ünï çödé " + "x" * 200 + ".safetensors")
    model = DCGAN(**SMALL).eval()
    zoo.save(model.to(dtype), path)
    again = zoo.load(path)
    for name, tensor in again.generator.state_dict().items():
        assert tensor.dtype in (torch.float32, torch.int64)
        assert torch.equal(tensor, model.generator.state_dict()[name].to(tensor.dtype))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if dtype == torch.float64:
        next(model.generator.parameters()).data[0] = 1e300
        with pytest.raises(BadWeights, match="generator"):
            zoo.save(model, path)


def test_threads_can_load_and_build_at_the_same_time(tmp_path: Path) -> None:
    zoo.save(VAE(**SMALL), tmp_path / "a.safetensors")
    faults: list[BaseException] = []

    def work(what: object) -> None:
        try:
            for _ in range(20):
                what()
        except BaseException as error:
            faults.append(error)

    def layers() -> object:
        return torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(100)))

    read = [lambda: zoo.load(tmp_path / "a.safetensors")] * 3
    threads = [threading.Thread(target=work, args=(what,)) for what in (*read, layers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


# Files of the user


@pytest.fixture
def mine(here: Path) -> Path:
    """A copy of shipped weights in a folder."""
    (here / "mine").mkdir()
    for ending in ("md", "png", "safetensors"):
        content = (catalog.WEIGHTS / f"vae-digits.{ending}").read_bytes()
        (here / "mine" / f"own model.{ending}").write_bytes(content)
    return here / "mine" / "own model.safetensors"


def test_commands_accept_files_as_names(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(mine.relative_to(Path.cwd()))
    main(["show", file])
    main(["verify", file, "mine"])
    main(["compare", file, "dcgan-digits"])
    main(["list", "mine"])
    main(["leaderboard", file, "dcgan-digits", "--to", "board"])
    table = Path("board/leaderboard.md").read_text()
    assert "[own model](../mine/own%20model.md)" in table
    assert capsys.readouterr().out.count("own model") > 3
    main(["leaderboard", "mine"])
    assert Path("leaderboard.md").is_file()  # in the current folder
    mine.with_suffix(".png").unlink()
    assert file in fails("verify", file)
    mine.with_suffix(".md").unlink()
    for verb in ("show", "leaderboard"):
        assert "zoo export" in fails(verb, file)
    assert "zoo export" in fails("compare", "vae-digits", file)


def test_runs_are_evaluated_and_have_no_card(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = zoo.load("vae-digits")
    hyper = {"_class_path": "zoo.vaes.vae.VAE", **model.hparams}
    run = checkpoint(here / "runs" / "vae-digits" / "last.ckpt", model, hyper_parameters=hyper)
    (run.parent / "recipe.yaml").write_text(catalog.recipe_path("vae-digits").read_text())
    main(["evaluate", "runs/vae-digits", "--protocol", "quick"])
    assert "fd-pixels" in capsys.readouterr().out
    for command in (["show"], ["compare", "vae-digits"], ["leaderboard"], ["sample"]):
        assert "zoo export" in fails(*command, "runs/vae-digits")
    assert "--card" in fails("evaluate", "runs/vae-digits", "--card")


@pytest.mark.parametrize(
    "text",
    ["model: 3", "- a", "x: [", "data: {class_path: [a]}", ALIAS_BOMB, "model: {class_path: a}"],
)
def test_invalid_recipes_are_rejected(text: str, here: Path) -> None:
    (here / "own.yaml").write_text(text)
    with pytest.raises(BadRecipe, match=r"own\.yaml"):
        catalog.read_recipe(here / "own.yaml")
    assert "own.yaml" in fails("evaluate", "vae-digits", "--recipe", "own.yaml")


# Disks and terminals


def test_errors_name_files_that_cannot_be_written(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "file").write_text("old")
    assert "file" in fails("sample", "vae-digits", "--to", "file/a.png")
    assert "/dev/null" in fails("sample", "vae-digits", "--to", "/dev/null")
    assert "file" in fails("leaderboard", "--to", "file")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("PIL.Image.Image.save", full)
    monkeypatch.setattr(Path, "write_text", full)
    message = fails("sample", "vae-digits", "--to", "a.png")
    assert "a.png" in message
    assert "Free space" in message
    assert "leaderboard.md" in fails("leaderboard")
    assert [path.name for path in here.iterdir()] == ["file"]


def test_terminals_with_other_encodings(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(screen, encoding="ascii"))
    main(["compare", "vae-digits", "dcgan-digits"])
    assert b" ? " in screen.getvalue()  # instead of ±


def test_null_facts_are_missing_facts(tmp_path: Path) -> None:
    """For each optional key and each command that prints it."""
    path = tmp_path / "mine.safetensors"
    zoo.save(VAE(**SMALL), path)
    nothing = dict.fromkeys(("low", "high", "spread", "standard_error", "real", "seeds"))
    training = dict.fromkeys(("minutes", "images_seen", "hardware", "weights", "init_from"))
    record = {"metric": "fd-pixels", "value": 1} | nothing
    path.with_suffix(".md").write_text(
        card_text(**{"class": None, "training": training, "metrics": [record], "name": None})
    )
    main(["show", str(path)])
    main(["compare", str(path), str(path)])
    main(["leaderboard", str(path), "--to", str(tmp_path / "board")])
    assert "null" not in str(zoo.card(path).metrics)


def test_long_class_paths_are_rejected(tmp_path: Path) -> None:
    header = {"format": "zoo/1", "class": f"zoo.{'a' * 5000}.b.C", "arguments": {}}
    with pytest.raises(BadWeights, match="no module of the zoo"):
        build(tmp_path, {"zoo": json.dumps(header)})


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x.safetensors", "~nobody-of-that-name", ""])
def test_unknown_names_are_rejected(name: str) -> None:
    for verb in ("show", "sample", "verify"):
        assert "there is no" in fails(verb, name) or verb == "verify"


def test_commands_run_with_closed_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    main(["list"])
