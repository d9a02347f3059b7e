"""Recipe files, read as plain data."""

from pathlib import Path
from typing import Any

from zoo.errors import BadRecipe
from zoo.pretrained.plain_yaml import NotPlain, read_yaml
from zoo.text import brief, plain

SECTIONS = {"model": str | dict, "data": str | dict, "trainer": dict}


def read_recipe(path: Path, required: tuple[str, ...] = ("model", "data")) -> dict[str, Any]:
    """The settings in a recipe file, whose `required` sections must have a class_path. Nothing is
    imported; raises BadRecipe."""
    try:
        settings = read_yaml(path.read_text(encoding="utf-8-sig"), plain)
    except (NotPlain, UnicodeDecodeError) as error:
        raise BadRecipe(f"{path} must be plain YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        found = brief(settings)
        raise BadRecipe(f"{path} must be a mapping with model, data and trainer, got {found}")
    for name, kinds in SECTIONS.items():
        check_section(path, name, settings.get(name), dict if name in required else kinds | None)
    return settings


def check_section(path: Path, name: str, section: object, kinds: Any) -> None:
    """Raise BadRecipe unless a section of a recipe is of the `kinds`, its class_path text and its
    init_args a mapping."""
    class_path: object = ""
    if isinstance(section, dict):
        class_path = section.get("class_path", None if kinds is dict else "")
    if not (isinstance(section, kinds) and isinstance(class_path, str)):
        what = "a mapping" if name == "trainer" else "a mapping with class_path"
        what = what if kinds is dict or name == "trainer" else f"a class path, or {what}"
        raise BadRecipe(f"{path}: {name} must be {what}, got {brief(section)}")
    given = section.get("init_args") if isinstance(section, dict) else None
    if not isinstance(given, dict | None):
        raise BadRecipe(f"{path}: init_args of {name} must be a mapping, got {brief(given)}")
