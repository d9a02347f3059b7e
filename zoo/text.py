"""Text of strangers, made safe to print: on a terminal, in Markdown, in a message."""

import re
from reprlib import Repr

LINE = 1000  # characters of one line of a message
MARKUP = re.compile(r"([\\|<>\[\]`])")


def printable(text: str, most: int = LINE) -> str:
    """One line of at most `most` characters, without those that command a terminal: whitespace
    becomes a space; control characters, bidirectional overrides and lone surrogates go."""
    if len(text) > most:
        text = f"{text[: most // 2]} ... {text[-most // 2 + 5 :]}"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)


def printable_lines(text: str) -> str:
    """Text of several lines, each of them printable."""
    return "\n".join(printable(line, len(line)) for line in text.split("\n"))


class Brief(Repr):
    """The repr of a value of any size and depth, of which little is looked at."""

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() < 999 else "an integer of > 300 digits"


def brief(value: object, most: int = 80) -> str:
    """The repr of a stranger's value, in at most `most` characters."""
    short = Brief()
    short.maxstring = short.maxother = short.maxlong = most
    return printable(short.repr(value), most)


def markdown(text: object) -> str:
    """Text for a cell of a Markdown table, in which no character is markup."""
    return MARKUP.sub(r"\\\1", printable(str(text)))
