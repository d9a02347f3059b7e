"""The house keeps its floors: imports go down, never up, never sideways between families."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
FILES = sorted([*HOME.glob("zoo/**/*.py"), *HOME.glob("recipes/**/*.py")])
FLOORS = {
    "zoo.text": 0,
    "zoo.plain_yaml": 0,
    "zoo.errors": 0,
    "zoo.checks": 0,
    "zoo.decoding": 0,
    "zoo.files": 0,
    "zoo.limits": 0,
    "zoo.schedules": 0,
    "zoo.layers": 0,
    "zoo.losses": 0,
    "zoo.animals": 1,
    "zoo.contracts": 1,
    "zoo.image_classifier": 1,
    "zoo.metrics": 1,
    "zoo.classifiers": 2,
    "zoo.autoencoders": 2,
    "zoo.vaes": 2,
    "zoo.gans": 2,
    "zoo.card_schema": 3,
    "zoo.cards": 3,
    "zoo.headers": 3,
    "zoo.weights": 3,
    "zoo.checkpoints": 3,
    "zoo.catalog": 3,
    "zoo.hub": 3,
    "zoo.opponents": 3,
    "zoo.extractors": 3,
    "zoo.pictures": 3,
    "zoo.arrays": 3,
    "zoo.latents": 3,
    "zoo.charts": 3,
    "zoo.compression": 3,
    "zoo.maps": 3,
    "zoo.precision": 3,
    "zoo.provenance": 3,
    "recipes.data": 4,
    "recipes.callbacks": 4,
    "zoo.class_paths": 4,
    "zoo.attributes": 5,
    "zoo.fast": 5,
    "zoo.fit": 5,
    "zoo.folder_option": 5,
    "zoo.folders": 5,
    "zoo.loggers": 5,
    "zoo.comparison": 5,
    "zoo.evaluation": 5,
    "zoo.measures": 5,
    "zoo.reference": 5,
    "zoo.refusals": 5,
    "zoo.resuming": 5,
    "zoo.runs": 5,
    "zoo.export": 5,
    "zoo.leaderboard": 5,
    "zoo.learned": 5,
    "zoo.publish": 5,
    "zoo.verbs": 5,
    "zoo.cli": 5,
    "zoo.__main__": 6,
}
FAMILIES = [name for name, floor in FLOORS.items() if floor == 2]


def module(file: Path) -> str:
    return ".".join(file.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")


def place(name: str) -> str:
    return ".".join(name.split(".")[:2])


def imported(file: Path) -> list[str]:
    """The zoo's and the recipes' modules that a file imports, wherever in it."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.startswith(("zoo.", "recipes."))]


@pytest.mark.parametrize("file", FILES, ids=module)
def test_imports_go_down(file: Path) -> None:
    here = place(module(file))
    if here in ("zoo", "recipes"):  # the front door reaches everything, lazily
        return
    for name in imported(file):
        there = place(name)
        if there == "zoo.catalog" or there in FLOORS:
            assert FLOORS[there] <= FLOORS[here], f"{here} imports {name} from above"
        if here in FAMILIES and there in FAMILIES:
            assert there == here, f"{here} imports {name} from another family"


@pytest.mark.parametrize("file", FILES, ids=module)
def test_sizes(file: Path) -> None:
    """A file of more than 250 lines, or a function of more than 30, holds two things."""
    text = file.read_text()
    assert text.count("\n") <= 250
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 30, f"{node.name}: {lines} lines"


@pytest.mark.parametrize("file", [f for f in FILES if place(module(f)) in FAMILIES], ids=module)
def test_a_family_file_names_its_paper(file: Path) -> None:
    if file.stem in ("__init__", "adversarial"):
        return
    first = ast.get_docstring(ast.parse(file.read_text()))
    assert first is not None
    assert "https://" in first.splitlines()[0]


def test_the_front_door_is_light() -> None:
    """Neither `import zoo` nor `zoo.names()` nor a card loads torch or the Hub's client."""
    code = (
        "import sys, zoo; zoo.names(); [zoo.card(n) for n in zoo.names()]; import zoo.cli; "
        "zoo.cli.parser(); print([m for m in ('torch', 'lightning', 'torchvision', 'numpy', "
        "'huggingface_hub') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
