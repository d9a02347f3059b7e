"""Models of sequences: text, music, series of numbers and clips."""

from zoo.sequences.bach_bot import BachBot
from zoo.sequences.char_rnn import CharRNN
from zoo.sequences.conv_lstm import ConvLSTM
from zoo.sequences.recurrent_gan import RecurrentGAN
from zoo.sequences.timegan import TimeGAN

__all__ = ["BachBot", "CharRNN", "ConvLSTM", "RecurrentGAN", "TimeGAN"]
