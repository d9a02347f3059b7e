"""Models by name: weights, card, preview and recipe. The file names are the registry."""

import os
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, overload

from zoo.errors import BadCard, BadWeights, UnknownName, ZooError
from zoo.files import expand_user, files_in, first_of
from zoo.pretrained.cards import Card
from zoo.pretrained.hub import PREVIEWS, RepoRef
from zoo.pretrained.recipes import read_recipe as read_recipe

if TYPE_CHECKING:
    import torch
    from lightning import LightningModule

    from zoo.core.module import ZooModule


PACKAGE = Path(__file__).resolve().parents[1]
CLONE = PACKAGE.parent  # or site-packages
HOME = CLONE if (CLONE / "pyproject.toml").is_file() else PACKAGE  # of recipes and weights
WEIGHTS = HOME / "weights"
RECIPES = HOME / "recipes"
OWNER = os.environ.get("ZOO_OWNER") or "generative-zoo"  # of the Hub repositories OWNER/NAME
RUN_REMEDY = "is a run without weights file and card. Make them by `zoo export RUN NAME`"


def list_models(pattern: str = "*") -> list[str]:
    """The names of the trained models that match, as `*-celeba`, sorted. Weights that are not
    installed are downloaded when a model is first loaded."""
    parts = [os.path.splitext(file) for file in os.listdir(WEIGHTS)] if WEIGHTS.is_dir() else []
    stems = {stem for stem, ending in parts if ending in (".md", ".safetensors")}
    return sorted(stem for stem in stems if fnmatch(stem, pattern))


def is_local(name: str) -> bool:
    """Whether the weights of a model of the zoo are installed here."""
    return (WEIGHTS / f"{name}.safetensors").is_file()


