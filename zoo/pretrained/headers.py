"""The header of a weights file: a class of the zoo and its arguments, judged before it is followed.

Headers come from strangers. Only classes of the zoo are built, on the meta device, where nothing is
allocated, and in so many steps at most.
"""

import inspect
import json
import re
from collections.abc import Mapping
from importlib import import_module
from os.path import isfile
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from zoo.core.module import ZooModule
from zoo.errors import BadWeights, UnknownName
from zoo.pretrained.limits import LimitOperations
from zoo.pretrained.moved import current_arguments, current_class
from zoo.text import brief

FORMAT = "zoo/1"
REMEDY = "export the model again"
LARGEST = 65_536  # no argument of a model comes near it
CLASS_PATH = re.compile(r"(zoo(?:\.[a-z][a-z0-9_]*)+)\.([A-Z]\w*)")
PACKAGE = Path(__file__).parents[1]

Plain = object  # of JSON: numbers, strings, lists and objects of them


def header(model: ZooModule) -> dict[str, str]:
    """What rebuilds the model, as a safetensors header takes it: one key, so that bytes repeat."""
    kind = type(model)
    class_path = f"{kind.__module__}.{kind.__qualname__}"
    if not CLASS_PATH.fullmatch(class_path):
        raise BadWeights(
            f"{class_path} is not a class of the zoo: its file could not be read again"
        )
    arguments = {k: v for k, v in model.hparams.items() if not k.startswith("_")}
    return {"zoo": json.dumps({"format": FORMAT, "class": class_path, "arguments": arguments})}


def build(path: Path, metadata: Mapping[str, str] | None) -> ZooModule:
    """The class that a header names, on the meta device: no memory, no initial weights."""
    header = parse(path, metadata)
    kind = find_class(path, header["class"])
    arguments = check_arguments(path, kind, header["arguments"])
    return build_meta(path, kind, arguments)


def build_meta(path: Path, kind: type[ZooModule], arguments: dict[str, Plain]) -> ZooModule:
    """A model on the meta device, within limits; raises BadWeights."""
    try:
        with torch.device("meta"), LimitOperations():
            return kind(**arguments)
    except Exception as error:  # a stranger's arguments may divide by zero, overflow, run out, ...
        reason = str(error) or type(error).__name__
        raise BadWeights(
            f"{path}: {kind.__name__}({brief(arguments, 300)}) cannot be built: {reason}"
        ) from error


def parse(path: Path, metadata: Mapping[str, str] | None) -> dict[str, Plain]:
    """The zoo's part of a safetensors header: one JSON object (one key, so that bytes repeat)."""
    try:
        header = json.loads((metadata or {}).get("zoo", "null"))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadWeights(f"the zoo header of {path} is not JSON: {error}") from error
    if not isinstance(header, dict) or not {"class", "arguments"} <= header.keys():
        raise BadWeights(f"{path} has no zoo header: was it written by zoo.save or zoo export?")
    if header.get("format") != FORMAT:
        raise BadWeights(
            f"{path} is in format {brief(header.get('format'))}, this zoo reads {FORMAT!r}"
        )
    return header


def find_class(path: Path, class_path: Plain) -> type[ZooModule]:
    """The class of the zoo that a header names, and no other."""
    class_path = current_class(class_path) if isinstance(class_path, str) else brief(class_path)
    match = CLASS_PATH.fullmatch(class_path)
    if match is None or not isfile(file_of(match[1])):
        known = [f"zoo.{file.parent.name}.{file.stem}" for file in PACKAGE.glob("*/[a-z]*.py")]
        error = UnknownName("module of the zoo", class_path.rpartition(".")[0], known)
        raise BadWeights(f"{path} names the class {brief(class_path)}: {error}")
    kind = getattr(import_module(match[1]), match[2], None)
    at_home = getattr(kind, "__module__", None) == match[1]
    animal = isinstance(kind, type) and issubclass(kind, ZooModule) and not inspect.isabstract(kind)
    if kind is None or not (at_home and animal):
        raise BadWeights(f"{path} names {class_path}, which is not a model of the zoo")
    return kind


def file_of(module: str) -> Path:
    """The file of a module of zoo."""
    return (PACKAGE.parent / module.replace(".", "/")).with_suffix(".py")


def check_arguments(path: Path, kind: type[ZooModule], arguments: Plain) -> dict[str, Plain]:
    """Arguments out of a header, as `kind` declares them."""
    if not isinstance(arguments, dict):
        raise BadWeights(f"{path}: the header's arguments are not an object but {brief(arguments)}")
    arguments = current_arguments(f"{kind.__module__}.{kind.__qualname__}", arguments)
    hints, known = get_type_hints(kind.__init__), list(inspect.signature(kind).parameters)
    for name, value in arguments.items():
        if name not in known:
            unknown = UnknownName(f"argument of {kind.__name__}", str(name), known)
            raise BadWeights(f"{path}: {unknown}")
        if not fits(value, hints[name]):
            kind_of = getattr(hints[name], "__name__", str(hints[name]))
            raise BadWeights(f"{path}: {name}={brief(value)} is not {kind_of} up to {LARGEST}")
    return arguments


def fits(value: Plain, hint: object) -> bool:
    """Whether a value, of JSON or of a recipe, is of an annotated type and of a sane size."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) in (tuple, list):
        return (
            isinstance(value, list | tuple)
            and len(value) <= 64
            and all(fits(item, get_args(hint)[0]) for item in value)
        )
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    if hint is float and isinstance(value, int | float):
        return abs(value) <= LARGEST
    if hint is int and isinstance(value, int):
        return abs(value) <= LARGEST
    return hint is str and isinstance(value, str) and len(value) <= LARGEST


def compare(
    path: Path,
    wanted: Mapping[str, Tensor],
    found: Mapping[str, tuple[int, ...]],
    remedy: str = REMEDY,
) -> None:
    """Refuse a file whose tensors are not, by name and shape, those of its model."""
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    wrong = [
        f"{name} is {found[name]}, should be {tuple(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name] != tuple(wanted[name].shape)
    ]
    for title, rows in ("lacks", missing), ("has unknown", extra), ("has wrong shapes:", wrong):
        if rows:
            more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
            raise BadWeights(f"{path} {title} {', '.join(rows[:3])}{more}: {remedy}")
