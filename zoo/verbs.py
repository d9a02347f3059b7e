"""What each verb of the command line does, given its arguments."""

import json
import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

import yaml

from zoo import catalog
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.contracts import Animal, LatentVariableModel


def list_(options: Namespace) -> None:
    shown = catalog.names(options.pattern)
    for name in shown:
        try:
            card = catalog.card(name)
        except ZooError as error:
            print(f"{name:<24} {error}")
            continue
        score = f"{card.metrics[0]['metric']} {card.metrics[0]['value']}"
        print(f"{name:<24} {card.facts['parameters']:>10,} parameters   {score}")
    if not shown:
        print(f"no model matches {options.pattern!r}; there are {', '.join(catalog.names())}")


def show(options: Namespace) -> None:
    print(catalog.card(options.name))


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


def fit(options: Namespace) -> None:
    from zoo.fit import fit as train

    recipe = options.config or catalog.recipe(options.name or "")
    if not recipe.is_file():
        raise ZooError(f"there is no recipe {recipe}")
    name = recipe.stem
    try:
        folder = train(name, recipe, options.overrides)
    except SystemExit as stop:
        if stop.code == 1:  # Ctrl-C
            again = options.name or f"--config {options.config}"
            print(f"\nstopped; go on with: zoo fit {again} --ckpt_path last")
        raise
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return
    print(f"\ncheckpoint and logs are in {folder}")
    for kind in ("samples", "reconstructions"):
        for picture in sorted((folder / kind).glob("*.png"))[-1:]:
            print(f"look at {picture}")
    if name in catalog.recipes():
        print(f"ship it with: zoo export {folder / 'last.ckpt'} {name}")
    else:
        print(f"to ship it, put {recipe} into {catalog.RECIPES}, then zoo export it by that name")


def evaluate(options: Namespace) -> None:
    from zoo.evaluation import data_of, enter, report, table
    from zoo.measures import PROTOCOLS

    path, protocol = catalog.locate(options.name), PROTOCOLS[options.protocol]
    if options.seeds:
        protocol = protocol._replace(seeds=options.seeds)
    if options.recipe is None and path.stem not in catalog.recipes():
        raise ZooError(f"{path.stem} has no recipe: say whose data to measure on with --recipe")
    found = report(path, data_of(options.recipe or path.stem), protocol)
    print(json.dumps(found, indent=2) if options.json else table(found["metrics"]))
    print(f"measured in {found['seconds']:.0f} s from {path}", file=sys.stderr)
    if options.card:
        enter(path, found["metrics"])


def compare(options: Namespace) -> None:
    from zoo.evaluation import compare as side_by_side

    print(side_by_side(options.a, options.b))


def export(options: Namespace) -> None:
    from zoo.export import UNSEEN
    from zoo.export import export as ship
    from zoo.measures import PROTOCOLS

    card = ship(
        options.checkpoint,
        options.name,
        options.to,
        PROTOCOLS["full"]._replace(seeds=options.seeds),
    )
    print(yaml.safe_dump(card.metrics, sort_keys=False))
    print(f"wrote {options.to / options.name}.safetensors, .md and .png: look at the picture")
    if UNSEEN in card.prose:
        print(f"and write in {options.name}.md what the model is good at and what it gets wrong")


def verify(options: Namespace) -> None:
    from zoo.export import verify as check

    broken = 0
    for name in options.names or catalog.names():
        try:
            print(f"{name:<24} {', '.join(check(name))}")
        except ZooError as error:
            broken += 1
            print(f"{name:<24} BROKEN: {error}")
    if broken:
        raise ZooError(f"{broken} of the models break the promise of their cards")


def leaderboard(options: Namespace) -> None:
    from zoo.leaderboard import write

    for path in write(options.to):
        print(path)


def able(model: "Animal", name: str) -> "LatentVariableModel":
    """The model, if it draws images from latents."""
    from zoo.contracts import LatentVariableModel

    if not isinstance(model, LatentVariableModel):
        raise ZooError(f"{name} draws no images: it is a {type(model).__name__}")
    return model
