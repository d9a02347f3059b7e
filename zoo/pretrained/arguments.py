"""Constructor arguments out of a file, checked against the annotations of their class."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from zoo.errors import BadWeights, UnknownName
from zoo.pretrained.moved import current_arguments
from zoo.pretrained.trust import class_path_of, is_zoo_class
from zoo.text import brief

LARGEST = 65_536  # the largest number, and the longest text, of a zoo model's arguments
LARGEST_FOREIGN = 10_000_000  # in other classes, which count steps, words and samples
LARGEST_VALUE = 1e15  # of the data, which is no size of a network
ITEMS = 64  # of a list
ITEMS_FOREIGN = 4096
DEPTH = 8  # of nested lists and objects

Plain = object  # what JSON holds: numbers, text, lists and objects of them


def check_arguments(path: Path, kind: type, arguments: Plain) -> dict[str, Plain]:
    """Arguments of a class as its constructor declares them; raises BadWeights for an unknown
    name, and for a value of another type or size. Parameters without annotation take any plain
    data."""
    if not isinstance(arguments, dict):
        raise BadWeights(f"{path}: arguments must be an object, got {brief(arguments)}")
    arguments = current_arguments(class_path_of(kind), arguments)
    hints, parameters = annotations(kind), inspect.signature(kind).parameters
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    limit = LARGEST if is_zoo_class(kind) else LARGEST_FOREIGN
    for name, value in arguments.items():
        if name not in parameters and not (open_ended and str(name).isidentifier()):
            unknown = UnknownName(f"argument of {kind.__name__}", str(name), list(parameters))
            raise BadWeights(f"{path}: {unknown}")
        hint = hints.get(name, Any)
        if not fits(value, hint, limit):
            kind_of = getattr(hint, "__name__", str(hint))
            raise BadWeights(
                f"{path}: {name} must be {kind_of} of at most {limit:,}, got {brief(value)}"
            )
        if not is_zoo_class(kind) and get_origin(hint) is tuple and isinstance(value, list):
            arguments[name] = tuple(value)
    return arguments


def annotations(kind: type) -> Mapping[str, object]:
    """The types of a constructor's parameters; none where they cannot be evaluated."""
    try:
        return get_type_hints(kind.__init__)  # type: ignore[misc]
    except (NameError, TypeError, AttributeError):  # a name that only type checkers import
        if is_zoo_class(kind):
            raise
        return {}


def fits(value: Plain, hint: object, limit: int = LARGEST) -> bool:
    """Whether a value, of JSON or of a recipe, is of an annotated type and within a limit."""
    origin, parts = get_origin(hint) or hint, get_args(hint)
    if origin in (Any, object, inspect.Parameter.empty):
        return is_plain(value, limit)
    if origin is Literal:
        return value in parts
    if origin in (Union, UnionType):
        return any(fits(value, part, limit) for part in parts)
    if origin in (tuple, list, Sequence):
        return is_sequence(value, origin, parts, limit)
    if origin in (dict, Mapping):
        most = LARGEST_VALUE if parts[1:] == (list[float],) else limit
        return isinstance(value, dict) and is_plain(value, most)
    if origin in (None, NoneType):
        return value is None
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    if hint in (float, int) and isinstance(value, (int, float) if hint is float else int):
        return abs(value) <= limit
    return hint is str and isinstance(value, str) and len(value) <= LARGEST


def is_sequence(value: Plain, origin: object, parts: tuple[object, ...], limit: int) -> bool:
    """Whether a value is a list or tuple whose items are of the annotated types."""
    most = ITEMS if limit == LARGEST else ITEMS_FOREIGN
    if not isinstance(value, list | tuple) or len(value) > most:
        return False
    if origin is tuple and parts and parts[-1] is not Ellipsis and len(set(parts)) > 1:
        return len(value) == len(parts) and all(
            fits(item, part, limit) for item, part in zip(value, parts, strict=True)
        )
    return all(fits(item, parts[0] if parts else Any, limit) for item in value)


def is_plain(value: Plain, limit: float, depth: int = DEPTH) -> bool:
    """Whether a value is what JSON holds, and small."""
    if isinstance(value, list | tuple | dict):
        items = value.values() if isinstance(value, dict) else value
        keys = isinstance(value, dict) and not all(isinstance(key, str) for key in value)
        return (
            depth > 0
            and not keys
            and len(value) <= ITEMS_FOREIGN
            and all(is_plain(item, limit, depth - 1) for item in items)
        )
    if isinstance(value, str):
        return len(value) <= LARGEST
    if type(value) in (int, float):
        return abs(value) <= limit  # type: ignore[arg-type]
    return value is None or isinstance(value, bool)
