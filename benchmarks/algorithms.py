"""Tables of README.md and docs/models.md, from files and cards: `python benchmarks/algorithms.py`.

An algorithm is a paper: the first line of a file in a family's folder names it, and the card of a
model names the class in that file. Files of one paper share a row.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import zoo
from zoo.pretrained.catalog import HOME

FAMILIES = {
    "autoencoders": "autoencoder",
    "vaes": "VAE",
    "gans": "GAN",
    "classifiers": "classifier",
    "sequences": "sequence model",
    "energy": "energy model",
    "translation": "translator",
    "tables": "table model",
}
PAPER = re.compile(r"(?P<title>.+?)\. (?P<authors>.+), (?P<year>\d{4}), (?P<link>https://\S+)")
SHOWN_FIRST = ("celeba", "fashion-mnist", "mnist", "cifar10", "digits")  # data of a thumbnail


class Paper(NamedTuple):
    """The first line of a file, and the models whose class it defines."""

    file: Path
    title: str
    authors: str
    year: str
    link: str
    names: list[str]


def module(name: str) -> str:
    """The module of a model's class, as its card names it."""
    return str(zoo.card(name).facts["class"]).rpartition(".")[0]


def papers() -> list[list[Paper]]:
    """All papers by family and year, each as its files, the one with most models first."""
    names = defaultdict(list)
    for name in zoo.list_models():
        names[module(name)].append(name)
    found = defaultdict(list)
    for family in FAMILIES:
        for file in sorted((HOME / "zoo" / family).glob("[a-z]*.py")):
            first = (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
            if (match := PAPER.fullmatch(first)) is None:
                raise ValueError(f"line 1 of {file} must be `NAME. AUTHORS, YEAR, LINK`: {first}")
            models = names[f"zoo.{family}.{file.stem}"]
            title, authors, year, link = map(str, match.groups())
            place = file.relative_to(HOME)
            found[family, link].append(Paper(place, title, authors, year, link, models))
    rows = [sorted(files, key=lambda paper: -len(paper.names)) for files in found.values()]
    return sorted(rows, key=lambda files: rank(files[0]))


def rank(paper: Paper) -> tuple[int, str, str]:
    """The place of a paper in the table."""
    return list(FAMILIES).index(paper.file.parts[1]), paper.year, paper.title.lower()


def thumbnail(names: list[str], folder: str) -> str:
    """The picture of the first of some models, by their data; empty where there is none."""
    drawn = [name for name in names if (HOME / f"docs/thumbnails/{name}.png").exists()]
    for data in SHOWN_FIRST:
        for name in drawn:
            if name.endswith(data):
                return f'<img src="{folder}{name}.png" width="128" alt="{name}">'
    return ""


def cells(*texts: str) -> str:
    """A row of a table; no space where a cell is empty."""
    return "| " + " | ".join(texts) + " |"


def algorithms() -> list[str]:
    """One row for each paper."""
    lines = [cells("Family", "Algorithm and file", "Paper", "Weights", "Samples")]
    lines += ["|---|---|---|---|---|"]
    for files in papers():
        first = files[0]
        links = [f"[{paper.title}]({paper.file.as_posix()})" for paper in files]
        names = [name for paper in files for name in paper.names]
        lines.append(
            cells(
                FAMILIES[first.file.parts[1]],
                "<br>".join(links),
                f"[{first.authors}, {first.year}]({first.link})",
                "<br>".join(f"[{name}](weights/{name}.md)" for name in names),
                thumbnail(names, "docs/thumbnails/"),
            )
        )
    return lines


def models() -> list[str]:
    """One row for each model, with the first measurement of its card."""
    lines = [cells("Model", "Data", "Parameters", "Training", "Metric", "Value", "Samples")]
    lines += ["|---|---|---:|---:|---|---:|---|"]
    for name in zoo.list_models():
        card = zoo.card(name)
        headline, minutes = card.metrics[0], card.within("training")["minutes"]
        lines.append(
            cells(
                f"[{name}](../weights/{name}.md)",
                str(card.within("data")["name"]),
                f"{card.facts['parameters']:,}",
                f"[{minutes} min](../{card.facts['recipe']})",
                str(headline["metric"]),
                f"{headline['value']:.4g}",
                thumbnail([name], "thumbnails/"),
            )
        )
    return lines


TABLES = {"README.md": algorithms, "docs/models.md": models}


def between(text: str) -> re.Match[str]:
    """The lines of a page between its marks."""
    match = re.search(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", text, re.DOTALL)
    if match is None:
        raise ValueError("a page must have the marks <!-- table --> and <!-- end -->")
    return match


def main() -> None:
    for page, rows in TABLES.items():
        path = HOME / page
        text = path.read_text(encoding="utf-8")
        table = between(text)
        new = "\n".join(["", *rows(), "", ""])
        path.write_text(text[: table.start()] + new + text[table.end() :], encoding="utf-8")


if __name__ == "__main__":
    main()
