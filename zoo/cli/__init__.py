"""The command line: `zoo COMMAND ...`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path

from zoo.cli import (
    catalog,
    dream,
    encode,
    energy,
    evaluate,
    explore,
    inpaint,
    predict,
    probe,
    publish,
    restore,
    sample,
    steer,
    styles,
    train,
    translate,
)
from zoo.cli.arguments import Add
from zoo.errors import UnknownName, ZooError, explain_os_error
from zoo.pretrained.trust import trusting
from zoo.text import printable

DESCRIPTION = "A zoo of generative models: load, sample, train, measure."
EPILOG = (
    "A NAME is one of `zoo list`, or owner/name[@revision] of the Hugging Face Hub; a FILE is a "
    ".safetensors file of `zoo.save`, or of `zoo export`, which writes its card (.md) and preview "
    "(.png) beside it. Outputs go to the current folder unless an option names another."
)
CARDS_ONLY = ("list", "show", "compare", "leaderboard", "cache")  # commands that load no model
TRUST = "allow files to name classes of this Python package, whose code then runs; repeatable"


class Wide(argparse.HelpFormatter):
    """Columns wide enough for the longest command beside its description."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    top = argparse.ArgumentParser("zoo", None, DESCRIPTION, EPILOG, formatter_class=Wide)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def verb(function: Callable[[argparse.Namespace], None], text: str) -> Add:
        name = function.__name__.rstrip("_").replace("_", "-")
        added = commands.add_parser(
            name, help=text, description=text, epilog=EPILOG, formatter_class=Wide
        )
        added.set_defaults(verb=function)
        return added.add_argument

    inspection = (
        sample, translate, inpaint, predict, dream, probe, steer, styles, encode, restore, explore,
        energy,
    )  # fmt: skip
    for group in (catalog, *inspection, train, evaluate, publish):
        group.register(verb)
    for name in commands.choices.keys() - {*CARDS_ONLY}:
        add = commands.choices[name].add_argument
        add("--trust", action="append", default=[], metavar="PACKAGE", help=TRUST)
    top.set_defaults(verbs=list(commands.choices), trust=[])
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a ZooError, an OSError or Ctrl-C is one line on stderr and exit code 1."""
    encode_anything()
    given = list(sys.argv[1:] if arguments is None else arguments)
    rest: list[str] = []
    if given[:1] == ["fit"]:
        given, rest = split_fit(given)
    try:
        options = parse(given)
        options.overrides = rest
        with trusting(packages=options.trust):
            if options.trust and not {"", os.getcwd()} & {*sys.path}:
                sys.path.append(os.getcwd())  # a trusted package may lie in the current folder
            options.verb(options)
        sys.stdout.flush()
    except ZooError as error:
        sys.exit(f"zoo: {printable(str(error))}")
    except OSError as error:
        if not (isinstance(error, BrokenPipeError) and is_pipe_closed()):
            sys.exit(f"zoo: {explain_os_error(error)}")
    except KeyboardInterrupt:
        sys.exit("\nzoo: stopped")


def parse(given: list[str]) -> argparse.Namespace:
    """The parsed arguments; raises UnknownName for an unknown command."""
    top = parser()
    verbs = top.get_default("verbs")
    if given and not given[0].startswith("-") and given[0] not in verbs:
        raise UnknownName("command", given[0], verbs, "`zoo --help`")
    return top.parse_args(given)


def encode_anything() -> None:
    """Print a question mark for a character that the terminal's encoding lacks, and discard output
    to a closed stream."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def split_fit(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments of `fit` for the zoo, at any position, and the others, which follow the recipe
    and are Lightning's."""
    own, rest = list[str](), list[str]()
    arguments = iter(given)
    for argument in arguments:
        if argument == "--smoke-test" or argument.startswith(("--name=", "--trust=")):
            own.append(argument)
        elif argument in ("--name", "--trust"):
            own += [argument, *[value for value in [next(arguments, None)] if value is not None]]
        else:
            rest.append(argument)
    kept = 3 if rest[1:2] == ["--config"] else 2
    return [*rest[:kept], *own], rest[kept:]


def is_pipe_closed() -> bool:
    """Whether the reader of the output, as `head`, has ended; further output is discarded."""
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
