"""YAML of strangers as plain data: no tags, nothing that grows, nothing that is executed.

Parsed by libyaml where PyYAML has it. Aliases are allowed as long as the document that they stand
for is small; text is made printable as it is read.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, NoReturn

import yaml
from yaml import (
    AliasEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from zoo.text import printable

Plain = None | bool | int | float | str | list | dict  # of Plain again; keys are text

CHARACTERS = 2**18  # of a document
NODES = 20_000  # values of a document, those behind aliases counted each time
DEPTH = 24
LARGEST = 2**63  # what numbers stay below
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TAGS = (None, "!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq")))

WORDS: dict[str, bool | None] = {
    form: value
    for words, value in (("true yes on", True), ("false no off", False), ("null ~", None))
    for word in words.split()
    for form in (word, word.capitalize(), word.upper())
} | {"": None}
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
NUMBER = re.compile(r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?")
NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)")


class NotPlain(ValueError):
    """A document that is not YAML, or not plain and small; says where."""


class Node(NamedTuple):
    """A value, and how many values it holds, itself included."""

    value: Plain
    size: int


def read_yaml(text: str) -> Plain:
    """The one document of a text; raises NotPlain."""
    if len(text) > CHARACTERS:
        raise NotPlain(f"it has {len(text):,} characters, more than {CHARACTERS:,}")
    try:
        return Reader(yaml.parse(text, Loader=LOADER)).document()
    except yaml.YAMLError as error:
        raise NotPlain(printable(str(error))) from error


class Reader:
    """One pass over the events of a document."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.events = events
        self.anchors: dict[str, Node] = {}
        self.left = NODES

    def document(self) -> Plain:
        next(self.events)  # the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        node = self.node(next(self.events), DEPTH)
        next(self.events)  # the document's end
        if not isinstance(more := next(self.events), yaml.StreamEndEvent):
            refuse("it holds a second document", more)
        return node.value

    def node(self, event: yaml.Event, depth: int) -> Node:
        """The value that begins with an event."""
        if isinstance(event, AliasEvent):
            found = self.anchors.get(str(event.anchor))
            node = found or refuse(f"it has no anchor {event.anchor} before the alias", event)
        else:
            node = self.fresh(event, depth)
        self.left -= node.size if isinstance(event, AliasEvent) else 1
        if self.left < 0:
            refuse(f"it stands for more than {NODES:,} values", event)
        if anchor := getattr(event, "anchor", None):
            self.anchors[anchor] = node
        return node

    def fresh(self, event: yaml.Event, depth: int) -> Node:
        """A value that is no alias."""
        if depth < 0:
            refuse(f"it is nested deeper than {DEPTH} levels", event)
        if (tag := getattr(event, "tag", None)) not in TAGS:
            refuse(f"it has the tag {tag}", event)
        if isinstance(event, ScalarEvent):
            text = event.tag is None and event.implicit[0]
            return Node(scalar(event) if text else printable(event.value, CHARACTERS), 1)
        return (self.list if isinstance(event, SequenceStartEvent) else self.mapping)(depth)

    def list(self, depth: int) -> Node:
        values, size = [], 1
        while not isinstance(event := next(self.events), SequenceEndEvent):
            value, more = self.node(event, depth - 1)
            values.append(value)
            size += more
        return Node(values, size)

    def mapping(self, depth: int) -> Node:
        values: dict[str, Plain] = {}
        merged: dict[str, Plain] = {}
        size = 1
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self.node(event, depth - 1).value
            value, more = self.node(next(self.events), depth - 1)
            size += 1 + more
            if key == "<<" and isinstance(value, dict):
                merged |= value
            elif isinstance(key, str):
                values[key] = value
            else:
                refuse(f"the key {key if isinstance(key, int) else type(key)} is not text", event)
        return Node(merged | values, size)


def scalar(event: ScalarEvent) -> Plain:
    """A scalar without quotes: a word, a number, or text."""
    text = event.value
    if text in WORDS:
        return WORDS[text]
    if text[:1] in "0123456789+-.":
        kinds: tuple[tuple[re.Pattern, Callable[[str], int | float]], ...] = (
            (INTEGER, int),
            (NUMBER, float),
        )
        for pattern, kind in kinds:
            if pattern.fullmatch(text):
                number = kind(text.replace("_", "")) if len(text) < 400 else LARGEST
                return number if abs(number) < LARGEST else refuse("a number is too large", event)
        if NO_NUMBER.fullmatch(text):
            refuse(f"{text} is not a finite number", event)
    return printable(text, CHARACTERS)


def refuse(why: str, event: yaml.Event) -> NoReturn:
    line = event.start_mark.line + 1 if event.start_mark else 0
    raise NotPlain(printable(f"{why} (line {line})"))
