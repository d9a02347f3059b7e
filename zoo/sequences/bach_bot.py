"""BachBot. Liang et al., 2017, https://archives.ismir.net/ismir2017/paper/000156.pdf

Polyphonic music as one sequence of tokens: the voices of a time step one after another, then those
of the next step. The network is that of the character RNN.
"""

import torch
from torch import Tensor

from zoo.checks import check_count
from zoo.core.arguments import Count, Depth, Width
from zoo.core.modality import Music
from zoo.errors import BadRecipe
from zoo.layers.recurrent import State
from zoo.sequences.char_rnn import TokenRNN

VOICES = 4  # soprano, alto, tenor, bass


class BachBot(TokenRNN):
    """BachBot over four voices with pitches of MIDI from `low` to `high`; `length` is the number of
    time steps of a sample.

    The paper marks the end of a step, and notes that go on, by tokens; here each voice has tokens
    of its own, and equal pitches are one note.
    """

    def __init__(
        self,
        low: Count = 31,
        high: Count = 87,
        length: Count = 64,
        width: Width = 256,
        depth: Depth = 2,
        dropout: float = 0.3,
        lr: float = 2e-3,
    ) -> None:
        if not 0 < low < high < 128:
            raise BadRecipe(
                f"low and high must be pitches of MIDI, 0 < low < high < 128, got {low} and {high}"
            )
        pitches = Music(low=low, high=high).pitches
        super().__init__(VOICES * pitches, width, depth, dropout)
        self.save_hyperparameters()

    @property
    def modality(self) -> Music:
        return Music(VOICES, self.hparams["low"], self.hparams["high"])

    def forward(self, before: Tensor, memory: State | None = None) -> tuple[Tensor, State]:
        """Logits (n, t, tokens), finite only for the voice that follows each token (n, t)."""
        logits, memory = super().forward(before, memory)
        pitches = self.tokens // VOICES
        voice = torch.arange(self.tokens, device=before.device) // pitches
        last = before.clamp(max=self.tokens - 1) // pitches  # a start is like the end of a step
        follows = voice == (last[..., None] + 1) % VOICES  # (n, t, tokens)
        return logits.masked_fill(~follows, -torch.inf), memory

    def sample(
        self,
        n: int,
        seed: int | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        length: int | None = None,
    ) -> Tensor:
        """Music (n, 4 * steps) as tokens; a temperature below 1 and `top_k` favor probable notes.
        It begins where a piece begins."""
        check_count(n)
        steps = self.hparams["length"] if length is None else length
        check_count(steps, "length", 1)
        silence = torch.zeros(n, 1, VOICES, dtype=torch.uint8, device=self.device)
        before = torch.cat([self.start(n), self.modality.normalize(silence)], dim=1)
        return self.extend(before, VOICES * steps, seed, temperature, top_k)
