"""Arguments that several commands share, and their types."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from zoo.errors import ZooError
from zoo.files import expand_user

Add = Callable[..., argparse.Action]


class AddCommand(Protocol):
    """Adds a command with a description; returns the function that adds its arguments."""

    def __call__(self, function: Callable[[argparse.Namespace], None], text: str) -> Add: ...


def add_sampling(add: Add, to: Path) -> None:
    """Add the arguments of commands with random numbers that write a file."""
    add("--seed", type=seed, default=0, help="seed of the random numbers (0)")
    add_output(add, to)


def add_output(add: Add, to: Path) -> None:
    """Add the arguments of commands that run a model and write a file."""
    add("--to", type=Path, default=to, help=f"output file ({to})")
    add("--device", help="cpu, cuda or mps (cpu)")


def film_path(to: Path) -> Path:
    """The file of a film or of film strips; raises ZooError unless it is .gif or .png."""
    if to.suffix not in (".gif", ".png"):
        raise ZooError(f"--to must end in .gif or .png, got {to}. Name such a file")
    return expand_user(to)


def seed(text: str) -> int:
    """Parse a seed, a whole number from 0 to 2^63 - 1."""
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2^63 - 1, got {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Parse a whole number >= 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {text!r}")
    return int(text)


def above_zero(text: str) -> float:
    """Parse a finite number > 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a finite number > 0, got {text!r}")
    return number
