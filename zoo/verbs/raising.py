"""Verbs that raise a model: train it, then make weights of the checkpoint."""

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
    add("--fast", action="store_true", help="toy size, for seconds: a check that it runs")

    add = verb(export, "Make weights, card and picture of a checkpoint, measured from the file.")
    add("checkpoint", type=Path, metavar="RUN|CHECKPOINT", help="a run folder, or one file of it")
    add("name", metavar="NAME")
    add("--to", type=Path, default=catalog.WEIGHTS, help="folder (weights)")
    add("--seeds", type=positive, default=3, help="draws of samples to measure (3)")


def fit(options: Namespace) -> None:
    from zoo.fit import Stopped
    from zoo.fit import fit as train
    from zoo.runs import is_first

    recipe = options.config or catalog.recipe(options.name or "")
    if not recipe.is_file():
        raise ZooError(f"there is no recipe {recipe}")
    fast = "--fast" in options.overrides
    try:
        folder = train(recipe.stem, recipe, [w for w in options.overrides if w != "--fast"], fast)
    except Stopped as stop:
        if is_first():
            again = options.name or f"--config {options.config}"
            words = f"resume with: zoo fit {again}{' --fast' * fast} --ckpt_path last"
            print(f"\nstopped; {words if stop.resumable else 'no checkpoint was written yet'}")
        raise
    if is_first():
        tell(folder, recipe, fast)


def tell(folder: Path, recipe: Path, fast: bool) -> None:
    """Where to look, and how to ship it."""
    print(f"\ncheckpoint and logs are in {folder}")
    for kind in ("samples", "reconstructions"):
        for picture in sorted((folder / kind).glob("*.png"))[-1:]:
            print(f"look at {picture}")
    if fast:
        print("it runs; at this size it learns nothing: leave out --fast to train")
    else:
        own = "" if recipe.stem in catalog.recipes() else " --to FOLDER"
        print(f"ship it with: zoo export {folder} {recipe.stem}{own}")


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
