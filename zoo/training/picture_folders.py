"""`zoo fit NAME --data FOLDER`: a recipe fitted to a folder of one's own pictures.

It becomes overrides of the recipe, which the run folder's `recipe.yaml` then holds as numbers.
"""

import inspect
import json
import sys
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import NamedTuple

import torch

from zoo.core.module import ZooModule
from zoo.data import ImageFolder
from zoo.data.user_images import Unreadable
from zoo.errors import BadRecipe
from zoo.pretrained import catalog
from zoo.training.class_paths import class_at
from zoo.training.folder_option import OWN, Settings, arguments, folder_in
from zoo.training.run_folders import is_first

SEEN = 128_000  # images, at least: 2,000 steps of 64, ten minutes of a small DCGAN on two CPU cores
EPOCHS = 15  # at least
BETWEEN = 100  # steps between two grids of samples, and two checkpoints, at least
SMALLEST = 8  # pixels of the smallest images that a model is given
CLASSIFYING = ("ClassCoverage", "FrechetDistance")
PICTURES = ("SampleGrid", "Reconstructions")
AVERAGES = ("EMAWeightAveraging", "EMAWithWarmup")


class FolderRequest(NamedTuple):
    """What a command asks for: its words without `--data`, the folder, and the recipe."""

    words: list[str]
    folder: str
    model: Settings
    data: Settings
    trainer: Settings

    def given(self, *names: str) -> str | None:
        """The last override of one of these settings."""
        options = {f"--{part}.{end}" for name in names for part, end in both_ways(name)}
        found = [value for key, value in zip(self.words, self.words[1:], strict=False)
                 if key in options]  # fmt: skip
        return found[-1] if found else None

    def number(self, name: str, default: int) -> int:
        """That, as a number; another word is left to the parser to refuse."""
        found = self.given(name)
        return int(found) if found and found.isdecimal() and int(found) else default


def both_ways(name: str) -> list[tuple[str, str]]:
    """The two ways to write a setting of a class, as data.size."""
    part, _, end = name.partition(".")
    return [(part, end), (part, f"init_args.{end}")]


def fit_to_folder(recipe: Path, words: list[str], smoke_test: bool = False) -> list[str]:
    """Overrides in which `--data FOLDER` has become what fits the recipe to the pictures in it.

    Those that were given come last and win. Raises BadRecipe for what is no folder, for pictures
    that cannot be read, and MissingData where there are none.
    """
    words = [w for word in words for w in (word.split("=", 1) if word[:2] == "--" else [word])]
    folder, rest = folder_in(recipe, words)
    if folder is None:
        return words
    if "--ckpt_path" in rest and rest[rest.index("--ckpt_path") + 1 :][:1] == ["last"]:
        return [
            "--data.init_args.root",
            folder,
            *rest,
        ]  # the run's recipe holds the numbers
    settings = catalog.read_recipe(recipe)
    wanted = FolderRequest(
        rest, folder, settings["model"], settings["data"], settings.get("trainer", {})
    )
    pictures, own = inspect_folder(wanted)
    callbacks = wanted.trainer.get("callbacks")
    if smoke_test:
        return [*own, "--trainer.callbacks", json.dumps(fit_callbacks(callbacks, 1, 1)), *rest]
    return [*own, *length(wanted, pictures), *rest]


def inspect_folder(wanted: FolderRequest) -> tuple[ImageFolder, list[str]]:
    """The pictures as the model will see them, and overrides that make both agree."""
    kind = class_at(str(wanted.model["class_path"]))
    usual = usual_arguments(kind, wanted.model)
    pictures = opened(wanted, usual)
    given = wanted.given("data.channels", "model.channels")
    channels = str(pictures.channels if given else 1 if pictures.inventory.gray else 3)
    batch = batch_size(wanted, pictures.count("train"), kind, usual)
    words = ["--data", OWN, "--data.init_args.root", wanted.folder]
    words += ["--data.init_args.size", str(pictures.size)]
    words += ["--data.init_args.channels", channels]
    words += ["--data.init_args.batch_size", str(batch)]
    pictures.batch_size = batch
    resumed = "--ckpt_path" in wanted.words  # whose model is that of the checkpoint
    for name, value in ("size", str(pictures.size)), ("channels", channels):
        if name in usual and not resumed:
            words += [f"--model.init_args.{name}", value]
    labels = wanted.given("data.labels") or arguments(wanted.data).get("labels")
    if "classes" in usual and str(labels).lower() == "true" and not resumed:
        words += ["--model.init_args.classes", str(classes(pictures))]
    return pictures, words


