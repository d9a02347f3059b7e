"""Exceptions of the zoo; their messages state the valid range, the value received and a remedy."""

import errno
from collections.abc import Iterable
from difflib import get_close_matches

from zoo.text import brief, printable

FEW = 8  # most names that a message lists
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk full, quota exceeded, file too large


class ZooError(Exception):
    """Base class of all errors of the zoo; the message is one printable line with a remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(str(message)))


class UnknownName(ZooError):
    """Unknown name of a model, class, argument or data set.

    The message suggests up to three similar names. Without any, it lists all `known` names if they
    are at most FEW, or else names the command `listed_by` that lists them.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], listed_by: str = "") -> None:
        known = sorted(known)
        near = get_close_matches(name[:100], known, n=3, cutoff=0.5)
        if near:
            hint = f"did you mean {' or '.join(near)}?"
        elif len(known) <= FEW:
            hint = f"known: {', '.join(known) or 'none'}"
        else:
            hint = f"{listed_by} lists all {len(known)}" if listed_by else f"{len(known)} are known"
        super().__init__(f"there is no {kind} called {brief(name)}; {hint}")


class BadInput(ZooError):
    """Invalid images, latents, labels or counts passed to a model."""


class BadWeights(ZooError):
    """Invalid or unreadable weights file."""


class BadCard(ZooError):
    """Invalid or unreadable model card."""


class BadRecipe(ZooError):
    """Invalid recipe or training configuration."""


class MissingData(ZooError):
    """Data set or weights that are missing and could not be downloaded."""


class Diverged(ZooError):
    """Training with NaN, infinite or exploding values.

    `symptom` completes the sentence "the `player` ...". `checkpoint` has the weights of an earlier
    step, if there is one.
    """

    def __init__(self, player: str, step: int, symptom: str, checkpoint: str = "") -> None:
        state = "no checkpoint was written yet"
        if checkpoint:
            state = f"{checkpoint} keeps the weights of an earlier step"
        super().__init__(
            f"training diverged: after step {step} the {player} {symptom}; {state}. Restart with a "
            "smaller learning rate, or with --trainer.precision 32-true"
        )


def explain_os_error(error: OSError) -> str:
    """One line for an OSError: the file, the error and a remedy."""
    files = [str(name) for name in (error.filename, error.filename2) if name]
    file = files[-1] if files else "a file"
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno is None:
        return printable(str(error) or reason)
    if error.errno in FULL:
        remedy = "Free space or write to another disk. An existing file is unchanged"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = "Name a file that you have permission to read and write, as by --to"
    elif error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY):
        remedy = "Name another path: a file is where a folder should be, or a folder for a file"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "Choose a shorter name"
    else:
        remedy = "Check that it exists and is readable" if files else "Try again"
    return printable(f"{file}: {reason}. {remedy}")
