"""The header of a weights file: a class path and constructor arguments, checked before use.

Files may come from untrusted sources. Only classes of the zoo, and those that the caller trusts,
are built: first on the meta device, where no memory is allocated, and in a limited number of
operations.
"""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from lightning import LightningModule
from torch import Tensor

from zoo.errors import BadWeights
from zoo.pretrained.arguments import LARGEST_FOREIGN, Plain, check_arguments, is_plain
from zoo.pretrained.limits import LimitOperations
from zoo.pretrained.trust import class_path_of, find_class, is_zoo_class
from zoo.text import brief

FORMAT = "zoo/1"
REMEDY = "Export the model again"


def header(model: LightningModule) -> dict[str, str]:
    """The class path and arguments that rebuild a model, as a safetensors header takes them: one
    key, so that equal models give equal bytes. Raises BadWeights for a class that could not be
    built again."""
    kind = type(model)
    arguments = {k: v for k, v in model.hparams.items() if not str(k).startswith("_")}
    if not is_zoo_class(kind):
        check_foreign(kind, arguments)
    content = {"format": FORMAT, "class": class_path_of(kind), "arguments": arguments}
    return {"zoo": json.dumps(content)}


def check_foreign(kind: type, arguments: Mapping[str, Plain]) -> None:
    """Raise BadWeights for a class outside of the zoo that its class path and these arguments
    could not build again."""
    name = class_path_of(kind)
    if kind.__module__ == "__main__" or not kind.__qualname__.isidentifier():
        raise BadWeights(
            f"{name} cannot be imported by another program. Define the class at the top level of a "
            "module of your own"
        )
    parameters = inspect.signature(kind).parameters
    named = [p for p in parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    missing = [p.name for p in named if p.default is p.empty and p.name not in arguments]
    if missing or (named and not arguments):
        raise BadWeights(
            f"{name} did not record its arguments {', '.join(missing or parameters)}. Call "
            "self.save_hyperparameters() in __init__"
        )
    for key, value in arguments.items():
        if not is_plain(value, LARGEST_FOREIGN):
            raise BadWeights(
                f"{name}: {key} must be plain data (numbers up to {LARGEST_FOREIGN:,}, text, "
                f"lists, mappings), got {brief(value)}. Leave it out by "
                f"self.save_hyperparameters(ignore=[{key!r}]) and give it a default"
            )


def build(path: Path, metadata: Mapping[str, str] | None) -> LightningModule:
    """The model that a header describes, on the meta device: no memory, no initial weights."""
    return build_meta(path, *read_header(path, metadata))


def read_header(
    path: Path, metadata: Mapping[str, str] | None
) -> tuple[type[LightningModule], dict[str, Plain]]:
    """The class and the arguments that a header names, both checked; raises BadWeights."""
    content = parse(path, metadata)
    kind = find_class(path, content["class"])
    return kind, check_arguments(path, kind, content["arguments"])


def build_meta(
    path: Path, kind: type[LightningModule], arguments: dict[str, Plain]
) -> LightningModule:
    """A model on the meta device, within limits; raises BadWeights."""
    with torch.device("meta"), LimitOperations():
        return construct(path, kind, arguments)


def construct(
    path: Path, kind: type[LightningModule], arguments: dict[str, Plain]
) -> LightningModule:
    """A model of checked arguments; raises BadWeights where its constructor fails."""
    try:
        return kind(**arguments)
    except Exception as error:  # arguments of a file may divide by zero, overflow, run out, ...
        reason = str(error) or type(error).__name__
        raise BadWeights(
            f"{path}: {kind.__name__}({brief(arguments, 300)}) cannot be built: {reason}"
        ) from error


def parse(path: Path, metadata: Mapping[str, str] | None) -> dict[str, Plain]:
    """The zoo's part of a safetensors header, one JSON object; raises BadWeights."""
    try:
        content = json.loads((metadata or {}).get("zoo", "null"))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadWeights(f"{path}: the zoo header must be JSON: {error}") from error
    if not isinstance(content, dict) or not {"class", "arguments"} <= content.keys():
        raise BadWeights(f"{path} has no zoo header. Write it by zoo.save or zoo export")
    if content.get("format") != FORMAT:
        raise BadWeights(f"{path}: format must be {FORMAT!r}, got {brief(content.get('format'))}")
    return content


def compare(
    path: Path,
    expected: Mapping[str, Tensor],
    found: Mapping[str, tuple[int, ...]],
    remedy: str = REMEDY,
) -> None:
    """Raise BadWeights unless tensors have the names and shapes of their model's."""
    missing = sorted(expected.keys() - found.keys())
    unknown = sorted(found.keys() - expected.keys())
    wrong = [
        f"{name} must be {tuple(expected[name].shape)}, got {found[name]}"
        for name in expected
        if name in found and found[name] != tuple(expected[name].shape)
    ]
    for title, rows in ("lacks", missing), ("has unknown", unknown), ("has wrong shapes:", wrong):
        if rows:
            more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
            raise BadWeights(f"{path} {title} {', '.join(rows[:3])}{more}. {remedy}")
