"""The command line: `zoo VERB ...`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from zoo import catalog, verbs
from zoo.errors import ZooError

DESCRIPTION = "A zoo of generative models: load, sample, train, measure."
EPILOG = "A NAME is one of `zoo list`; a FILE is a .safetensors file that `zoo.write` wrote."


class Wide(argparse.HelpFormatter):
    """Room for the longest verb beside its text."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def parser() -> argparse.ArgumentParser:
    """Every verb with its arguments."""
    top = argparse.ArgumentParser("zoo", None, DESCRIPTION, EPILOG, formatter_class=Wide)
    room = top.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(function: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        name = function.__name__.rstrip("_")
        added = room.add_parser(
            name, help=text, description=text, epilog=EPILOG, formatter_class=Wide
        )
        added.set_defaults(verb=function)
        return added

    add = verb(verbs.list_, "List the models that have trained weights.").add_argument
    add("pattern", nargs="?", default="*", help="which names, as '*-celeba'")

    add = verb(verbs.show, "Print a model's card.").add_argument
    add("name", metavar="NAME")

    add = verb(verbs.sample, "Draw images into one PNG.").add_argument
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=64, help="how many (64)")
    add_drawing(add, Path("samples.png"))

    add = verb(
        verbs.interpolate, "Draw paths along great circles between latents into one PNG."
    ).add_argument
    add("name", metavar="NAME|FILE")
    add("--rows", type=positive, default=8, help="how many paths (8)")
    add("--steps", type=positive, default=8, help="images on each path (8)")
    add_drawing(add, Path("interpolation.png"))

    text = "Train from a recipe. What follows overrides it: `zoo fit NAME --help` lists everything."
    which = verb(verbs.fit, text).add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", metavar="NAME", help="that of a recipe")
    which.add_argument("--config", type=Path, metavar="FILE", help="a recipe of your own")

    add = verb(
        verbs.evaluate, "Measure a weights file; each number comes with its protocol."
    ).add_argument
    add("name", metavar="NAME|FILE")
    add("--recipe", metavar="NAME|FILE", help="whose data to measure on (that of the same name)")
    add(
        "--protocol",
        choices=["quick", "full"],
        default="full",
        help="2,000 or 10,000 images (full)",
    )
    add("--seeds", type=positive, help="draws of samples (1 when quick, 3 when full)")
    add("--json", action="store_true", help="print whole records")
    add("--card", action="store_true", help="write the records into the card beside the file")

    add = verb(verbs.compare, "Set two models side by side, if measured in one way.").add_argument
    for side in ("a", "b"):
        add(side, metavar="NAME|JSON", help="a card, or what `zoo evaluate --json` printed")

    add = verb(
        verbs.export, "Make weights, card and picture of a checkpoint, measured from the file."
    ).add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT")
    add("name", metavar="NAME")
    add("--to", type=Path, default=catalog.WEIGHTS, help="folder (weights)")
    add("--seeds", type=positive, default=3, help="draws of samples to measure (3)")

    add = verb(
        verbs.verify, "Check that files are those of their cards and draw the same pictures."
    ).add_argument
    add("names", nargs="*", metavar="NAME", help="which (all)")

    add = verb(
        verbs.leaderboard, "Write all cards into one table: .md, .csv and .html."
    ).add_argument
    add("--to", type=Path, default=catalog.HOME / "benchmarks", help="folder (benchmarks)")
    return top


def add_drawing(add: Callable[..., argparse.Action], to: Path) -> None:
    """What all drawing verbs take."""
    add("--seed", type=seed, default=0, help="the same seed draws the same latents (0)")
    add("--to", type=Path, default=to, help=f"where ({to})")
    add("--device", help="cpu, cuda, mps (cpu)")


def seed(text: str) -> int:
    """A whole number that a generator of random numbers takes."""
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2^63 - 1")
    return int(text)


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
    except (ZooError, OSError) as error:
        sys.exit(f"zoo: {error}")
