"""Verbs that raise a model: train it, then make weights of the checkpoint."""

import re
import shlex
import sys
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from zoo.cli.arguments import AddCommand, positive
from zoo.errors import ZooError
from zoo.pretrained import catalog

if TYPE_CHECKING:
    from zoo.evaluation.training_data import Terms

TEXT = "Train from a recipe. What follows overrides it: `zoo fit NAME --help` lists everything."


def register(verb: AddCommand) -> None:
    add = verb(fit, TEXT)
    add("name", nargs="?", metavar="NAME", help="that of a recipe")
    add("--config", type=Path, metavar="FILE", help="a recipe of your own, instead of NAME")
    add("--name", dest="run", type=run_name, help="what to call the run and the model (NAME)")
    add("--smoke-test", action="store_true", help="toy size, for seconds: a check that it runs")

    add = verb(export, "Make weights, card and picture of a checkpoint, measured from the file.")
    add("checkpoint", type=Path, metavar="RUN|CHECKPOINT", help="a run folder, or one file of it")
    add("name", metavar="NAME", type=run_name, help="what to call the files")
    add("--to", type=Path, default=Path("exports"), help="folder (exports)")
    protocols = "2,000 images and one seed, or 10,000 and three (full)"
    add("--protocol", choices=["quick", "full"], default="full", help=protocols)
    add("--seeds", type=positive, help="draws of samples to measure (1 when quick, 3 when full)")
    add("--extractor", metavar="NAME", help="in whose space: inception, squeezenet, thumbnails...")
    add("--recipe", metavar="NAME|FILE", help="what it was trained by, where its run does not say")
    add("--license", help="of weights learned from your own pictures, as Apache-2.0")
    add("--terms", help="of your own pictures, as CC BY 4.0, by NAME")
    add("--half", action="store_true", help="store the weights in float16, in half the bytes")
    add("--force", action="store_true", help="replace files of another model or data set")


def run_name(text: str) -> str:
    """A name of a run: of its folder, its files and its repository."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}", text) or re.search(r"\.\d+$", text):
        raise ArgumentTypeError(
            f"must be 1 to 96 letters, digits, -, _ and ., not beginning with . or - nor ending in "
            f"a number after a dot, got {text!r}"
        )
    return text


def fit(options: Namespace) -> None:
    from zoo.training.fit import Stopped
    from zoo.training.fit import fit as train
    from zoo.training.picture_folders import fit_to_folder
    from zoo.training.run_folders import is_first

    recipe = options.config or catalog.recipe_path(options.name or "")
    if not recipe.is_file():
        raise ZooError(f"there is no recipe {recipe}")
    name = options.run or name_of(recipe)
    try:
        words = fit_to_folder(recipe, options.overrides, options.smoke_test)
        folder = train(name, recipe, words, options.smoke_test)
    except Stopped as stop:
        if is_first():
            resume = f"resume with: {fit_again(options)}"
            print(f"\nstopped; {resume if stop.resumable else 'no checkpoint was written yet'}")
        raise
    if is_first():
        print_result(folder, name, options.smoke_test)


def name_of(recipe: Path) -> str:
    """What to call the run of a recipe; raises ZooError where other runs could be called so."""
    if recipe.stem.startswith(".") or re.search(r"\.\d+$", recipe.stem):
        raise ZooError(
            f"a run cannot be called {recipe.stem!r}, as runs are numbered NAME.2, NAME.3, ...: "
            "name it by --name"
        )
    return recipe.stem


def fit_again(options: Namespace) -> str:
    """The command that resumes a training."""
    words = ["--config", str(options.config)] if options.config else [options.name]
    words += ["--name", options.run] if options.run else []
    words += ["--smoke-test"] if options.smoke_test else []
    words += [word for package in options.trust for word in ("--trust", package)]
    return shlex.join(["zoo", "fit", *words, "--ckpt_path", "last"])


def print_result(folder: Path, name: str, smoke_test: bool) -> None:
    """Where to look, and how to ship it."""
    print(f"\ncheckpoint and logs are in {folder}")
    for kind in ("samples", "reconstructions"):
        for picture in sorted((folder / kind).glob("*.png"))[-1:]:
            print(f"look at {picture}")
    if smoke_test:
        print("it runs; at this size it learns nothing: leave out --smoke-test to train")
    else:
        print(f"measure and export it with: {shlex.join(['zoo', 'export', str(folder), name])}")


def export(options: Namespace) -> None:
    from zoo.evaluation import PROTOCOLS
    from zoo.publishing.export import UNREVIEWED
    from zoo.publishing.export import export as ship

    protocol = PROTOCOLS[options.protocol]._replace(extractor=options.extractor)
    if options.seeds:
        protocol = protocol._replace(seeds=options.seeds)
    card = ship(
        options.checkpoint,
        options.name,
        options.to,
        protocol,
        recipe_for(options.recipe),
        prompt_terms(options),
        options.force,
        options.half,
        lambda words: print(words, file=sys.stderr),
    )
    print(yaml.safe_dump(card.metrics, sort_keys=False))
    print(f"wrote {options.to / options.name}.safetensors, .md and .png: look at the picture")
    if UNREVIEWED in card.prose:
        print(f"and write in {options.name}.md what the model is good at and what it gets wrong")


def recipe_for(name: str | None) -> Path | None:
    """The recipe of a name or in a file."""
    if name is None:
        return None
    return Path(name) if name.endswith(".yaml") else catalog.recipe_path(name)


def prompt_terms(options: Namespace) -> "Terms":
    """The license and the terms that were given; for one's own pictures a terminal is asked."""
    from zoo.evaluation.training_data import UNKNOWN, Terms, dataset_info
    from zoo.pretrained.checkpoints import newest_checkpoint

    given = Terms(options.license, options.terms)
    if options.recipe or None not in given or not sys.stdin.isatty():
        return given
    path = options.checkpoint
    path = newest_checkpoint([path]) if path.is_dir() else path
    if dataset_info(path).terms != UNKNOWN:
        return given
    prompts = ("license of the weights, as Apache-2.0", "terms of your pictures, as CC BY 4.0")
    asked = [value or input(f"{words} (Enter: unknown): ").strip() or None
             for value, words in zip(given, prompts, strict=True)]  # fmt: skip
    return Terms(*asked)
