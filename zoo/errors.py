"""What went wrong, in words for people: what was found, what is allowed, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class ZooError(Exception):
    """Anything the zoo refuses; the message says what to do instead."""


class UnknownName(ZooError):
    """No animal, class or data set of that name."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
        super().__init__(f"there is no {kind} called {name!r}; {hint}")


class BadWeights(ZooError):
    """A weights file that cannot be read as one."""


class BadCard(ZooError):
    """A card that cannot be read as one."""


class BadRecipe(ZooError):
    """A recipe that cannot be followed."""


class MissingData(ZooError):
    """A data set that is not there and could not be downloaded."""


class Diverged(ZooError):
    """A training whose numbers are none any more."""

    def __init__(self, player: str, step: int, words: str, good: str = "") -> None:
        kept = f"{good} keeps the weights from before" if good else "no checkpoint was written yet"
        super().__init__(
            f"after step {step} the {player} {words}: the training has diverged, and {kept}; start "
            "anew with a smaller learning rate, or with --trainer.precision 32-true"
        )
