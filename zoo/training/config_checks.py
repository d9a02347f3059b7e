"""Checks of a recipe and its overrides before training, with readable errors."""

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
from zoo.errors import BadRecipe
from zoo.pretrained.arguments import check_arguments
from zoo.pretrained.checkpoints import read_checkpoint
from zoo.pretrained.recipes import read_recipe
from zoo.pretrained.trust import names_class
from zoo.training.class_paths import OURS, class_at
from zoo.training.parser_errors import translate_parser_error
from zoo.training.precision import check_precision, device_of, resolve_precision

GUARD = "divergence_guard"  # the option group of DivergenceGuard
SHARDING = ("fsdp", "deepspeed", "model_parallel")
LIGHTNING_KEYS = ("_class_path", "_instantiator")  # which Lightning adds to hyperparameters
IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Parser(LightningArgumentParser):
    """A parser whose errors are one line with similar names for unknown ones. No logger requires
    `save_dir`, which `zoo.training.loggers.place_loggers` sets to the run folder."""

    def add_class_arguments(self, class_type: type, *args: Any, **kwargs: Any) -> list[str]:
        is_logger = inspect.isclass(class_type) and issubclass(class_type, Logger)
        folder = inspect.signature(class_type).parameters.get("save_dir") if is_logger else None
        if folder is None or folder.default is not folder.empty:
            return super().add_class_arguments(class_type, *args, **kwargs)
        kwargs["skip"] = {*kwargs.get("skip", ()), "save_dir"}
        added = super().add_class_arguments(class_type, *args, **kwargs)
        self.add_argument("--save_dir", type=str | None, default=None)
        return [*added, "save_dir"]

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:  # a nested parser, whose message becomes part of ours
            super().error(message, ex)
        parsers = [self]
        for action in self._actions:
            parsers += action.choices.values() if isinstance(action.choices, dict) else []
        options = [option for p in parsers for action in p._actions
                   for option in action.option_strings]  # fmt: skip
        raise translate_parser_error(message, [option.lstrip("-") for option in options]) from None


def foreign_code(recipe: Path) -> list[str]:
    """The import paths in a recipe file outside of zoo, lightning and torch, which training would
    import; raises BadRecipe."""
    paths = {text for text in strings(read_recipe(recipe, ())) if IMPORT_PATH.fullmatch(text)}
    return sorted(p for p in paths if (top := p.partition(".")[0]) not in OURS and is_module(top))


def strings(node: object) -> Iterator[str]:
    """All strings in nested lists and dictionaries."""
    if isinstance(node, dict):
        node = list(node.values())
    for part in node if isinstance(node, list) else []:
        yield from strings(part)
    if isinstance(node, str):
        yield node


def is_module(name: str) -> bool:
    """Whether a top-level name is importable, also from the current folder; imports nothing."""
    spec = find_spec(name)
    is_folder = spec is not None and spec.origin is None
    return (spec is not None and not is_folder) or Path(f"{name}.py").is_file()


def check_settings(settings: Any) -> None:
    """Raise BadRecipe for parsed arguments of `zoo fit` that would fail later or be ignored.

    Resolves the precision `auto`; under torchrun, sets the devices to its processes; for several
    devices, sets a strategy that allows frozen players.
    """
    trainer = settings.trainer
    for section in (settings.model, settings.data, *(trainer.callbacks or ())):
        check_numbers(class_at(section.class_path), section.get("init_args") or {})
    check_numbers(DivergenceGuard, settings.get(GUARD) or {})
    if trainer.check_val_every_n_epoch == 0:
        raise BadRecipe(
            "check_val_every_n_epoch must be >= 1 or null, got 0. With null, val_check_interval "
            "counts steps across epochs"
        )
    device = device_of(str(trainer.accelerator))
    trainer.precision = resolve_precision(str(trainer.precision or "32-true"), device)
    check_precision(trainer.precision, device)
    if trainer.limit_train_batches == 0:
        raise BadRecipe("limit_train_batches must be > 0, got 0. Leave it out to train on all")
    check_length(trainer.max_steps, trainer.max_epochs, settings.get("checkpoint"))
    check_strategy(str(trainer.strategy).lower())
    if trainer.sync_batchnorm and device == "cpu":
        raise BadRecipe("sync_batchnorm must be false on a CPU, got true. Leave it out")
    if "TORCHELASTIC_RUN_ID" in os.environ:
        trainer.devices = int(os.environ["LOCAL_WORLD_SIZE"])
        trainer.num_nodes = int(os.environ["WORLD_SIZE"]) // trainer.devices
    several = count_devices(trainer.devices, device) * trainer.num_nodes > 1
    if several and trainer.strategy in ("auto", "ddp", "ddp_spawn"):
        trainer.strategy = "ddp_find_unused_parameters_true"  # frozen players have no gradients


