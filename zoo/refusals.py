"""Recipes that cannot be followed are refused before the first step, in words."""

import inspect
import os
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser

from zoo.checkpoints import read_checkpoint
from zoo.errors import BadRecipe, UnknownName
from zoo.headers import check_arguments
from zoo.precision import check_precision, device_of, resolve_precision

SHARDING = ("fsdp", "deepspeed", "model_parallel")
SIZES = {  # of which there must be some
    "size", "channels", "latent", "width", "discriminator_width", "classes", "categories",
    "discriminator_steps", "critic_steps", "batch_size", "n", "every_n_steps", "every_n_epochs",
    "blocks", "widths", "components", "codebook", "dim", "draws", "k", "steps",
}  # fmt: skip


OURS = ("zoo", "recipes", "lightning", "pytorch_lightning", "torch", "torchvision", "torchmetrics")
IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Parser(LightningArgumentParser):
    """A parser that says what it does not know, and what is near."""

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
    found = re.search(r"given class_path '([\w.]+)':\s*Option '([\w.]+)' is not accepted", message)
    if found:
        return UnknownName("argument of " + found[1], found[2], arguments(found[1]))
    found = re.search(r"module '([\w.]+)' has no attribute '(\w+)'", message)
    if found:
        return UnknownName("class in " + found[1], found[2], dir(import_module(found[1])))
    found = re.search(r"does not accept (?:option|nested key) '([\w.]+)'", message)
    found = found or re.search(r"nrecognized arguments: --([\w.]+)", message)
    if found:
        return UnknownName("setting", found[1], options)
    found = re.search(r"Expected a dot import path string: (\w+)", message)
    if found:
        return BadRecipe(f"there is no class called {found[1]!r}: say in which module it is")
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
    return BadRecipe(" ".join(f"{found[1]}: {found[2]}".split() if found else message.split()))


def arguments(class_path: str) -> list[str]:
    """The arguments of a class."""
    return list(inspect.signature(class_at(class_path)).parameters)


def class_at(class_path: str) -> type:
    """The class of a path that was judged, or that the caller's own recipe names."""
    module, _, name = class_path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadRecipe(f"the class {class_path!r} cannot be imported: {error}") from error


def foreign_code(recipe: Path) -> list[str]:
    """What a recipe file names outside of zoo, lightning and torch, and training would import."""
    paths = {word for word in strings(read_recipe(recipe)) if IMPORT_PATH.fullmatch(word)}
    return sorted(p for p in paths if (top := p.partition(".")[0]) not in OURS and is_module(top))


def read_recipe(recipe: Path) -> dict[str, Any]:
    """The settings in a recipe file; raises BadRecipe."""
    try:
        settings = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadRecipe(f"{recipe} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise BadRecipe(f"{recipe} must be YAML with model, data and trainer, got {settings!r:.80}")
    return settings


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
    for callback in (settings.model, settings.data, *(trainer.callbacks or ())):
        check_numbers(callback.get("class_path", ""), callback.get("init_args", {}))
    check_numbers("guard", settings.get("guard", {}))
    if trainer.check_val_every_n_epoch == 0:
        raise BadRecipe("check_val_every_n_epoch must be 1 or more, or null for never by epochs")
    device = device_of(str(trainer.accelerator))
    trainer.precision = resolve_precision(str(trainer.precision or "32-true"), device)
    check_precision(trainer.precision, device)
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
    if given != f"{kind.__module__}.{kind.__qualname__}":
        raise BadRecipe(
            f"{path} holds a model of class {given!r:.80}, and the recipe trains "
            f"{model.class_path}: resume with the recipe that the checkpoint comes from"
        )
    arguments = {key: value for key, value in found.items() if not key.startswith("_")}
    if kind.__module__.startswith("zoo."):
        check_arguments(path, kind, arguments)
        return
    known = model.get("init_args") or {}
    if changed := [key for key, value in arguments.items() if known.get(key) != value]:
        raise BadRecipe(
            f"{path} was trained with another {', '.join(changed)}: set "
            f"--model.init_args.{changed[0]} as in the run's recipe.yaml, or resume that recipe"
        )


def check_numbers(owner: str, arguments: Mapping[str, object]) -> None:
    """Below zero, or zero of what must be some: no argument of the zoo's means anything by it."""
    for name, value in arguments.items() if owner.startswith(("zoo.", "recipes.", "guard")) else ():
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, int | float) and (number < 0 or (number == 0 and name in SIZES)):
                raise BadRecipe(f"{owner} has {name} {number}: make it more than zero")


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
