"""`zoo fit NAME --data FOLDER`: a recipe adapted to a folder of the user's own pictures.

The adaptation is a list of overrides, which `recipe.yaml` in the run folder then contains.
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
from zoo.data.module import ZooDataModule
from zoo.data.user_images import Unreadable
from zoo.errors import BadRecipe
from zoo.pretrained import catalog
from zoo.training.class_paths import class_and_arguments, class_at
from zoo.training.folder_option import IMAGE_FOLDER, split_folder, split_options
from zoo.training.run_folders import is_first

MIN_IMAGES_SEEN = 128_000  # 2,000 steps of 64: ten minutes of a small DCGAN on two CPU cores
MIN_EPOCHS = 15
MIN_INTERVAL = 100  # steps between two grids of samples, and two checkpoints
MIN_SIZE = 8  # pixels
NEED_CLASSIFIER = ("ClassCoverage", "FrechetDistance")  # of the recipe's own data set
GRIDS = ("SampleGrid", "Reconstructions")
AVERAGES = ("EMAWeightAveraging", "EMAWithWarmup")

Settings = dict[str, object]


class FolderRequest(NamedTuple):
    """The overrides of a command without `--data`, the folder, and the sections of the recipe."""

    overrides: list[str]
    folder: str
    model: Settings
    data: Settings
    trainer: Settings

    def override(self, *names: str) -> str | None:
        """The last override of the settings `names`, such as data.size; None without one."""
        options = {option for name in names for option in spellings(name)}
        pairs = zip(self.overrides, self.overrides[1:], strict=False)
        values = [value for option, value in pairs if option in options]
        return values[-1] if values else None

    def integer(self, name: str, default: int) -> int:
        """The last override of a setting; the default where it is none or not a positive integer,
        which the parser rejects."""
        value = self.override(name)
        return int(value) if value and value.isdecimal() and int(value) else default


def spellings(name: str) -> tuple[str, str]:
    """The two options of a setting: --data.size and --data.init_args.size for data.size."""
    section, _, key = name.partition(".")
    return f"--{section}.{key}", f"--{section}.init_args.{key}"


def fit_to_folder(recipe: Path, overrides: list[str], smoke_test: bool = False) -> list[str]:
    """Overrides in which `--data FOLDER` is replaced by settings for the pictures in it.

    Overrides of the user are last and take precedence. Raises BadRecipe for unreadable pictures and
    a value of `--data` that is neither a folder nor a class, MissingData without pictures.
    """
    overrides = split_options(overrides)
    folder, rest = split_folder(recipe, overrides)
    if folder is None:
        return overrides
    if "--ckpt_path" in rest and rest[rest.index("--ckpt_path") + 1 :][:1] == ["last"]:
        return ["--data.init_args.root", folder, *rest]  # the recipe of the run has the settings
    settings = catalog.read_recipe(recipe)
    trainer = settings.get("trainer", {})
    request = FolderRequest(rest, folder, settings["model"], settings["data"], trainer)
    pictures, adapted = inspect_folder(request)
    if smoke_test:
        callbacks = json.dumps(adapt_callbacks(trainer.get("callbacks"), 1, 1))
        return [*adapted, "--trainer.callbacks", callbacks, *rest]
    return [*adapted, *training_length(request, pictures), *rest]


def inspect_folder(request: FolderRequest) -> tuple[ImageFolder, list[str]]:
    """The pictures at the size of the model, and overrides by which model and data agree."""
    kind = class_at(str(request.model["class_path"]))
    arguments = model_arguments(kind, request.model)
    pictures = open_folder(request, arguments)
    chosen = request.override("data.channels", "model.channels")
    channels = str(pictures.channels if chosen else 1 if pictures.inventory.gray else 3)
    batch = batch_size(request, pictures.count("train"), kind, arguments)
    overrides = ["--data", IMAGE_FOLDER, "--data.init_args.root", request.folder]
    overrides += ["--data.init_args.size", str(pictures.size)]
    overrides += ["--data.init_args.channels", channels]
    overrides += ["--data.init_args.batch_size", str(batch)]
    pictures.batch_size = batch
    is_resumed = "--ckpt_path" in request.overrides  # with the model of the checkpoint
    for name, value in ("size", str(pictures.size)), ("channels", channels):
        if name in arguments and not is_resumed:
            overrides += [f"--model.init_args.{name}", value]
    labels = request.override("data.labels") or class_and_arguments(request.data)[1].get("labels")
    if "classes" in arguments and str(labels).lower() == "true" and not is_resumed:
        overrides += ["--model.init_args.classes", str(count_classes(pictures))]
    return pictures, overrides


def open_folder(request: FolderRequest, arguments: Mapping[str, object]) -> ImageFolder:
    """The pictures at the size of the model. For a recipe of own pictures without a size in the
    overrides, the size is halved until half of the pictures are as large."""
    skip = request.override("data.unreadable")
    skip = skip or class_and_arguments(request.data)[1].get("unreadable")
    chosen_channels = request.override("data.channels", "model.channels")
    chosen = request.override("model.size", "data.size")
    size = int(chosen) if chosen and chosen.isdecimal() else int(str(arguments.get("size") or 64))
    channels = int(chosen_channels) if chosen_channels in ("1", "3") else 3
    unreadable: Unreadable = "skip" if skip == "skip" else "stop"

    def at(size: int) -> ImageFolder:
        pictures = ImageFolder(request.folder, size, channels=channels, unreadable=unreadable)
        pictures.images("train")  # raises for unreadable ones
        return pictures

    pictures = at(size)
    if chosen is None and request.data.get("class_path") == IMAGE_FOLDER:
        sides = pictures.inventory.short_sides
        while size > MIN_SIZE and sides[len(sides) // 2] < size:  # the median
            size //= 2
        pictures = pictures if size == pictures.size else at(size)
    return pictures


def model_arguments(kind: type, section: Settings) -> Settings:
    """The arguments of a class in a recipe's section, with the defaults of the class."""
    parameters = inspect.signature(kind).parameters
    in_recipe = class_and_arguments(section)[1]
    return {name: in_recipe.get(name, p.default) for name, p in parameters.items()}


