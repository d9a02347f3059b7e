"""One name -> weights, card, recipe. The file names are the registry."""

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cards import Card
from zoo.errors import UnknownName, ZooError

if TYPE_CHECKING:
    import torch

    from zoo.contracts import Animal

HOME = Path(__file__).resolve().parents[1]  # the clone, or site-packages
WEIGHTS = HOME / "weights"
RECIPES = HOME / "recipes"


def names(pattern: str = "*") -> list[str]:
    """The models with trained weights whose names match, as `*-celeba`, sorted."""
    stems = (path.stem for path in WEIGHTS.glob("*.safetensors"))
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
    """The card of that name; raises UnknownName."""
    if name not in names():
        raise UnknownName("model", name, names())
    return Card.read(WEIGHTS / f"{name}.md")


def locate(name: str | Path) -> Path:
    """The weights file behind a name, or a path (which ends in .safetensors); raises ZooError."""
    if isinstance(name, Path) or name.endswith(".safetensors"):
        if not Path(name).is_file():
            raise ZooError(f"there is no file {name}: give its path, or a name from zoo.names()")
        return Path(name)
    if name not in names():
        if name in recipes():
            raise ZooError(f"{name} has a recipe but no weights yet: run `zoo fit {name}`")
        raise UnknownName("model", name, names())
    return WEIGHTS / f"{name}.safetensors"


def load(name: str | Path, device: "str | torch.device | None" = None) -> "Animal":
    """The trained model of that name, or in that file, in evaluation mode on `device` (CPU).

    Raises UnknownName with the near ones, and BadWeights for a file that is not as it should be.
    """
    from zoo.weights import read

    return read(locate(name), device)