def opened(wanted: FolderRequest, usual: Mapping[str, object]) -> ImageFolder:
    """The folder at the model's size, or smaller where the recipe leaves it to the pictures."""
    skip = wanted.given("data.unreadable") or arguments(wanted.data).get("unreadable")
    given = wanted.given("data.channels", "model.channels")
    chosen = wanted.given("model.size", "data.size")
    size = int(chosen) if chosen and chosen.isdecimal() else int(str(usual.get("size") or 64))
    colors = int(given) if given in ("1", "3") else 3
    unreadable: Unreadable = "skip" if skip == "skip" else "stop"

    def at(size: int) -> ImageFolder:
        found = ImageFolder(wanted.folder, size, channels=colors, unreadable=unreadable)
        found.images("train")
        return found

    pictures = at(size)
    if chosen is None and wanted.data.get("class_path") == OWN:
        sides = sorted(min(h.width, h.height) for h in pictures.inventory.headers)
        while size > SMALLEST and sides[len(sides) // 2] < size:
            size //= 2
        pictures = pictures if size == pictures.size else at(size)
    return pictures


def usual_arguments(kind: type, settings: Settings) -> Settings:
    """A class's arguments by the recipe, its own defaults where the recipe says nothing."""
    parameters = inspect.signature(kind).parameters
    given = arguments(settings)
    return {name: given.get(name, p.default) for name, p in parameters.items()}


def batch_size(wanted: FolderRequest, n: int, kind: type, usual: Settings) -> int:
    """That of the command or recipe, at most as many as there are images, and shared evenly by the
    parts that a training step needs."""
    recipe = arguments(wanted.data).get("batch_size") or 64
    batch = wanted.number("data.batch_size", int(str(recipe)))
    parts, least = batch_needs(kind, usual)
    if n < max(2, least):
        raise BadRecipe(
            f"a training needs {max(2, least)} pictures or more, got {n} below {wanted.folder}. "
            "Every tenth is held out for tests"
        )
    return batch if batch <= n else n - n % parts


def batch_needs(kind: type, usual: Settings) -> tuple[int, int]:
    """The parts that a training step splits a batch into, and the images that it needs: as the
    class declares them, 1 and 1 for a class that is not the zoo's."""
    if not issubclass(kind, ZooModule):
        return 1, 1
    with torch.device("meta"):
        model = kind(**usual)
    return model.sub_batches, model.sub_batches * model.min_sub_batch


def classes(pictures: ImageFolder) -> int:
    """How many folders hold pictures; raises BadRecipe for fewer than two."""
    found = int(pictures.all_images.labels.max()) + 1
    if found < 2:
        raise BadRecipe(
            "a model of classes must be given 2 folders or more, got 1. Put the pictures of each "
            f"class into a folder of its own below {pictures.root}"
        )
    return found


def length(wanted: FolderRequest, pictures: ImageFolder) -> list[str]:
    """Epochs, and how often to log, to draw, to save and to average, by the number of pictures."""
    n, batch = pictures.count("train"), wanted.number("data.batch_size", pictures.batch_size)
    batches = max(1, n // batch)
    usual = int(str(wanted.trainer.get("max_epochs") or EPOCHS))
    every = ceil(BETWEEN / batches)
    epochs = ceil(max(usual, EPOCHS, SEEN / (batches * batch)) / every) * every
    epochs = wanted.number("trainer.max_epochs", epochs)
    if steps := wanted.number("trainer.max_steps", 0):
        epochs = ceil(steps / batches)
    every = next(k for k in range(min(every, epochs), 0, -1) if epochs % k == 0)
    log = min(int(str(wanted.trainer.get("log_every_n_steps") or 50)), batches)
    words = ["--trainer.max_epochs", str(epochs), "--trainer.log_every_n_steps", str(log)]
    words += ["--checkpoint.every_n_epochs", str(every)]
    total = steps or epochs * batches
    if is_first():
        what = (
            f"{n:,} pictures, {epochs:,} epochs of {batches:,} batches of {batch}: {total:,} steps"
        )
        print(f"training: {what}, samples every {every * batches:,}", file=sys.stderr)
    callbacks = json.dumps(fit_callbacks(wanted.trainer.get("callbacks"), every, total))
    return [*words, "--trainer.callbacks", callbacks]


def fit_callbacks(callbacks: object, every: int, steps: int) -> list[object]:
    """A recipe's callbacks for a training of so many steps: averages that rise with it, pictures
    every so many epochs; without those that need a classifier of the recipe's own data."""
    found: list[object] = []
    for callback in callbacks if isinstance(callbacks, list) else []:
        path = str(callback.get("class_path") if isinstance(callback, dict) else callback)
        settings = dict(arguments(callback)) if isinstance(callback, dict) else {}
        kind = path.rpartition(".")[2]
        if kind in CLASSIFYING:
            continue
        if kind in AVERAGES:
            path = "zoo.callbacks.EMAWithWarmup"
            decay = min(float(str(settings.get("decay", 0.999))), 0.999, max(0.9, 1 - 10 / steps))
            buffers = {k: v for k, v in settings.items() if k == "use_buffers"}
            settings = {"decay": decay} | buffers
        if kind in PICTURES:
            settings["every_n_epochs"] = every
        found.append({"class_path": path, "init_args": settings})
    return found
