"""Classes that a recipe names by import path, with similar names for unknown ones."""

import inspect
import traceback
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from zoo.errors import BadRecipe, UnknownName
from zoo.text import brief

OURS = ("zoo", "lightning", "pytorch_lightning", "torch", "torchvision", "torchmetrics")


def class_and_arguments(section: object) -> tuple[str, dict[str, Any]]:
    """The class path and the `init_args` of a section of a recipe: `CLASS`, or a mapping of both.
    Empty where the section names none."""
    if isinstance(section, str):
        return section, {}
    if not isinstance(section, dict):
        return "", {}
    arguments = section.get("init_args")
    return str(section.get("class_path") or ""), arguments if isinstance(arguments, dict) else {}


def class_at(class_path: str) -> type:
    """Import the class at a path, which the caller trusts; raises BadRecipe where the import fails
    or the path is not that of a class, UnknownName where it does not exist."""
    module_path, _, name = class_path.rpartition(".")
    try:
        module = import_module(module_path)
    except ModuleNotFoundError as error:
        if error.name and f"{module_path}.".startswith(f"{error.name}."):
            raise unknown_module(error.name) from error
        raise import_failed(class_path, error) from error  # of a module that it imports
    except Exception as error:  # importing runs code, which may raise any exception
        raise import_failed(class_path, error) from error
    target = getattr(module, name, None)
    if target is None:
        raise unknown_class(module_path, name)
    if not inspect.isclass(target):
        raise BadRecipe(f"{class_path} must be a class, got {brief(target)}. Name a class in it")
    return target


def argument_names(class_path: str) -> list[str]:
    """The names of a class's arguments."""
    return list(inspect.signature(class_at(class_path)).parameters)


def import_failed(class_path: str, error: Exception) -> BadRecipe:
    """The error of a class whose module raised during import, with the file and line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}, line {last.lineno}"
    if isinstance(error, SyntaxError):
        place = f"{error.filename}, line {error.lineno}"
    return BadRecipe(
        f"the class {class_path!r} cannot be imported: {type(error).__name__}: {error} ({place})"
    )


def unknown_class(module: str, name: str) -> UnknownName:
    """The error of a class that an importable module lacks."""
    return UnknownName(f"class in {module}", name, dir(import_module(module)))


def unknown_module(name: str) -> UnknownName:
    """The error of a missing module, with the modules beside it as known names."""
    parent = name.rpartition(".")[0]
    if not parent:
        return UnknownName("module", name, OURS)
    try:
        folders = getattr(import_module(parent), "__path__", [])
    except ModuleNotFoundError:
        return unknown_module(parent)
    return UnknownName("module", name, [f"{parent}.{each.name}" for each in iter_modules(folders)])
