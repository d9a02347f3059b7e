"""What a model is measured by, ability by ability; each number comes with its protocol."""

from zoo.evaluation.applicable import measure
from zoo.evaluation.records import PROTOCOLS, Protocol, Record

__all__ = ["PROTOCOLS", "Protocol", "Record", "measure"]
