"""Recipes that cannot be followed are refused before the first step, in words."""

import inspect
import os
import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NoReturn

import torch
from lightning.pytorch.cli import LightningArgumentParser

from zoo.errors import BadRecipe, UnknownName
from zoo.provenance import native_bfloat16

SHARDING = ("fsdp", "deepspeed", "model_parallel")
SIZES = {  # of which there must be some
    "size", "channels", "latent", "width", "discriminator_width", "classes", "categories",
    "discriminator_steps", "critic_steps", "batch_size", "n", "every_n_steps", "every_n_epochs",
    "blocks", "widths", "components", "codebook", "dim", "draws", "k", "steps",
}  # fmt: skip


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
    module, _, name = class_path.rpartition(".")
    return list(inspect.signature(getattr(import_module(module), name)).parameters)


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
    check_precision(str(trainer.precision or "32-true"), device)
    check_length(trainer.max_steps, trainer.max_epochs, settings.get("checkpoint"))
    check_strategy(str(trainer.strategy).lower())
    if trainer.sync_batchnorm and device == "cpu":
        raise BadRecipe("SyncBatchNorm is made for GPUs: leave out --trainer.sync_batchnorm")
    if "TORCHELASTIC_RUN_ID" in os.environ:
        trainer.devices = int(os.environ["LOCAL_WORLD_SIZE"])
        trainer.num_nodes = int(os.environ["WORLD_SIZE"]) // trainer.devices
    several = count(trainer.devices, device) * trainer.num_nodes > 1
    if several and trainer.strategy in ("auto", "ddp"):
        trainer.strategy = "ddp_find_unused_parameters_true"  # in a turn the others are frozen


def check_numbers(owner: str, arguments: Mapping[str, object]) -> None:
    """Below zero, or zero of what must be some: no argument of the zoo's means anything by it."""
    for name, value in arguments.items() if owner.startswith(("zoo.", "recipes.", "guard")) else ():
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, int | float) and (number < 0 or (number == 0 and name in SIZES)):
                raise BadRecipe(f"{owner} has {name} {number}: make it more than zero")


def device_of(accelerator: str) -> str:
    """What an accelerator will be here."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "cuda"
    if accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def count(devices: object, device: str) -> int:
    """How many devices of this machine a training uses: 2, "2", "0,1", [0, 1], "auto" or -1."""
    if str(devices) in ("auto", "-1"):
        return torch.cuda.device_count() if device == "cuda" else 1
    named = str(devices).strip("[]").split(",")
    if not all(part.strip().removeprefix("-").isdigit() for part in named):
        raise BadRecipe(f"devices {devices} is no number: take 2, as 0,1 those to use, or auto")
    return len(named) if len(named) > 1 or isinstance(devices, list) else int(named[0])


def check_precision(precision: str, device: str) -> None:
    """A precision that the device lacks: Lightning would take another, or crawl."""
    if precision in ("16", "16-mixed", "16-true") and device == "cpu":
        raise BadRecipe(
            f"precision {precision} needs a GPU: on this CPU take bf16-mixed or 32-true by "
            "--trainer.precision"
        )
    if not precision.startswith("bf16"):
        return
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise BadRecipe(
            f"{torch.cuda.get_device_name()} does not compute in bfloat16: take 16-mixed or "
            "32-true by --trainer.precision"
        )
    if device == "cpu" and native_bfloat16() is False:
        warnings.warn(
            "this CPU does not compute in bfloat16, and imitates it up to 30 times slower: "
            "--trainer.precision 32-true is faster here",
            stacklevel=2,
        )


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
