"""Errors of jsonargparse and Lightning, translated into one line with similar names."""

import re

from zoo.errors import BadRecipe, UnknownName
from zoo.text import brief
from zoo.training.class_paths import argument_names, unknown_class, unknown_module


def translate_parser_error(message: str, options: list[str]) -> BadRecipe | UnknownName:
    """A message of jsonargparse, of several lines, as an error of one line; `options` are the known
    names."""
    if error := unknown_name(message, options) or invalid_value(message):
        return error
    return BadRecipe(" ".join(message.split()))


def unknown_name(message: str, options: list[str]) -> BadRecipe | UnknownName | None:
    """The error of an unknown argument, class, module or option; None for other messages."""
    match = re.search(r"given class_path '([\w.]+)':\s*Option '([\w.]+)' is not accepted", message)
    if match:
        return UnknownName("argument of " + match[1], match[2], argument_names(match[1]))
    if match := re.search(r"module '([\w.]+)' has no attribute '(\w+)'", message):
        return unknown_class(match[1], match[2])
    if match := re.search(r"No module named '([\w.]+)'", message):
        return unknown_module(match[1])
    match = re.search(r"does not accept (?:option|nested key) '([\w.]+)'", message)
    match = match or re.search(r"nrecognized arguments: --([\w.]+)", message)
    if match:
        return UnknownName("setting", match[1], options)
    if match := re.search(r"Expected a dot import path string: (\w+)", message):
        return BadRecipe(
            f"a class must be named by its import path, got {match[1]!r}. Name its module: "
            f"MODULE.{match[1]}"
        )
    return None


def invalid_value(message: str) -> BadRecipe | UnknownName | None:
    """The error of a value or a class of another type than the option; None for other messages."""
    if match := re.search(r"Import path (\S+) does not correspond to a subclass of (\w+)", message):
        return BadRecipe(f"{match[1]} must be a subclass of {match[2]}. Name another class")
    keys = re.findall(r'Parser key "([\w.]+)":', message)
    value = re.search(r"(?:Got|Given) value: (\S+)", message)
    choices = re.findall(r"'([\w-]+)'", " ".join(re.findall(r"Literal\[(.*?)\]", message)))
    kind = re.search(r"Expected a <class '(\w+)'>\. Got", message)
    if keys and value and choices:
        return UnknownName(keys[-1], value[1], set(choices))
    if keys and value and kind:
        return BadRecipe(f"{keys[-1]} must be {kind[1]}, got {value[1]!r}")
    match = re.search(
        r"given class_path '([\w.]+)':\s*(.*?)\s*(?:\n  ?- Expected|$)", message, re.S
    )
    if match:
        return BadRecipe(" ".join(f"{match[1]}: {match[2]}".split()))
    kinds = re.search(r"the Union subtypes\s+Subtypes: \[(.*?)\]\s+Errors:", message, re.S)
    if keys and value and kinds:
        names = re.findall(r"(\w+)(?:'>|\]?(?:,|$))", kinds[1])
        allowed = " or ".join(sorted(names, key="NoneType".__eq__))  # None last
        return BadRecipe(f"{keys[-1]} must be {allowed}, got {brief(value[1])}")
    return None


def unknown_metric(error: Exception) -> BadRecipe | None:
    """The error of an EarlyStopping or ModelCheckpoint whose `monitor` no callback or model logs;
    None for other errors."""
    message = str(error)
    match = re.search(
        r"conditioned on metric `(.*?)` which is not available.*following: (.*)", message, re.S
    ) or re.search(
        r"ModelCheckpoint\(monitor='(.*?)'\)` could not find .* metrics: (\[.*?\])", message, re.S
    )
    if match is None:
        return None
    logged = sorted(name for name in re.findall(r"[`']([^`',]+)[`']", match[2]))
    return BadRecipe(
        f"monitor must be a metric that the model or a callback logs, got {match[1]!r}. Logged are "
        f"{', '.join(logged) or 'none'}"
    )
