"""The folder of pictures among the overrides of `zoo fit`."""

import re
from pathlib import Path

import yaml

from zoo.data import __all__ as DATA
from zoo.errors import BadRecipe
from zoo.pretrained import catalog

ROOTS = ("--data.init_args.root", "--data.root")
OWN = "zoo.data.ImageFolder"

Settings = dict[str, object]


def arguments(settings: Settings) -> Settings:
    """The `init_args` of a class in a recipe."""
    found = settings.get("init_args")
    return found if isinstance(found, dict) else {}


def folder_in(recipe: Path, words: list[str]) -> tuple[str | None, list[str]]:
    """The folder that `--data` names, or the root given to a recipe that waits for one, and the
    other words; None where data is a class."""
    if "--data" in words[:-1]:
        at = words.index("--data")
        value, rest = words[at + 1], [*words[:at], *words[at + 2 :]]
        if value and (folder := Path(value).expanduser()).is_dir():
            if second := next((key for key in rest if key in ROOTS), None):
                raise BadRecipe(
                    f"--data {value} must be the only folder, got {second}: leave it out"
                )
            return root_of(folder), rest
        is_class = value in DATA or re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value)
        if Path(value).is_file() or not is_class:
            what = "a file" if Path(value).is_file() else "neither"
            raise BadRecipe(
                f"--data must be a folder of pictures or a class, got {value!r}, which is {what}. "
                f"Classes are {', '.join(f'zoo.data.{name}' for name in DATA[:3])}, ..."
            )
        return None, words
    found = [i for i, word in enumerate(words[:-1]) if word in ROOTS]
    if not found or not words[found[-1] + 1] or not waits(recipe):
        return None, words
    at = found[-1]
    return root_of(Path(words[at + 1]).expanduser()), [*words[:at], *words[at + 2 :]]


def root_of(folder: Path) -> str:
    """A folder as it was named, or its whole path where the parser of overrides, which reads YAML,
    takes the name for another value; raises BadRecipe for one that it takes for a mapping."""
    for name in (str(folder), str(folder.absolute())):
        if is_text(name):
            return name
    raise BadRecipe(
        f"a folder must have no colon before a space in its path, got {name!r}: rename it"
    )


def is_text(name: str) -> bool:
    """Whether YAML reads a name as a text, and no variant of YAML as a number."""
    try:
        return isinstance(yaml.safe_load(name), str) and not re.fullmatch(r"[\d.eE+_-]+", name)
    except yaml.YAMLError:
        return False


def waits(recipe: Path) -> bool:
    """Whether a recipe is for a folder that it does not name."""
    data = catalog.read_recipe(recipe)["data"]
    return data["class_path"] == OWN and not arguments(data).get("root")
