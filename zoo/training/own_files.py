"""`zoo fit NAME --data FILE`: a recipe adapted to files of the user's own other than pictures.

A data module names the class of such files by `own_files`, and that class the arguments by which a
model agrees with them by `model_arguments`.
"""

import json
from pathlib import Path

from zoo.data.module import ZooDataModule
from zoo.errors import BadRecipe
from zoo.pretrained import catalog
from zoo.pretrained.plain_yaml import read_yaml
from zoo.training.class_paths import argument_names, class_and_arguments, class_at
from zoo.training.folder_option import folder_argument, is_class
from zoo.training.picture_folders import FolderRequest, adapt_callbacks, training_length

ENDINGS = (".csv", ".txt", ".md", ".wav")  # of files, which no class has
MIN_SEEN = 64_000  # examples of a training: 1,000 steps of 64


def own_files_class(recipe: Path) -> str:
    """The class of the user's own files that replace the data of a recipe; empty for pictures."""
    class_path, _ = class_and_arguments(catalog.read_recipe(recipe, ()).get("data"))
    kind = class_at(class_path) if class_path.startswith("zoo.") else object
    return kind.own_files if issubclass(kind, ZooDataModule) else ""


def fit_to_files(recipe: Path, own: str, overrides: list[str], smoke_test: bool) -> list[str]:
    """Overrides in which `--data PATH` is replaced by the class `own`, the path, and what model and
    training take from the files. Overrides of the user are last and take precedence. Raises
    BadRecipe for a value that is neither a path nor a class, and for invalid files."""
    if "--data" not in overrides[:-1]:
        return overrides
    at = overrides.index("--data")
    value, rest = overrides[at + 1], [*overrides[:at], *overrides[at + 2 :]]
    path = Path(value).expanduser()
    if not value or not path.exists():
        if not is_class(value) or path.suffix.lower() in ENDINGS:
            raise BadRecipe(f"--data must be a file, a folder or a class, got {value!r}. Name one")
        return overrides
    root = folder_argument(path)
    if "--ckpt_path" in rest:  # the run's own recipe has the settings
        return [f"--data.init_args.{path_argument(own)}", root, *rest]
    settings = catalog.read_recipe(recipe)
    trainer = settings.get("trainer", {})
    request = FolderRequest(rest, root, settings["model"], settings["data"], trainer)
    data, adapted = inspect_files(request, own)
    if smoke_test:
        callbacks = json.dumps(adapt_callbacks(trainer.get("callbacks"), 1, 1))
        return [*adapted, "--trainer.callbacks", callbacks, *rest]
    length = training_length(request, data, data.modality.noun, MIN_SEEN)
    return [*adapted, *length, *rest]


def path_argument(own: str) -> str:
    """The argument that names the path of a class of the user's own files."""
    kind = class_at(own)
    assert issubclass(kind, ZooDataModule)
    return kind.own_paths[0]


def inspect_files(request: FolderRequest, own: str) -> tuple[ZooDataModule, list[str]]:
    """The data module of the files, and overrides by which model and data agree; a batch is at most
    the training split."""
    known = argument_names(own)
    arguments = {k: v for k, v in class_and_arguments(request.data)[1].items() if k in known}
    for name in known:
        if (given := request.override(f"data.{name}")) is not None:
            arguments[name] = read_yaml(given)
    named = path_argument(own)
    data = class_at(own)(**arguments | {named: request.folder})
    arguments["batch_size"] = data.batch_size = min(data.batch_size, data.count("train"))
    overrides = ["--data", own, f"--data.init_args.{named}", request.folder]
    for name, value in arguments.items():
        if name != named:
            overrides += [f"--data.init_args.{name}", as_option(value)]
    taken = argument_names(str(request.model["class_path"]))
    for name, value in data.model_arguments().items():
        if name in taken:
            overrides += [f"--model.init_args.{name}", as_option(value)]
    return data, overrides


def as_option(value: object) -> str:
    """A value of plain data as the parser of overrides reads it: text as it is, else JSON."""
    return value if isinstance(value, str) else json.dumps(value)
