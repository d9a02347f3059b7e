"""The command line: `zoo VERB ...`."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from zoo import catalog
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.contracts import Animal, LatentVariableModel

DESCRIPTION = "A zoo of generative models: load, sample, train, measure."
EPILOG = "A NAME is one of `zoo list`; a FILE is a .safetensors file that `zoo.write` wrote."


class Wide(argparse.HelpFormatter):
    """Room for the longest verb beside its text."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def list_(options: argparse.Namespace) -> None:
    shown = catalog.names(options.pattern)
    for name in shown:
        facts, headline = catalog.card(name).facts, catalog.card(name).metrics[0]
        score = f"{headline['metric']} {headline['value']}"
        print(f"{name:<24} {facts['parameters']:>10,} parameters   {score}")
    if not shown:
        print(f"no model matches {options.pattern!r}; there are {', '.join(catalog.names())}")


def show(options: argparse.Namespace) -> None:
    print(catalog.card(options.name))


def sample(options: argparse.Namespace) -> None:
    from zoo import pictures

    model = able(catalog.load(options.name, options.device), options.name)
    pictures.save(pictures.grid(model.sample(options.n, options.seed)), options.to)
    print(f"{options.n} samples of {options.name} are in {options.to}")


def interpolate(options: argparse.Namespace) -> None:
    from zoo import pictures

    model = able(catalog.load(options.name, options.device), options.name)
    ends = model.prior(2 * options.rows, options.seed)
    latents = pictures.slerp(ends[: options.rows], ends[options.rows :], options.steps)
    pictures.save(pictures.grid(model.decode(latents), columns=options.steps), options.to)
    print(f"{options.rows} paths between two samples of {options.name} each are in {options.to}")


def fit(options: argparse.Namespace) -> None:
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
    print(f"\ncheckpoint and logs are in {folder}")
    for kind in ("samples", "reconstructions"):
        for picture in sorted((folder / kind).glob("*.png"))[-1:]:
            print(f"look at {picture}")
    print(f"ship it with: zoo export {folder / 'last.ckpt'} {name}")


def evaluate(options: argparse.Namespace) -> None:
    from zoo.evaluation import data_of, enter, report, table
    from zoo.measures import PROTOCOLS

    path, protocol = catalog.locate(options.name), PROTOCOLS[options.protocol]
    if options.seeds:
        protocol = protocol._replace(seeds=options.seeds)
    found = report(path, data_of(options.recipe or path.stem), protocol)
    print(json.dumps(found, indent=2) if options.json else table(found["metrics"]))
    print(f"measured in {found['seconds']:.0f} s from {path}", file=sys.stderr)
    if options.card:
        enter(path, found["metrics"])


def compare(options: argparse.Namespace) -> None:
    from zoo.evaluation import compare as side_by_side

    print(side_by_side(options.a, options.b))


def export(options: argparse.Namespace) -> None:
    from zoo.export import UNSEEN
    from zoo.export import export as ship

    card = ship(options.checkpoint, options.name, options.to)
    print(yaml.safe_dump(card.metrics, sort_keys=False))
    print(f"wrote {options.to / options.name}.safetensors, .md and .png: look at the picture")
    if UNSEEN in card.prose:
        print(f"and write in {options.name}.md what the model is good at and what it gets wrong")


def verify(options: argparse.Namespace) -> None:
    from zoo.export import verify as check

    for name in options.names or catalog.names():
        print(f"{name:<24} {', '.join(check(name))}")


def leaderboard(options: argparse.Namespace) -> None:
    from zoo.leaderboard import write

    for path in write(options.to):
        print(path)


def able(model: "Animal", name: str) -> "LatentVariableModel":
    """The model, if it draws images from latents."""
    from zoo.contracts import LatentVariableModel

    if not isinstance(model, LatentVariableModel):
        raise ZooError(f"{name} draws no images: it is a {type(model).__name__}")
    return model


def parser() -> argparse.ArgumentParser:
    """Every verb with its arguments."""
    top = argparse.ArgumentParser("zoo", None, DESCRIPTION, EPILOG, formatter_class=Wide)
    verbs = top.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(function: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        name = function.__name__.rstrip("_")
        added = verbs.add_parser(
            name, help=text, description=text, epilog=EPILOG, formatter_class=Wide
        )
        added.set_defaults(verb=function)
        return added

    add = verb(list_, "List the models that have trained weights.").add_argument
    add("pattern", nargs="?", default="*", help="which names, as '*-celeba'")

    add = verb(show, "Print a model's card.").add_argument
    add("name", metavar="NAME")

    add = verb(sample, "Draw images into one PNG.").add_argument
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=64, help="how many (64)")
    add_drawing(add, Path("samples.png"))

    add = verb(
        interpolate, "Draw paths along great circles between latents into one PNG."
    ).add_argument
    add("name", metavar="NAME|FILE")
    add("--rows", type=positive, default=8, help="how many paths (8)")
    add("--steps", type=positive, default=8, help="images on each path (8)")
    add_drawing(add, Path("interpolation.png"))

    text = "Train from a recipe. What follows overrides it: `zoo fit NAME --help` lists everything."
    which = verb(fit, text).add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", metavar="NAME", help="that of a recipe")
    which.add_argument("--config", type=Path, metavar="FILE", help="a recipe of your own")

    add = verb(
        evaluate, "Measure a weights file; each number comes with its protocol."
    ).add_argument
    add("name", metavar="NAME|FILE")
    add("--recipe", help="whose data to measure on (that of the same name)")
    add(
        "--protocol",
        choices=["quick", "full"],
        default="full",
        help="2,000 or 10,000 images (full)",
    )
    add("--seeds", type=positive, help="draws of samples (1 when quick, 3 when full)")
    add("--json", action="store_true", help="print whole records")
    add("--card", action="store_true", help="write the records into the card beside the file")

    add = verb(compare, "Set two models side by side, if measured in one way.").add_argument
    for side in ("a", "b"):
        add(side, metavar="NAME|JSON", help="a card, or what `zoo evaluate --json` printed")

    add = verb(
        export, "Make weights, card and picture of a checkpoint, measured from the file."
    ).add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT")
    add("name", metavar="NAME")
    add("--to", type=Path, default=catalog.WEIGHTS, help="folder (weights)")

    add = verb(
        verify, "Check that files are those of their cards and draw the same pictures."
    ).add_argument
    add("names", nargs="*", metavar="NAME", help="which (all)")

    add = verb(leaderboard, "Write all cards into one table: .md, .csv and .html.").add_argument
    add("--to", type=Path, default=catalog.HOME / "benchmarks", help="folder (benchmarks)")
    return top


def add_drawing(add: Callable[..., argparse.Action], to: Path) -> None:
    """What all drawing verbs take."""
    add("--seed", type=int, default=0, help="the same seed draws the same latents (0)")
    add("--to", type=Path, default=to, help=f"where ({to})")
    add("--device", help="cpu, cuda, mps (cpu)")


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; a ZooError is one line on stderr and exit code 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    kept = len(given)
    if given[:1] == ["fit"]:  # what follows the recipe belongs to Lightning
        kept = 3 if given[1:2] == ["--config"] else 2
    options = parser().parse_args(given[:kept])
    options.overrides = given[kept:]
    try:
        options.verb(options)
    except ZooError as error:
        sys.exit(f"zoo: {error}")