def list_recipes() -> list[str]:
    """The names that `zoo fit` takes, sorted."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe_path(name: str) -> Path:
    """The recipe of that name; raises UnknownName."""
    if name not in list_recipes():
        raise UnknownName("recipe", name, list_recipes(), "`zoo list --recipes`")
    return RECIPES / f"{name}.yaml"


def card(name: str | Path) -> Card:
    """The card of a model: of that name, beside that file, or in that repository
    `owner/name[@revision]` of the Hub; raises UnknownName, and BadCard where a file has none."""
    if is_path(name):
        return Card.read(beside(name, "card", ".md"))
    name = str(name)
    if repo := find_repo(name):
        from zoo.pretrained.hub import fetch

        return fetch.card(repo)
    return Card.read(WEIGHTS / f"{name}.md")


def weights_path(name: str | Path) -> Path:
    """The weights file of a name, a path, or a repository `owner/name[@revision]` of the Hub,
    downloaded once if need be; raises ZooError."""
    if is_path(name):
        return file_of(name)
    name = str(name)
    if repo := find_repo(name):
        from zoo.pretrained.hub import fetch

        return fetch.weights(repo)
    return WEIGHTS / f"{name}.safetensors" if is_local(name) else download(card(name))


def preview_path(name: str | Path) -> Path:
    """The first samples of a model in a file of its modality, as a PNG: of that name, beside that
    file, or in that repository; raises ZooError."""
    if is_path(name):
        return beside(name, "preview", *PREVIEWS)
    name = str(name)
    repo = find_repo(name)
    if repo is None and (path := first_of(WEIGHTS / name, PREVIEWS)):
        return path
    from zoo.pretrained.hub import fetch

    return fetch.preview(repo or repo_of(card(name)))


def repo_of(card: Card) -> RepoRef:
    """The repository of a model of the zoo: the one on its card, else OWNER/NAME."""
    repo = RepoRef.parse(str(card.facts.get("hub") or f"{OWNER}/{card.name}"))
    if repo is None:
        raise BadCard(f"{card.name}: hub must be owner/name[@revision], got {card.facts['hub']!r}")
    return repo


def download(card: Card) -> Path:
    """The weights of a model of the zoo from its repository, whose digest is the one on the card
    that was installed; raises ZooError."""
    from zoo.pretrained.hub import fetch

    repo = repo_of(card)
    try:
        return fetch.weights(repo, str(card.facts["sha256"]))
    except ZooError as error:
        kind = BadWeights if isinstance(error, BadWeights) else ZooError
        raise kind(
            f"the weights of {card.name} are not installed and cannot be downloaded from {repo}: "
            f"{error}. A clone of the project holds them in weights/; ZOO_OWNER names another owner"
        ) from error


def expand(names: list[str]) -> list[str]:
    """Names, in which a folder is replaced by the weights files in it."""
    found = []
    for name in names:
        files = [] if name in list_models() else files_in(name, "*.safetensors")
        found += [str(file) for file in files] or [name]
    return found


def stem(name: str) -> str:
    """The last part of a name, a file or a repository, as its recipe is called if there is one."""
    repo = None if is_path(name) else RepoRef.parse(name)
    own = repo.repository if repo else name.removesuffix(".safetensors")
    return own.rstrip("/").rpartition("/")[2]


def is_path(name: str | Path) -> bool:
    """Whether a name is that of a file: it ends in .safetensors, or starts like a path."""
    return (
        isinstance(name, Path) or name.endswith(".safetensors") or name.startswith((".", "/", "~"))
    )


def is_run(name: str | Path) -> bool:
    """Whether a name that no model of the zoo has is that of a checkpoint or of a run folder."""
    if str(name).endswith(".ckpt"):
        return True
    return str(name) not in list_models() and bool(files_in(name, "*.ckpt"))


def file_of(name: str | Path) -> Path:
    """The weights file at a path; raises ZooError."""
    path = expand_user(name)
    if is_run(path):
        raise ZooError(f"{name} {RUN_REMEDY}")
    if path.is_dir():
        raise ZooError(f"{name} is a folder. Name a .safetensors file in it")
    if not os.path.isfile(path):
        raise BadWeights(
            f"there is no file {name}. Give its path, or a name from zoo.list_models()"
        )
    return path


def beside(name: str | Path, what: str, *endings: str) -> Path:
    """The file beside a weights file that has one of the endings; raises BadCard."""
    path = file_of(name)
    found = first_of(path.with_suffix(""), endings)
    if found is None:
        raise BadCard(
            f"there is no {what} {path.with_suffix(endings[0])} beside {name}. "
            "`zoo export RUN NAME --to FOLDER` makes it"
        )
    return found


def find_repo(name: str) -> RepoRef | None:
    """The repository of that name, None for a model of the zoo; raises UnknownName."""
    if is_run(name):
        raise ZooError(f"{name} {RUN_REMEDY}")
    repo = repository(name)
    if repo is None and name not in list_models():
        if name in list_recipes():
            raise ZooError(f"{name} has a recipe but no weights. Run `zoo fit {name}`")
        raise UnknownName("model", name, list_models(), "`zoo list`")
    return repo


def repository(name: str) -> RepoRef | None:
    """The repository of the Hub of that name, None for other names; raises ZooError where a file
    or a folder has the same name."""
    repo = None if is_path(name) else RepoRef.parse(name)
    here = [path for path in (name, f"{name}.safetensors") if os.path.exists(path)]
    if repo is None or repo.revision or not here:
        return repo
    what, path = ("a folder", f"./{name}/FILE.safetensors")
    if os.path.isfile(here[-1]):
        what, path = "a file", f"./{here[-1]}"
    raise ZooError(
        f"{name} is ambiguous: {what} here, or a repository of the Hub. Write {path} for the file, "
        f"{name}@main for the repository"
    )


def is_clone() -> bool:
    """Whether the package runs from its sources; an installed one is never written to."""
    return HOME == CLONE


def output_folder(name: str) -> Path:
    """The default folder of a command's output: `name` if the current folder is that of the
    sources, else the current folder."""
    return Path(name) if is_clone() and Path.cwd() == HOME else Path()


@overload
def load(name: str | Path, device: "str | torch.device | None" = None) -> "ZooModule": ...


@overload
def load(
    name: str | Path,
    device: "str | torch.device | None" = None,
    classes: "Sequence[type[LightningModule]]" = (),
) -> "LightningModule": ...


def load(
    name: str | Path,
    device: "str | torch.device | None" = None,
    classes: "Sequence[type[LightningModule]]" = (),
) -> "LightningModule":
    """A trained model by name, by path, or by repository `owner/name[@revision]` of the Hugging
    Face Hub, in evaluation mode on `device` (CPU).

    `classes` are LightningModules of your own that the file may name; others outside of the zoo
    are rejected. Raises UnknownName, which suggests near names, and BadWeights for an invalid file.
    """
    from zoo.pretrained import weights
    from zoo.pretrained.trust import trusting

    with trusting(classes=classes):
        return weights.load(weights_path(name), device)
