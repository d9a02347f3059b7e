"""A model zoo of autoencoders, VAEs and GANs: PyTorch Lightning modules with trained weights.

faces = zoo.load("dcgan-celeba").sample(64, seed=0)  # (64, 3, 64, 64) in [-1, 1]
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.errors import ZooError
    from zoo.pretrained.cards import Card
    from zoo.pretrained.catalog import card, list_models, load
    from zoo.pretrained.weights import save

__all__ = ["Card", "ZooError", "card", "list_models", "load", "save"]
__version__ = "0.2.0"

HOMES = {
    "Card": "zoo.pretrained.cards",
    "ZooError": "zoo.errors",
    "card": "zoo.pretrained.catalog",
    "load": "zoo.pretrained.catalog",
    "list_models": "zoo.pretrained.catalog",
    "save": "zoo.pretrained.weights",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import zoo` stays light."""
    if name not in HOMES:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(HOMES[name]), name)
