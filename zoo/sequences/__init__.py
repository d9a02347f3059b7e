"""Models of sequences: text, music and series of numbers."""

from zoo.sequences.bach_bot import BachBot
from zoo.sequences.char_rnn import CharRNN
from zoo.sequences.recurrent_gan import RecurrentGAN
from zoo.sequences.timegan import TimeGAN

__all__ = ["BachBot", "CharRNN", "RecurrentGAN", "TimeGAN"]
