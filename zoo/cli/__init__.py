"""The command line: `zoo VERB ...`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path

from zoo.cli import (
    catalog,
    encode,
    evaluate,
    explore,
    probe,
    publish,
    restore,
    sample,
    steer,
    train,
)
from zoo.cli.arguments import Add
from zoo.errors import UnknownName, ZooError, explain_os_error
from zoo.text import printable

DESCRIPTION = "A zoo of generative models: load, sample, train, measure."
EPILOG = (
    "A NAME is one of `zoo list`, or owner/name[@revision] of the Hugging Face Hub; a FILE is a "
    ".safetensors file that `zoo.save` wrote, with its card (.md) and picture (.png) beside it "
    "where `zoo export` made them. What is written goes to the current folder unless told."
)


class Wide(argparse.HelpFormatter):
    """Room for the longest verb beside its text."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def parser() -> argparse.ArgumentParser:
    """Every verb with its arguments."""
    top = argparse.ArgumentParser("zoo", None, DESCRIPTION, EPILOG, formatter_class=Wide)
    room = top.add_subparsers(title="verbs", metavar="VERB", required=True)

    def verb(function: Callable[[argparse.Namespace], None], text: str) -> Add:
        name = function.__name__.rstrip("_").replace("_", "-")
        added = room.add_parser(
            name, help=text, description=text, epilog=EPILOG, formatter_class=Wide
        )
        added.set_defaults(verb=function)
        return added.add_argument

    inspection = sample, probe, steer, encode, restore, explore
    for group in (catalog, *inspection, train, evaluate, publish):
        group.register(verb)
    top.set_defaults(verbs=list(room.choices))
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; a ZooError, an OSError or Ctrl-C is one line on stderr and exit code 1."""
    encode_anything()
    given = list(sys.argv[1:] if arguments is None else arguments)
    rest: list[str] = []
    if given[:1] == ["fit"]:
        given, rest = split_fit(given)
    try:
        options = parse(given)
        options.overrides = rest
        options.verb(options)
        sys.stdout.flush()
    except ZooError as error:
        sys.exit(f"zoo: {printable(str(error))}")
    except OSError as error:
        if not (isinstance(error, BrokenPipeError) and abandoned()):
            sys.exit(f"zoo: {explain_os_error(error)}")
    except KeyboardInterrupt:
        sys.exit("\nzoo: stopped")


def parse(given: list[str]) -> argparse.Namespace:
    """What the arguments mean; raises UnknownName for a verb that is none."""
    top = parser()
    verbs = top.get_default("verbs")
    if given and not given[0].startswith("-") and given[0] not in verbs:
        raise UnknownName("command", given[0], verbs, "`zoo --help`")
    return top.parse_args(given)


def encode_anything() -> None:
    """Let a terminal whose encoding lacks a character show it as a question mark, and what is
    printed to a stream that is closed go nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def split_fit(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of `fit` that are the zoo's, wherever they stand, and the others, which follow the
    recipe and belong to Lightning."""
    own, rest = list[str](), list[str]()
    words = iter(given)
    for word in words:
        if word == "--smoke-test" or word.startswith("--name="):
            own.append(word)
        elif word == "--name":
            own += [word, *[value for value in [next(words, None)] if value is not None]]
        else:
            rest.append(word)
    kept = 3 if rest[1:2] == ["--config"] else 2
    return [*rest[:kept], *own], rest[kept:]


def abandoned() -> bool:
    """Whether whoever read along, as `head` does, has had enough; what is left goes nowhere."""
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
