"""A zoo of generative models: classical autoencoders, VAEs and GANs, with weights that load.

faces = zoo.load("dcgan-celeba").sample(64, seed=0)  # (64, 3, 64, 64) in [-1, 1]
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.cards import Card
    from zoo.catalog import card, load, names
    from zoo.errors import ZooError
    from zoo.weights import read, write

__all__ = ["Card", "ZooError", "card", "load", "names", "read", "write"]
__version__ = "0.1.0"

HOMES = {
    "Card": "zoo.cards",
    "ZooError": "zoo.errors",
    "card": "zoo.catalog",
    "load": "zoo.catalog",
    "names": "zoo.catalog",
    "read": "zoo.weights",
    "write": "zoo.weights",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Fetch a front-door name when it is first used, so that `import zoo` stays light."""
    if name not in HOMES:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(HOMES[name]), name)
