"""One name -> weights, card, recipe. The file names are the registry."""

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cards import Card
from zoo.errors import UnknownName, ZooError
from zoo.hub import Place

if TYPE_CHECKING:
    import torch

    from zoo.animals import Animal

HOME = Path(__file__).resolve().parents[1]  # the clone, or site-packages
WEIGHTS = HOME / "weights"
RECIPES = HOME / "recipes"


def names(pattern: str = "*") -> list[str]:
    """The models with trained weights whose names match, as `*-celeba`, sorted; of some there is
    only a card here, which says where their weights are."""
    stems = {path.stem for path in WEIGHTS.glob("*") if path.suffix in (".md", ".safetensors")}
    return sorted(stem for stem in stems if fnmatch(stem, pattern))


def recipes() -> list[str]:
    """All that `zoo fit` can raise, sorted."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe(name: str) -> Path:
    """The recipe of that name; raises UnknownName."""
    if name not in recipes():
        raise UnknownName("recipe", name, recipes())
    return RECIPES / f"{name}.yaml"


def card(name: str) -> Card:
    """The card of that name, which may be a repository of the Hub; raises UnknownName."""
    if place := repository(name):
        from zoo.hub import fetch

        return fetch.card(place)
    if name not in names():
        raise UnknownName("model", name, names())
    return Card.read(WEIGHTS / f"{name}.md")


def locate(name: str | Path) -> Path:
    """The weights file behind a name, a path, or a repository `owner/name[@revision]` of the Hub,
    from where it is fetched once; raises ZooError."""
    if is_path(name):
        if not Path(name).is_file():
            raise ZooError(f"there is no file {name}: give its path, or a name from zoo.names()")
        return Path(name)
    name = str(name)
    if place := repository(name):
        from zoo.hub import fetch

        return fetch.weights(place)
    if name not in names():
        if name in recipes():
            raise ZooError(f"{name} has a recipe but no weights yet: run `zoo fit {name}`")
        raise UnknownName("model", name, names())
    path = WEIGHTS / f"{name}.safetensors"
    return path if path.is_file() else fetched(card(name))


def fetched(card: Card) -> Path:
    """The weights of a card of the zoo, from the repository that it names; raises ZooError."""
    place = Place.named(str(card.facts.get("hub")))
    if place is None:
        raise ZooError(f"the weights of {card.name} are not here, and its card names no repository")
    from zoo.hub import fetch

    return fetch.weights(place, str(card.facts["sha256"]))


def picture(name: str) -> Path:
    """The first samples of that name, in a PNG; raises ZooError."""
    if place := repository(name):
        from zoo.hub import fetch

        return fetch.picture(place)
    return WEIGHTS / f"{name}.png"


def stem(name: str) -> str:
    """What a name, a file or a repository is called by itself, as its recipe if it has one."""
    place = repository(name)
    own = place.repository if place else name.removesuffix(".safetensors")
    return own.rpartition("/")[2]


def is_path(name: str | Path) -> bool:
    """Whether a name is that of a file: it ends in .safetensors, or begins like a path."""
    return isinstance(name, Path) or name.endswith(".safetensors") or name[:1] in "./~"


def repository(name: str) -> Place | None:
    """The repository of the Hub that a name means, None for other names; raises ZooError where
    a file or a folder here could be meant as well."""
    place = None if is_path(name) else Place.named(name)
    here = [path for path in (Path(name), Path(f"{name}.safetensors")) if path.exists()]
    if place is None or place.revision or not here:
        return place
    what, say = ("a folder", f"./{name}/FILE.safetensors")
    if here[-1].is_file():
        what, say = "a file", f"./{here[-1]}"
    raise ZooError(
        f"{name} may be {what} here or a repository of the Hub: say {say} for the one, "
        f"{name}@main for the other"
    )


def load(name: str | Path, device: "str | torch.device | None" = None) -> "Animal":
    """The trained model of that name, in that file, or in that repository `owner/name[@revision]`
    of the Hugging Face Hub, in evaluation mode on `device` (CPU).

    Raises UnknownName with the near ones, and BadWeights for a file that is not as it should be.
    """
    from zoo.weights import read

    return read(locate(name), device)
