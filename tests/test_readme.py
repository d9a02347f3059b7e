"""What the README shows works when it is typed, and its numbers are those of the cards."""

import re
import shlex
from pathlib import Path

import pytest

import zoo
from zoo.cli import main
from zoo.pretrained.catalog import HOME, list_recipes

README = (HOME / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", README, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
TYPED = [line.partition("  #")[0] for language, code in BLOCKS if language == "sh"
         for line in code.splitlines()]  # fmt: skip
DIGITS = {
    "Smiling": "3",
    "Male,Eyeglasses": "3",
    "Male,not-Eyeglasses": "1",
    "not-Male,not-Eyeglasses": "7,not-1",
}  # attributes of faces, and of what stands for them
DRAWN = [line for code in re.findall(r"```sh pictures\n(.*?)```", README, re.DOTALL)
         for line in code.splitlines()]  # fmt: skip


@pytest.mark.parametrize("code", PYTHON)
@pytest.mark.usefixtures("here")
def test_python_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})


@pytest.mark.usefixtures("here")
def test_commands_run_in_their_order() -> None:
    """In one process: an import of torch for each command would take longer than the commands."""
    for line in TYPED:
        verb, *arguments = shlex.split(line)
        if verb == "zoo":
            main(arguments)
        else:
            assert verb == "make"
            assert f"\n{arguments[0]}:" in (HOME / "Makefile").read_text()


@pytest.mark.parametrize("line", DRAWN)
def test_pictures_are_drawn_by_the_command_below(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here with a small model, whose images are at hand."""
    zoo_, verb, name, *options = line.split()
    picture = options[-1]
    assert zoo_ == "zoo"
    assert name in list_recipes()
    assert f'src="{picture}"' in README
    assert (HOME / picture).stat().st_size < 200_000
    monkeypatch.chdir(tmp_path)
    main([verb, "vae-digits", *(DIGITS.get(option, option) for option in options)])
    assert (tmp_path / picture).exists()


@pytest.mark.parametrize("name", zoo.list_models())
def test_the_table_is_that_of_the_cards(name: str) -> None:
    assert row(name) in README.splitlines()


def row(name: str) -> str:
    """A model's line of the table."""
    card = zoo.card(name)
    facts, headline = card.facts, card.metrics[0]
    link, recipe = f"[{name}](weights/{name}.md)", f"[{facts['training']['minutes']} min]"
    cells = (
        link,
        f"{facts['parameters']:,}",
        f"{recipe}({facts['recipe']})",
        f"{headline['metric']} {headline['value']:.4g}",
    )
    return f"| {' | '.join(cells)} |"


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", README):
        place = target[0] or target[1]
        if not place.startswith("http"):
            assert (HOME / place).exists(), place


def test_every_recipe_has_its_weights_or_says_so() -> None:
    assert set(zoo.list_models()) <= set(list_recipes())
