"""Recipes that cannot be followed are refused before the first step, in words."""

import inspect
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import torch
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import Logger

from zoo.callbacks import DivergenceGuard
from zoo.core.arguments import AtLeast, marked
from zoo.errors import BadRecipe, UnknownName
from zoo.pretrained.arguments import check_arguments
from zoo.pretrained.checkpoints import read_checkpoint
from zoo.pretrained.recipes import read_recipe
from zoo.pretrained.trust import names_class
from zoo.text import brief
from zoo.training.class_paths import OURS, arguments, class_at, unknown_class, unknown_module
from zoo.training.precision import check_precision, device_of, resolve_precision

SHARDING = ("fsdp", "deepspeed", "model_parallel")
LIGHTNINGS = ("_class_path", "_instantiator")  # what it adds to a model's arguments
IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Parser(LightningArgumentParser):
    """A parser that says what it does not know, and what is near; under it no logger needs a
    folder, as `zoo.training.loggers.place_loggers` gives it that of the run."""

    def add_class_arguments(self, class_type: type, *args: Any, **kwargs: Any) -> list[str]:
        needs = inspect.isclass(class_type) and issubclass(class_type, Logger)
        folder = inspect.signature(class_type).parameters.get("save_dir") if needs else None
        if folder is None or folder.default is not folder.empty:
            return super().add_class_arguments(class_type, *args, **kwargs)
        kwargs["skip"] = {*kwargs.get("skip", ()), "save_dir"}
        added = super().add_class_arguments(class_type, *args, **kwargs)
        self.add_argument("--save_dir", type=str | None, default=None)
        return [*added, "save_dir"]

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:  # an inner one, whose words become part of ours
            super().error(message, ex)
        parsers = [self]
        for action in self._actions:
            parsers += action.choices.values() if isinstance(action.choices, dict) else []
        words = [word for p in parsers for action in p._actions for word in action.option_strings]
        raise translated(message, [word.lstrip("-") for word in words]) from None


def translated(message: str, options: list[str]) -> BadRecipe | UnknownName:
    """What jsonargparse says on many lines, in one, with near names for unknown ones."""
    if known := unknown_name(message, options) or wrong_value(message):
        return known
    return BadRecipe(" ".join(message.split()))


def unknown_name(message: str, options: list[str]) -> BadRecipe | UnknownName | None:
    """A name that jsonargparse does not find: of an argument, a class, a module or a setting."""
    found = re.search(r"given class_path '([\w.]+)':\s*Option '([\w.]+)' is not accepted", message)
    if found:
        return UnknownName("argument of " + found[1], found[2], arguments(found[1]))
    if found := re.search(r"module '([\w.]+)' has no attribute '(\w+)'", message):
        return unknown_class(found[1], found[2])
    if found := re.search(r"No module named '([\w.]+)'", message):
        return unknown_module(found[1])
    found = re.search(r"does not accept (?:option|nested key) '([\w.]+)'", message)
    found = found or re.search(r"nrecognized arguments: --([\w.]+)", message)
    if found:
        return UnknownName("setting", found[1], options)
    if found := re.search(r"Expected a dot import path string: (\w+)", message):
        return BadRecipe(f"there is no class called {found[1]!r}: say in which module it is")
    return None


def wrong_value(message: str) -> BadRecipe | UnknownName | None:
    """A value, or a class, that is not of the type which a setting takes."""
    if found := re.search(r"Import path (\S+) does not correspond to a subclass of (\w+)", message):
        return BadRecipe(f"{found[1]} must be a subclass of {found[2]}. Name another class")
    keys = re.findall(r'Parser key "([\w.]+)":', message)
    given = re.search(r"(?:Got|Given) value: (\S+)", message)
    choices = re.findall(r"'([\w-]+)'", " ".join(re.findall(r"Literal\[(.*?)\]", message)))
    kind = re.search(r"Expected a <class '(\w+)'>\. Got", message)
    if keys and given and choices:
        return UnknownName(keys[-1], given[1], set(choices))
    if keys and given and kind:
        return BadRecipe(f"{keys[-1]} must be {kind[1]}, not {given[1]!r}")
    found = re.search(
        r"given class_path '([\w.]+)':\s*(.*?)\s*(?:\n  ?- Expected|$)", message, re.S
    )
    if found:
        return BadRecipe(" ".join(f"{found[1]}: {found[2]}".split()))
    kinds = re.search(r"the Union subtypes\s+Subtypes: \[(.*?)\]\s+Errors:", message, re.S)
    if keys and given and kinds:
        named = re.findall(r"(\w+)(?:'>|\]?(?:,|$))", kinds[1])
        allowed = " or ".join(sorted(named, key="NoneType".__eq__))  # whose place varies, last
        return BadRecipe(f"{keys[-1]} must be {allowed}, got {brief(given[1])}")
    return None


def foreign_code(recipe: Path) -> list[str]:
    """What a recipe file names outside of zoo, lightning and torch, and training would import."""
    paths = {word for word in strings(read_recipe(recipe, ())) if IMPORT_PATH.fullmatch(word)}
    return sorted(p for p in paths if (top := p.partition(".")[0]) not in OURS and is_module(top))


def strings(node: object) -> Iterator[str]:
    """All strings of nested lists and dictionaries."""
    if isinstance(node, dict):
        node = list(node.values())
    for part in node if isinstance(node, list) else []:
        yield from strings(part)
    if isinstance(node, str):
        yield node


