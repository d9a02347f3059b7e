"""Models of sequences: text and music."""

from zoo.sequences.bach_bot import BachBot
from zoo.sequences.char_rnn import CharRNN

__all__ = ["BachBot", "CharRNN"]