def batch_size(request: FolderRequest, n: int, kind: type, arguments: Settings) -> int:
    """The batch size of the overrides or the recipe; for fewer than that many images, n rounded
    down to a multiple of the parts of a training step. Raises BadRecipe for too few images."""
    in_recipe = class_and_arguments(request.data)[1].get("batch_size") or 64
    batch = request.integer("data.batch_size", int(str(in_recipe)))
    parts, smallest = batch_requirements(kind, arguments)
    if n < max(2, smallest):
        raise BadRecipe(
            f"the training split must have >= {max(2, smallest)} pictures, got {n} below "
            f"{request.folder}. Add pictures; every tenth is in the test split"
        )
    return batch if batch <= n else n - n % parts


def batch_requirements(kind: type, arguments: Settings) -> tuple[int, int]:
    """The parts into which a training step splits a batch, and the smallest batch: as a ZooModule
    declares them, else 1 and 1."""
    if not issubclass(kind, ZooModule):
        return 1, 1
    with torch.device("meta"):  # without memory for the weights
        model = kind(**arguments)
    return model.sub_batches, model.sub_batches * model.min_sub_batch


def count_classes(pictures: ImageFolder) -> int:
    """The number of folders with pictures; raises BadRecipe for fewer than two."""
    count = int(pictures.all_images.labels.max()) + 1
    if count < 2:
        raise BadRecipe(
            f"folders of pictures must be >= 2 for a model with classes, got {count}. Put the "
            f"pictures of each class into a folder below {pictures.root}"
        )
    return count


def training_length(
    request: FolderRequest,
    data: ZooDataModule,
    noun: str = "pictures",
    seen: int = MIN_IMAGES_SEEN,
) -> list[str]:
    """Overrides for the number of epochs and the intervals of logs, grids and checkpoints, by the
    number of examples; a training sees at least `seen` of them."""
    n, batch = data.count("train"), request.integer("data.batch_size", data.batch_size)
    batches = max(1, n // batch)
    in_recipe = int(str(request.trainer.get("max_epochs") or MIN_EPOCHS))
    every = ceil(MIN_INTERVAL / batches)  # epochs between two grids
    epochs = max(in_recipe, MIN_EPOCHS, seen / (batches * batch))
    epochs = request.integer("trainer.max_epochs", ceil(epochs / every) * every)
    if steps := request.integer("trainer.max_steps", 0):
        epochs = ceil(steps / batches)
    # the largest interval that divides the epochs, so that the last one has a grid
    every = next(k for k in range(min(every, epochs), 0, -1) if epochs % k == 0)
    log = min(int(str(request.trainer.get("log_every_n_steps") or 50)), batches)
    overrides = ["--trainer.max_epochs", str(epochs), "--trainer.log_every_n_steps", str(log)]
    overrides += ["--checkpoint.every_n_epochs", str(every)]
    total = steps or epochs * batches
    if is_first():
        print(
            f"training: {n:,} {noun}, {epochs:,} epochs of {batches:,} batches of {batch}, "
            f"{total:,} steps; samples every {every * batches:,} steps",
            file=sys.stderr,
        )
    callbacks = json.dumps(adapt_callbacks(request.trainer.get("callbacks"), every, total))
    return [*overrides, "--trainer.callbacks", callbacks]


def adapt_callbacks(callbacks: object, every: int, steps: int) -> list[object]:
    """The callbacks of a recipe for a training of `steps` steps: averages with warm-up and at most
    a tenth of the steps long, grids every `every` epochs, none that needs a classifier of the
    recipe's data."""
    adapted: list[object] = []
    for callback in callbacks if isinstance(callbacks, list) else []:
        path, in_recipe = class_and_arguments(callback)
        settings, kind = dict(in_recipe), path.rpartition(".")[2]
        if kind in NEED_CLASSIFIER:
            continue
        if kind in AVERAGES:
            path = "zoo.callbacks.EMAWithWarmup"
            decay = min(float(str(settings.get("decay", 0.999))), 0.999, max(0.9, 1 - 10 / steps))
            buffers = {k: v for k, v in settings.items() if k == "use_buffers"}
            settings = {"decay": decay} | buffers
        if kind in GRIDS:
            settings["every_n_epochs"] = every
        adapted.append({"class_path": path, "init_args": settings})
    return adapted
