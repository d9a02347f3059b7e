"""What a model is measured by, ability by ability; each number comes with its protocol."""

from zoo.measures.abilities import measure
from zoo.measures.records import PROTOCOLS, Protocol, Record

__all__ = ["PROTOCOLS", "Protocol", "Record", "measure"]
