"""Verbs that raise a model: train it, then make weights of the checkpoint."""

import re
import shlex
from argparse import ArgumentTypeError, Namespace
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
    add("--name", dest="run", type=run_name, help="what to call the run and the model (NAME)")
    add("--fast", action="store_true", help="toy size, for seconds: a check that it runs")

    add = verb(export, "Make weights, card and picture of a checkpoint, measured from the file.")
    add("checkpoint", type=Path, metavar="RUN|CHECKPOINT", help="a run folder, or one file of it")
    add("name", metavar="NAME")
    add("--to", type=Path, default=catalog.WEIGHTS, help="folder (weights)")
    add("--seeds", type=positive, default=3, help="draws of samples to measure (3)")


def run_name(text: str) -> str:
    """A name of a run: of its folder, its files and its repository."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}", text) or re.search(r"\.\d+$", text):
        raise ArgumentTypeError(
            f"must be 1 to 96 letters, digits, -, _ and ., not beginning with . or - nor ending in "
            f"a number after a dot, got {text!r}"
        )
    return text


def fit(options: Namespace) -> None:
    from zoo.fit import Stopped
    from zoo.fit import fit as train
    from zoo.folders import fitted
    from zoo.runs import is_first

    recipe = options.config or catalog.recipe(options.name or "")
    if not recipe.is_file():
        raise ZooError(f"there is no recipe {recipe}")
    name = options.run or recipe.stem
    try:
        words = fitted(recipe, options.overrides, options.fast)
        folder = train(name, recipe, words, options.fast)
    except Stopped as stop:
        if is_first():
            resume = f"resume with: {again(options)}"
            print(f"\nstopped; {resume if stop.resumable else 'no checkpoint was written yet'}")
        raise
    if is_first():
        tell(folder, name, options.fast)


def again(options: Namespace) -> str:
    """The command that resumes a training."""
    words = ["--config", str(options.config)] if options.config else [options.name]
    words += ["--name", options.run] if options.run else []
    words += ["--fast"] if options.fast else []
    return shlex.join(["zoo", "fit", *words, "--ckpt_path", "last"])


def tell(folder: Path, name: str, fast: bool) -> None:
    """Where to look, and how to ship it."""
    print(f"\ncheckpoint and logs are in {folder}")
    for kind in ("samples", "reconstructions"):
        for picture in sorted((folder / kind).glob("*.png"))[-1:]:
            print(f"look at {picture}")
    if fast:
        print("it runs; at this size it learns nothing: leave out --fast to train")
    else:
        print(f"measure and export it with: {shlex.join(['zoo', 'export', str(folder), name])}")


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
