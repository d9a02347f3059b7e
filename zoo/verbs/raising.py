"""Verbs that raise a model: train it, then make weights of the checkpoint."""

import os
from argparse import Namespace
from pathlib import Path

import yaml

from zoo import catalog
from zoo.errors import ZooError
from zoo.verbs.arguments import Verb, positive

TEXT = "Train from a recipe. What follows overrides it: `zoo fit NAME --help` lists everything."


def enter(verb: Verb) -> None:
    add = verb(fit, TEXT)
    add("name", nargs="?", metavar="NAME", help="that of a recipe")
    add("--config", type=Path, metavar="FILE", help="a recipe of your own, instead of NAME")

    add = verb(export, "Make weights, card and picture of a checkpoint, measured from the file.")
    add("checkpoint", type=Path, metavar="CHECKPOINT")
    add("name", metavar="NAME")
    add("--to", type=Path, default=catalog.WEIGHTS, help="folder (weights)")
    add("--seeds", type=positive, default=3, help="draws of samples to measure (3)")


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
