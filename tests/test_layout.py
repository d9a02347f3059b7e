"""The layout: imports go down the list of levels, never sideways between families."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
FILES = sorted(HOME.glob("zoo/**/*.py"))
LEVELS = (  # a package imports from its own level and from those before it in this list
    ("text", "errors", "files", "checks", "decoding", "waveforms"),
    ("layers", "losses", "plotting"),
    ("core", "metrics"),
    (
        "autoencoders",
        "vaes",
        "gans",
        "classifiers",
        "tables",
        "translation",
        "sequences",
        "energy",
    ),
    ("pretrained", "data"),
    ("callbacks", "analysis", "dreams"),
    ("training", "evaluation"),
    ("publishing",),
    ("cli",),
    ("__main__",),
)
LEVEL = {f"zoo.{name}": level for level, names in enumerate(LEVELS) for name in names}
FAMILIES = [name for name, level in LEVEL.items() if level == 3]


def module(file: Path) -> str:
    return ".".join(file.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")


def place(name: str) -> str:
    return ".".join(name.split(".")[:2])


def imported(file: Path) -> list[str]:
    """The modules of zoo that a file imports, wherever in it."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.startswith("zoo.")]


@pytest.mark.parametrize("file", FILES, ids=module)
def test_imports_go_down(file: Path) -> None:
    here = place(module(file))
    if here == "zoo":  # the front door reaches everything, lazily
        return
    for name in imported(file):
        there = place(name)
        if there in LEVEL:
            assert LEVEL[there] <= LEVEL[here], f"{here} imports {name} from above"
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
    if file.stem == "__init__":
        return
    first = ast.get_docstring(ast.parse(file.read_text()))
    assert first is not None
    assert "https://" in first.splitlines()[0]


def test_the_front_door_is_light() -> None:
    """Neither `import zoo` nor `zoo.list_models()` nor a card loads torch or the Hub's client."""
    code = (
        "import sys, zoo, zoo.cli; [zoo.card(name) for name in zoo.list_models()]; "
        "zoo.cli.parser(); print([m for m in ('torch', 'lightning', 'torchvision', 'numpy', "
        "'huggingface_hub') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
