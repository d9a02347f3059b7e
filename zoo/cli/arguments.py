"""What several verbs take, and how it is read."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

Add = Callable[..., argparse.Action]


class AddCommand(Protocol):
    """Enters a verb with its text; returns what adds its arguments."""

    def __call__(self, function: Callable[[argparse.Namespace], None], text: str) -> Add: ...


def add_sampling(add: Add, to: Path) -> None:
    """What verbs take that draw at random."""
    add("--seed", type=seed, default=0, help="the same seed gives the same picture (0)")
    add_place(add, to)


def add_place(add: Add, to: Path) -> None:
    """What verbs take that write a file."""
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


def above_zero(text: str) -> float:
    """A number above zero, and not without end."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero")
    return number
