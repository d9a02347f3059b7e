"""One name -> weights, card, recipe. The file names are the registry."""

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import BadCard, BadRecipe, BadWeights, UnknownName, ZooError
from zoo.files import expand_user
from zoo.pretrained.cards import Card
from zoo.pretrained.hub import RepoRef
from zoo.pretrained.plain_yaml import NotPlain, read_yaml
from zoo.text import brief

if TYPE_CHECKING:
    import torch

    from zoo.core.module import ZooModule


PACKAGE = Path(__file__).resolve().parents[1]
CLONE = PACKAGE.parent  # or site-packages
HOME = CLONE if (CLONE / "pyproject.toml").is_file() else PACKAGE  # of recipes and weights
WEIGHTS = HOME / "weights"
RECIPES = HOME / "recipes"
RUN_REMEDY = "is a run without card yet: make weights and card of it with `zoo export RUN NAME`"


def list_models(pattern: str = "*") -> list[str]:
    """The models with trained weights whose names match, as `*-celeba`, sorted; of some there is
    only a card here, which says where their weights are."""
    parts = [os.path.splitext(file) for file in os.listdir(WEIGHTS)] if WEIGHTS.is_dir() else []
    stems = {stem for stem, ending in parts if ending in (".md", ".safetensors")}
    return sorted(stem for stem in stems if fnmatch(stem, pattern))


