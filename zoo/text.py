"""Escaping of untrusted text for terminals, Markdown and messages."""

import re
from reprlib import Repr

LINE = 1000  # longest line of a message, in characters
MARKUP = re.compile(r"([\\|<>\[\]`])")


def printable(text: str, most: int = LINE) -> str:
    """One line of at most `most` characters that a terminal prints without interpretation.

    Whitespace becomes a space. Control characters, bidirectional overrides and lone surrogates are
    removed. Longer text loses its middle.
    """
    if len(text) > most:
        text = f"{text[: most // 2]} ... {text[-most // 2 + 5 :]}"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)


def printable_lines(text: str) -> str:
    """Apply `printable` to each line of a text."""
    return "\n".join(printable(line, len(line)) for line in text.split("\n"))


def plain(text: str) -> str:
    """A text of any length without what a terminal interprets: newlines and tabs stay, other
    whitespace becomes a space, control characters and bidirectional overrides are removed."""
    odd = {c for c in set(text) if not (c.isprintable() or c in "\n\t")}
    return text.translate({ord(c): " " if c.isspace() else None for c in odd}) if odd else text


class Brief(Repr):
    """Repr of a value of any size and depth, in bounded time."""

    def repr_int(self, x: int, level: int) -> str:
        """Repr of an integer; Python raises ValueError for those of more than 4,300 digits."""
        return super().repr_int(x, level) if x.bit_length() < 999 else "an integer of > 300 digits"


def brief(value: object, most: int = 80) -> str:
    """Repr of an untrusted value in at most `most` printable characters."""
    short = Brief()
    short.maxstring = short.maxother = short.maxlong = most
    return printable(short.repr(value), most)


def markdown(text: object) -> str:
    """Escape text for a cell of a Markdown table, so that no character is markup."""
    return MARKUP.sub(r"\\\1", printable(str(text)))
