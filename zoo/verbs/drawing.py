"""Verbs that draw."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import catalog
from zoo.errors import ZooError
from zoo.verbs.arguments import Verb, add_drawing, positive

if TYPE_CHECKING:
    from zoo.contracts import Animal, LatentVariableModel


def enter(verb: Verb) -> None:
    add = verb(sample, "Draw images into one PNG.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=64, help="how many (64)")
    add_drawing(add, Path("samples.png"))

    add = verb(interpolate, "Draw paths along great circles between latents into one PNG.")
    add("name", metavar="NAME|FILE")
    add("--rows", type=positive, default=8, help="how many paths (8)")
    add("--steps", type=positive, default=8, help="images on each path (8)")
    add_drawing(add, Path("interpolation.png"))


def sample(options: Namespace) -> None:
    from zoo import pictures

    model = able(catalog.load(options.name, options.device), options.name)
    pictures.save(pictures.grid(model.sample(options.n, options.seed)), options.to)
    print(f"{options.n} samples of {options.name} are in {options.to}")


def interpolate(options: Namespace) -> None:
    from zoo import pictures

    model = able(catalog.load(options.name, options.device), options.name)
    ends = model.prior(2 * options.rows, options.seed)
    latents = pictures.slerp(ends[: options.rows], ends[options.rows :], options.steps)
    pictures.save(pictures.grid(model.decode(latents), columns=options.steps), options.to)
    print(f"{options.rows} paths between two samples of {options.name} each are in {options.to}")


def able(model: "Animal", name: str) -> "LatentVariableModel":
    """The model, if it draws images from latents."""
    from zoo.contracts import LatentVariableModel

    if not isinstance(model, LatentVariableModel):
        raise ZooError(f"{name} draws no images: it is a {type(model).__name__}")
    return model
