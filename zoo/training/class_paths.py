"""Classes that a recipe names by their import path, and near names of those that are missing."""

import inspect
import traceback
from importlib import import_module
from pkgutil import iter_modules

from zoo.errors import BadRecipe, UnknownName
from zoo.text import brief

OURS = ("zoo", "lightning", "pytorch_lightning", "torch", "torchvision", "torchmetrics")


def class_at(class_path: str) -> type:
    """The class of a path that was judged, or that the caller's own recipe names; raises BadRecipe
    for what is no class or cannot be imported, UnknownName for what is not there."""
    module, _, name = class_path.rpartition(".")
    try:
        home = import_module(module)
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise unknown_module(error.name) from error
        raise not_imported(class_path, error) from error
    except Exception as error:  # importing runs code, which may raise anything
        raise not_imported(class_path, error) from error
    found = getattr(home, name, None)
    if found is None:
        raise unknown_class(module, name)
    if not inspect.isclass(found):
        raise BadRecipe(f"{class_path} must be a class, got {brief(found)}. Name a class in it")
    return found


def arguments(class_path: str) -> list[str]:
    """The arguments of a class."""
    return list(inspect.signature(class_at(class_path)).parameters)


def not_imported(class_path: str, error: Exception) -> BadRecipe:
    """What a module raised, and at which line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{last.filename}, line {last.lineno}"
    if isinstance(error, SyntaxError):
        where = f"{error.filename}, line {error.lineno}"
    return BadRecipe(
        f"the class {class_path!r} cannot be imported: {type(error).__name__}: {error} ({where})"
    )


def unknown_class(module: str, name: str) -> UnknownName:
    """A class that an imported module lacks."""
    return UnknownName(f"class in {module}", name, dir(import_module(module)))


def unknown_module(name: str) -> UnknownName:
    """A module that is not there; its siblings are known."""
    parent = name.rpartition(".")[0]
    if not parent:
        return UnknownName("module", name, OURS)
    try:
        folders = getattr(import_module(parent), "__path__", [])
    except ModuleNotFoundError:
        return unknown_module(parent)
    return UnknownName("module", name, [f"{parent}.{each.name}" for each in iter_modules(folders)])