def is_module(name: str) -> bool:
    """Whether a top-level name could be imported, from the current folder too; imports nothing."""
    spec = find_spec(name)
    is_folder = spec is not None and spec.origin is None
    return (spec is not None and not is_folder) or Path(f"{name}.py").is_file()


def check(settings: Any) -> None:
    """Refuse what could only fail later, or mean something else than it says; raises BadRecipe.

    `settings` are the parsed arguments of `zoo fit`. Under torchrun it decides on the devices, and
    several devices get the strategy that lets players rest.
    """
    trainer = settings.trainer
    for part in (settings.model, settings.data, *(trainer.callbacks or ())):
        check_numbers(class_at(part.class_path), part.get("init_args") or {})
    check_numbers(DivergenceGuard, settings.get("guard") or {})
    if trainer.check_val_every_n_epoch == 0:
        raise BadRecipe("check_val_every_n_epoch must be 1 or more, or null for never by epochs")
    device = device_of(str(trainer.accelerator))
    trainer.precision = resolve_precision(str(trainer.precision or "32-true"), device)
    check_precision(trainer.precision, device)
    if trainer.limit_train_batches == 0:
        raise BadRecipe("limit_train_batches must be > 0, got 0. Leave it out to train on all")
    check_length(trainer.max_steps, trainer.max_epochs, settings.get("checkpoint"))
    check_strategy(str(trainer.strategy).lower())
    if trainer.sync_batchnorm and device == "cpu":
        raise BadRecipe("SyncBatchNorm is made for GPUs: leave out --trainer.sync_batchnorm")
    if "TORCHELASTIC_RUN_ID" in os.environ:
        trainer.devices = int(os.environ["LOCAL_WORLD_SIZE"])
        trainer.num_nodes = int(os.environ["WORLD_SIZE"]) // trainer.devices
    several = count(trainer.devices, device) * trainer.num_nodes > 1
    if several and trainer.strategy in ("auto", "ddp", "ddp_spawn"):
        trainer.strategy = "ddp_find_unused_parameters_true"  # in a turn the others are frozen


def check_resumed(path: Path, model: Namespace) -> None:
    """Refuse a checkpoint of another class than that of the parsed `model`, and arguments that
    could make jsonargparse import what they name; raises BadRecipe and BadWeights."""
    found: dict[str, object] = read_checkpoint(path)["hyper_parameters"]  # type: ignore[assignment]
    kind, given = class_at(model.class_path), found.get("_class_path")
    if not names_class(given, kind):
        raise BadRecipe(
            f"{path} holds a model of class {given!r:.80}, and the recipe trains "
            f"{model.class_path}: resume with the recipe that the checkpoint comes from"
        )
    arguments = {key: value for key, value in found.items() if key not in LIGHTNINGS}
    if kind.__module__.startswith("zoo."):
        check_arguments(path, kind, arguments)
        return
    known = model.get("init_args") or {}
    as_json = partial(json.dumps, default=repr)  # where a tuple is a list
    if changed := [k for k, v in arguments.items() if as_json(known.get(k)) != as_json(v)]:
        raise BadRecipe(
            f"{path} was trained with another {', '.join(changed)}: set "
            f"--model.init_args.{changed[0]} as in the run's recipe.yaml, or resume that recipe"
        )


def check_numbers(kind: type, arguments: Mapping[str, object]) -> None:
    """Raise BadRecipe for arguments below the range that their types state, and for negative
    numbers in classes of zoo, which have no meaning there."""
    least = {name: marker.value for name, marker in marked(kind, AtLeast).items()}
    floor = 0 if kind.__module__.startswith("zoo.") else -math.inf
    for name, value in arguments.items():
        for number in value if isinstance(value, list | tuple) else [value]:
            smallest = least.get(name, floor)
            if isinstance(number, int | float) and number < smallest:
                raise BadRecipe(f"{name} of {kind.__name__} must be >= {smallest}, got {number}")


def count(devices: object, device: str) -> int:
    """How many devices of this machine a training uses: 2, "2", "0,1", [0, 1], "auto" or -1."""
    if str(devices) in ("auto", "-1"):
        return torch.cuda.device_count() if device == "cuda" else 1
    named = str(devices).strip("[]").split(",")
    if not all(part.strip().removeprefix("-").isdigit() for part in named):
        raise BadRecipe(f"devices {devices} is no number: take 2, as 0,1 those to use, or auto")
    return len(named) if len(named) > 1 or isinstance(devices, list) else int(named[0])


def check_length(max_steps: int, max_epochs: int | None, checkpoint: Any) -> None:
    """A training that ends before it began, or before its first checkpoint."""
    if max_steps == 0 or max_epochs == 0:
        raise BadRecipe("max_steps and max_epochs of 0 train nothing: make them larger, or -1")
    for every, end in (("every_n_train_steps", max_steps), ("every_n_epochs", max_epochs)):
        interval = checkpoint and checkpoint.get(every)
        if interval and end and 0 < end < interval:
            limit = "max_steps" if every == "every_n_train_steps" else "max_epochs"
            raise BadRecipe(
                f"{limit} {end} ends before the first checkpoint, which {every} {interval} asks "
                f"for: make --checkpoint.{every} {end} or less"
            )


def check_strategy(strategy: str) -> None:
    """Sharded players: Lightning neither averages their weights nor frees them from each other."""
    if any(kind in strategy for kind in SHARDING):
        raise BadRecipe(
            "players whose weights are sharded can neither take turns nor be averaged: take "
            "--trainer.strategy ddp, which keeps every model whole on every device"
        )
