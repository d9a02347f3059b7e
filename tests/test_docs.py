"""The documentation: its commands run, its links resolve, and its tables are those of the cards."""

import ast
import re
import runpy
import shlex
from pathlib import Path

import pytest
from test_layout import LEVELS

import zoo
from zoo.cli import main, parse, split_fit
from zoo.gans import StyleGAN2
from zoo.pretrained.catalog import HOME

PAGES = [HOME / "README.md", *sorted(HOME.glob("docs/*.md"))]
TEXTS = [*PAGES, HOME / "CONTRIBUTING.md", HOME / "CHANGELOG.md", HOME / "SECURITY.md"]
RECIPES = {path.stem for path in HOME.glob("recipes/*.yaml")}
TABLES = runpy.run_path(str(HOME / "benchmarks" / "algorithms.py"))
DIGITS = {
    "Smiling": "3",
    "Male,Eyeglasses": "3",
    "Male,not-Eyeglasses": "1",
    "not-Male,not-Eyeglasses": "7,not-1",
}  # attributes of digits in place of those of faces


def label(page: Path) -> str:
    return page.relative_to(HOME).as_posix()


def blocks(page: Path, kind: str) -> list[str]:
    """The code blocks of a page whose first line is this kind."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^ *```{kind}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)


def commands(page: Path, kind: str) -> list[list[str]]:
    """The words of each command in the code blocks of this kind, without comments."""
    lines = "".join(blocks(page, kind)).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def having(kind: str, pages: list[Path] = PAGES) -> list[Path]:
    return [page for page in pages if blocks(page, kind)]


@pytest.mark.parametrize("page", having("python"), ids=label)
@pytest.mark.usefixtures("here")
def test_python_runs(page: Path) -> None:
    """All blocks of a page in one namespace, as a reader types them."""
    names: dict[str, object] = {"__name__": "__main__"}
    for code in blocks(page, "python"):
        exec(compile(code, label(page), "exec"), names)


@pytest.mark.parametrize("page", having("sh", TEXTS), ids=label)
@pytest.mark.usefixtures("here")
def test_commands_run_in_their_order(page: Path) -> None:
    """In one process: an import of torch for each command would take longer than the commands."""
    for words in commands(page, "sh"):
        if words[0] == "zoo":
            main(words[1:])
        else:
            assert words[0] == "make"
            assert f"\n{words[1]}:" in (HOME / "Makefile").read_text()


@pytest.mark.parametrize("page", having("(?:python|sh) no-run", TEXTS), ids=label)
def test_what_is_not_run_is_valid(page: Path) -> None:
    """Python compiles; commands have the verbs and options that the parser has."""
    for code in blocks(page, "python no-run"):
        ast.parse(code)
    for words in commands(page, "sh no-run"):
        if words[0] == "zoo":
            parse(split_fit(words[1:])[0] if words[1] == "fit" else words[1:])


@pytest.mark.parametrize("words", commands(HOME / "docs/latents.md", "sh pictures"), ids=" ".join)
def test_pictures_are_those_of_the_command_below(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here with a small model, whose data is part of scikit-learn."""
    command, verb, name, *options = words
    picture = options[-1]
    assert command == "zoo"
    assert name in RECIPES
    assert f'src="../{picture}"' in (HOME / "docs/latents.md").read_text(encoding="utf-8")
    assert (HOME / picture).stat().st_size < 200_000
    monkeypatch.chdir(tmp_path)
    model = "vae-digits"
    if verb in ("mix", "directions"):
        zoo.save(StyleGAN2(size=8, latent=8, width=4, mapping_depth=1), model := "toy.safetensors")
    main([verb, model, *(DIGITS.get(option, option) for option in options)])
    assert (tmp_path / picture).exists()


@pytest.mark.parametrize("page", TABLES["TABLES"])
def test_tables_are_those_of_files_and_cards(page: str) -> None:
    """`python benchmarks/algorithms.py` writes them."""
    found = TABLES["between"]((HOME / page).read_text(encoding="utf-8"))[0]
    assert found.strip().splitlines() == TABLES["TABLES"][page]()


def test_every_model_is_in_the_table_of_algorithms() -> None:
    text = (HOME / "README.md").read_text(encoding="utf-8")
    for name in zoo.list_models():
        assert f"[{name}](weights/{name}.md)" in text


def test_thumbnails_are_small_and_belong_to_models() -> None:
    for path in (HOME / "docs/thumbnails").iterdir():
        assert path.stem in zoo.list_models()
        assert path.stat().st_size < 6_000


def test_the_readme_is_short() -> None:
    """Apart from its table of algorithms, which has a row for each paper."""
    text = (HOME / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- table -->")
    assert len((before + rest.partition("<!-- end -->")[2]).splitlines()) <= 140


@pytest.mark.parametrize("page", TEXTS, ids=label)
def test_links_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"src=\"([^\"]+)\"", text):
        if target.startswith(("http:", "https:")):
            continue
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("page", TEXTS, ids=label)
def test_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:zoo|tests|benchmarks|weights)/[\w./-]*\w)`", text):
        assert (HOME / name).exists() or "mygan" in name or "NAME" in name, name


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}


def test_the_index_lists_every_page() -> None:
    index = (HOME / "docs/README.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert page.name == "README.md" or f"]({page.name})" in index


def test_levels_of_imports_are_those_of_the_layout() -> None:
    text = (HOME / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| (`.+) \|$", text, re.MULTILINE)
    assert [tuple(re.findall(r"`(\w+)`", row)) for row in rows] == list(LEVELS[: len(rows)])
    assert LEVELS[len(rows) :] == (("__main__",),)


def test_every_model_has_a_recipe() -> None:
    assert set(zoo.list_models()) <= RECIPES


def test_versions_agree() -> None:
    cff = (HOME / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {zoo.__version__}\n" in cff
    assert f"\n## {zoo.__version__}\n" in (HOME / "CHANGELOG.md").read_text(encoding="utf-8")