def list_recipes() -> list[str]:
    """All that `zoo fit` can raise, sorted."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe_path(name: str) -> Path:
    """The recipe of that name; raises UnknownName."""
    if name not in list_recipes():
        raise UnknownName("recipe", name, list_recipes(), "`zoo list --recipes`")
    return RECIPES / f"{name}.yaml"


def read_recipe(
    path: Path, parts: tuple[str, ...] = ("model", "data")
) -> dict[str, dict[str, object]]:
    """The settings of a recipe whose `parts` name their classes; raises BadRecipe."""
    try:
        settings = read_yaml(path.read_text(encoding="utf-8"))
    except (NotPlain, UnicodeDecodeError) as error:
        raise BadRecipe(f"the recipe {path} is not plain YAML: {error}") from error
    if not isinstance(settings, dict):
        raise BadRecipe(f"the recipe {path} must be a mapping, got {brief(settings)}")
    for key in parts:
        part = settings.get(key)
        if isinstance(part, dict) and isinstance(part.get("class_path"), str):
            if isinstance(part.get("init_args") or {}, dict):
                continue
            part = part["init_args"]
        what = "a mapping with class_path, text, and init_args, a mapping"
        raise BadRecipe(f"the recipe {path}: {key} must be {what}, got {brief(part)}")
    return settings


def card(name: str | Path) -> Card:
    """The card of that name, beside that file, or in that repository of the Hub; raises
    UnknownName, and BadCard where a file has none."""
    if is_path(name):
        return Card.read(beside(name, ".md"))
    name = str(name)
    if place := place_of(name):
        from zoo.pretrained.hub import fetch

        return fetch.card(place)
    return Card.read(WEIGHTS / f"{name}.md")


def weights_path(name: str | Path) -> Path:
    """The weights file behind a name, a path, or a repository `owner/name[@revision]` of the Hub,
    from where it is fetched once; raises ZooError."""
    if is_path(name):
        return file_of(name)
    name = str(name)
    if place := place_of(name):
        from zoo.pretrained.hub import fetch

        return fetch.weights(place)
    path = WEIGHTS / f"{name}.safetensors"
    return path if path.is_file() else fetched(card(name))


def preview_path(name: str | Path) -> Path:
    """The first samples of that name, beside that file, or in that repository, in a PNG; raises
    ZooError."""
    if is_path(name):
        return beside(name, ".png")
    name = str(name)
    if place := place_of(name):
        from zoo.pretrained.hub import fetch

        return fetch.picture(place)
    return WEIGHTS / f"{name}.png"


def fetched(card: Card) -> Path:
    """The weights of a card of the zoo, from the repository that it names; raises ZooError."""
    place = RepoRef.named(str(card.facts.get("hub")))
    if place is None:
        raise ZooError(f"the weights of {card.name} are not here, and its card names no repository")
    from zoo.pretrained.hub import fetch

    return fetch.weights(place, str(card.facts["sha256"]))


def expand(given: list[str]) -> list[str]:
    """Names, of which a folder of weights files stands for these."""
    found = []
    for name in given:
        files = [] if name in list_models() else files_in(name, "*.safetensors")
        found += [str(file) for file in files] or [name]
    return found


def stem(name: str) -> str:
    """What a name, a file or a repository is called by itself, as its recipe if it has one."""
    place = None if is_path(name) else RepoRef.named(name)
    own = place.repository if place else name.removesuffix(".safetensors")
    return own.rstrip("/").rpartition("/")[2]


def is_path(name: str | Path) -> bool:
    """Whether a name is that of a file: it ends in .safetensors, or begins like a path."""
    return (
        isinstance(name, Path) or name.endswith(".safetensors") or name.startswith((".", "/", "~"))
    )


def is_run(name: str | Path) -> bool:
    """Whether a name that no model of the zoo has is that of a checkpoint or of a run folder."""
    if str(name).endswith(".ckpt"):
        return True
    return str(name) not in list_models() and bool(files_in(name, "*.ckpt"))


def files_in(folder: str | Path, pattern: str) -> list[Path]:
    """The files of a folder that match, sorted; none where it is no folder."""
    path = expand_user(folder)
    return sorted(path.glob(pattern)) if os.path.isdir(path) else []


def file_of(name: str | Path) -> Path:
    """The weights file at a path; raises ZooError."""
    path = expand_user(name)
    if is_run(path):
        raise ZooError(f"{name} {RUN_REMEDY}")
    if path.is_dir():
        raise ZooError(f"{name} is a folder: name a .safetensors file in it")
    if not os.path.isfile(path):
        raise BadWeights(
            f"there is no file {name}. Give its path, or a name from zoo.list_models()"
        )
    return path


def beside(name: str | Path, ending: str) -> Path:
    """What lies beside the weights file at a path: its card (.md) or its picture (.png)."""
    path = file_of(name).with_suffix(ending)
    if not path.is_file():
        what = {".md": "card", ".png": "picture"}[ending]
        raise BadCard(
            f"there is no {what} {path} beside {name}: `zoo export RUN NAME --to FOLDER` makes both"
        )
    return path


def place_of(name: str) -> RepoRef | None:
    """The repository that a name means, None for a model of the zoo; raises UnknownName."""
    if is_run(name):
        raise ZooError(f"{name} {RUN_REMEDY}")
    place = repository(name)
    if place is None and name not in list_models():
        if name in list_recipes():
            raise ZooError(f"{name} has a recipe but no weights yet: run `zoo fit {name}`")
        raise UnknownName("model", name, list_models(), "`zoo list`")
    return place


def repository(name: str) -> RepoRef | None:
    """The repository of the Hub that a name means, None for other names; raises ZooError where
    a file or a folder here could be meant as well."""
    place = None if is_path(name) else RepoRef.named(name)
    here = [path for path in (name, f"{name}.safetensors") if os.path.exists(path)]
    if place is None or place.revision or not here:
        return place
    what, say = ("a folder", f"./{name}/FILE.safetensors")
    if os.path.isfile(here[-1]):
        what, say = "a file", f"./{here[-1]}"
    raise ZooError(
        f"{name} may be {what} here or a repository of the Hub: say {say} for the one, "
        f"{name}@main for the other"
    )


def is_clone() -> bool:
    """Whether the zoo runs from its sources: what is installed is never written to."""
    return HOME == CLONE


def output_folder(name: str) -> Path:
    """Where a command writes unless told: in the folder `name` of the sources, where one works in
    them, else in the current folder."""
    return Path(name) if is_clone() and Path.cwd() == HOME else Path()


def load(name: str | Path, device: "str | torch.device | None" = None) -> "ZooModule":
    """The trained model of that name, in that file, or in that repository `owner/name[@revision]`
    of the Hugging Face Hub, in evaluation mode on `device` (CPU).

    Raises UnknownName with the near ones, and BadWeights for a file that is not as it should be.
    """
    from zoo.pretrained.weights import load

    return load(weights_path(name), device)
