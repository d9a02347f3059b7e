"""YAML from untrusted sources as plain data: no tags, no code, limited size.

Parsed by libyaml where PyYAML has it. Aliases are allowed while the expanded document is small;
text is made printable as it is read.
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
NODES = 20_000  # values of a document, with aliases expanded
DEPTH = 24
LARGEST = 2**63  # numbers must be smaller
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
    """A document that is not YAML, or not plain, or too large; the message has the line."""


class Node(NamedTuple):
    """A value, and the number of values in it, itself included."""

    value: Plain
    size: int


def one_line(text: str) -> str:
    """Text of a document as one printable line."""
    return printable(text, CHARACTERS)


def read_yaml(text: str, clean: Callable[[str], str] = one_line) -> Plain:
    """The document in a text, which must be the only one, with all quoted text made harmless by
    `clean`; raises NotPlain."""
    if len(text) > CHARACTERS:
        raise NotPlain(f"the text must be at most {CHARACTERS:,} characters, got {len(text):,}")
    try:
        return Reader(yaml.parse(text, Loader=LOADER), clean).document()
    except yaml.YAMLError as error:
        raise NotPlain(printable(str(error))) from error


class Reader:
    """One pass over the events of a document."""

    def __init__(self, events: Iterator[yaml.Event], clean: Callable[[str], str]) -> None:
        self.events, self.clean = events, clean
        self.anchors: dict[str, Node] = {}
        self.left = NODES

    def document(self) -> Plain:
        next(self.events)  # the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        node = self.node(next(self.events), DEPTH)
        next(self.events)  # the document's end
        if not isinstance(more := next(self.events), yaml.StreamEndEvent):
            reject("there must be one document, got a second", more)
        return node.value

    def node(self, event: yaml.Event, depth: int) -> Node:
        """The value that starts with an event."""
        if isinstance(event, AliasEvent):
            found = self.anchors.get(str(event.anchor))
            node = found or reject(f"there is no anchor {event.anchor} before the alias", event)
        else:
            node = self.new_node(event, depth)
        self.left -= node.size if isinstance(event, AliasEvent) else 1
        if self.left < 0:
            reject(f"there must be at most {NODES:,} values, got more", event)
        if anchor := getattr(event, "anchor", None):
            self.anchors[anchor] = node
        return node

    def new_node(self, event: yaml.Event, depth: int) -> Node:
        """A value other than an alias."""
        if depth < 0:
            reject(f"values must be nested at most {DEPTH} levels, got more", event)
        if (tag := getattr(event, "tag", None)) not in TAGS:
            reject(f"tags are not allowed, got {tag}", event)
        if isinstance(event, ScalarEvent):
            text = event.tag is None and event.implicit[0]
            return Node(scalar(event) if text else self.clean(event.value), 1)
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
                found = key if isinstance(key, int) else type(key)
                reject(f"keys must be text, got {found}", event)
        return Node(merged | values, size)


def scalar(event: ScalarEvent) -> Plain:
    """A scalar without quotes: a boolean, null, a number, or text."""
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
                return (
                    number
                    if abs(number) < LARGEST
                    else reject("a number must be below 2^63", event)
                )
        if NO_NUMBER.fullmatch(text):
            reject(f"numbers must be finite, got {text}", event)
    return one_line(text)


def reject(reason: str, event: yaml.Event) -> NoReturn:
    line = event.start_mark.line + 1 if event.start_mark else 0
    raise NotPlain(printable(f"{reason} (line {line})"))
