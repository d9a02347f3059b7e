"""The folder of pictures among the overrides of `zoo fit`."""

import re
from pathlib import Path

import yaml

from zoo.data import __all__ as DATA_MODULES
from zoo.errors import BadRecipe
from zoo.pretrained import catalog
from zoo.training.class_paths import class_and_arguments

ROOT_OPTIONS = ("--data.init_args.root", "--data.root")
IMAGE_FOLDER = "zoo.data.ImageFolder"


def split_options(overrides: list[str]) -> list[str]:
    """Overrides in which `--name=value` is two words."""
    pairs = (word.split("=", 1) if word.startswith("--") else [word] for word in overrides)
    return [part for pair in pairs for part in pair]


def split_folder(recipe: Path, overrides: list[str]) -> tuple[str | None, list[str]]:
    """The absolute path of the folder that `--data` names, or the root of a recipe that needs one,
    and the other overrides; None where `--data` names a class. Raises BadRecipe for other values.
    """
    if "--data" in overrides[:-1]:
        at = overrides.index("--data")
        value, rest = overrides[at + 1], [*overrides[:at], *overrides[at + 2 :]]
        if value and (folder := Path(value).expanduser()).is_dir():
            if second := next((key for key in rest if key in ROOT_OPTIONS), None):
                raise BadRecipe(
                    f"--data {value} must be the only folder, got {second}. Leave one of them out"
                )
            return folder_argument(folder), rest
        check_class(value)
        return None, overrides
    roots = [i for i, word in enumerate(overrides[:-1]) if word in ROOT_OPTIONS]
    if not roots or not overrides[roots[-1] + 1] or not needs_folder(recipe):
        return None, overrides
    at = roots[-1]  # the last one takes precedence
    folder = Path(overrides[at + 1]).expanduser()
    return folder_argument(folder), [*overrides[:at], *overrides[at + 2 :]]


def check_class(value: str) -> None:
    """Raise BadRecipe unless a value of `--data` is the name or the import path of a class."""
    if Path(value).is_file() or not is_class(value):
        kind = "a file" if Path(value).is_file() else "neither"
        raise BadRecipe(
            f"--data must be a folder of pictures or a class, got {value!r}, {kind}. "
            f"Classes are {', '.join(f'zoo.data.{name}' for name in DATA_MODULES[:3])}, ..."
        )


def is_class(value: str) -> bool:
    """Whether a value of `--data` is the name or the import path of a class."""
    path = re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value)
    return value in DATA_MODULES or path is not None


def folder_argument(folder: Path) -> str:
    """The absolute path of a folder; raises BadRecipe for one that the parser of overrides, which
    reads YAML, takes for a mapping."""
    path = str(folder.absolute())
    try:
        is_text = isinstance(yaml.safe_load(path), str)
    except yaml.YAMLError:
        is_text = False
    if not is_text:
        raise BadRecipe(
            f"the path of a folder must have no colon before a space, got {path!r}. Rename it"
        )
    return path


def needs_folder(recipe: Path) -> bool:
    """Whether a recipe is for a folder that it does not name."""
    class_path, arguments = class_and_arguments(catalog.read_recipe(recipe)["data"])
    return class_path == IMAGE_FOLDER and not arguments.get("root")