def check_resumed(path: Path, model: Namespace) -> None:
    """Raise BadRecipe for a checkpoint of another class or other arguments than the parsed `model`,
    BadWeights for arguments that could make jsonargparse import code."""
    stored: dict[str, object] = read_checkpoint(path)["hyper_parameters"]  # type: ignore[assignment]
    kind, class_path = class_at(model.class_path), stored.get("_class_path")
    if not names_class(class_path, kind):
        raise BadRecipe(
            f"the model of {path} must be a {model.class_path}, as in the recipe, got "
            f"{class_path!r:.80}. Resume with the recipe of the checkpoint"
        )
    arguments = {key: value for key, value in stored.items() if key not in LIGHTNING_KEYS}
    if kind.__module__.startswith("zoo."):
        check_arguments(path, kind, arguments)
        return
    known = model.get("init_args") or {}
    as_json = partial(json.dumps, default=repr)  # where a tuple is a list
    if changed := [k for k, v in arguments.items() if as_json(known.get(k)) != as_json(v)]:
        raise BadRecipe(
            f"{', '.join(changed)} must be as in {path}, got other values. Set "
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
                raise BadRecipe(
                    f"{name} of {kind.__name__} must be >= {smallest}, got {number}. Increase it"
                )


def count_devices(devices: object, device: str) -> int:
    """The number of local devices for 2, "2", "0,1", [0, 1], "auto" or -1; raises BadRecipe."""
    if str(devices) in ("auto", "-1"):
        return torch.cuda.device_count() if device == "cuda" else 1
    parts = str(devices).strip("[]").split(",")
    if not all(part.strip().removeprefix("-").isdigit() for part in parts):
        raise BadRecipe(
            f"devices must be a number, a list of indices or auto, got {devices}. For example 2, "
            "or 0,1"
        )
    return len(parts) if len(parts) > 1 or isinstance(devices, list) else int(parts[0])


def check_length(max_steps: int, max_epochs: int | None, checkpoint: Any) -> None:
    """Raise BadRecipe for a training without a step or without a checkpoint."""
    for name, limit in (("max_steps", max_steps), ("max_epochs", max_epochs)):
        if limit == 0:
            raise BadRecipe(f"{name} must be > 0, or -1 for no limit, got 0. Increase it")
    for every, limit in (("every_n_train_steps", max_steps), ("every_n_epochs", max_epochs)):
        interval = checkpoint and checkpoint.get(every)
        if interval and limit and 0 < limit < interval:
            name = "max_steps" if every == "every_n_train_steps" else "max_epochs"
            raise BadRecipe(
                f"{name} must be >= {interval}, the interval of checkpoints, got {limit}. Increase "
                f"it, or set --checkpoint.{every} {limit}"
            )


def check_strategy(strategy: str) -> None:
    """Raise BadRecipe for strategies that shard weights: Lightning can neither average the weights
    nor freeze single players there."""
    if any(kind in strategy for kind in SHARDING):
        raise BadRecipe(
            f"strategy must not shard the weights, got {strategy}. Set --trainer.strategy ddp"
        )
