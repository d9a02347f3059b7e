"""Types of constructor arguments that state a range, and a value for smoke tests.

`zoo fit` checks the range before training; `zoo fit --smoke-test` sets the value. A class of other
people's code may use the same types.
"""

from typing import Annotated, NamedTuple, TypeVar, get_args, get_origin, get_type_hints


class AtLeast(NamedTuple):
    """The smallest valid value of an argument, or of each of several."""

    value: int


class SmokeTestValue(NamedTuple):
    """The value of an argument in a smoke test, which is small, or needs no download."""

    value: int | str


Count = Annotated[int, AtLeast(1)]
Width = Annotated[int, AtLeast(1), SmokeTestValue(8)]  # channels or units of a network
Depth = Annotated[int, AtLeast(1), SmokeTestValue(2)]  # layers of a network

Marker = TypeVar("Marker", AtLeast, SmokeTestValue)


def marked(kind: type, marker: type[Marker]) -> dict[str, Marker]:
    """The arguments of a class whose types carry a marker, each with it."""
    try:
        hints = get_type_hints(getattr(kind, "__init__"), include_extras=True)  # noqa: B009
    except NameError:  # an annotation of other people's code that cannot be resolved
        return {}
    found = {name: find_marker(hint, marker) for name, hint in hints.items()}
    return {name: value for name, value in found.items() if value is not None}


def find_marker(hint: object, marker: type[Marker]) -> Marker | None:
    """The marker of a type, of one of its alternatives, or of the items of a tuple."""
    if get_origin(hint) is Annotated:
        return next((m for m in get_args(hint)[1:] if isinstance(m, marker)), None)
    parts = (find_marker(part, marker) for part in get_args(hint) if part is not None)
    return next((part for part in parts if part is not None), None)
