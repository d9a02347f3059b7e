"""Models of sequences: text and music."""

from zoo.sequences.char_rnn import CharRNN

__all__ = ["CharRNN"]
