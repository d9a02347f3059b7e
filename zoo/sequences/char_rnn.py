"""Character RNN. Graves, 2013, https://arxiv.org/abs/1308.0850

An LSTM predicts each character of a text from those before it; its own predictions, fed back to it,
write new text. Karpathy, 2015: https://karpathy.github.io/2015/05/21/rnn-effectiveness
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam

from zoo.checks import check_count, check_tokens
from zoo.core.arguments import Count, Depth, Width
from zoo.core.modality import Modality, Text
from zoo.core.module import ZooModule, eval_mode
from zoo.errors import BadInput, BadRecipe
from zoo.layers.noise import seeded
from zoo.layers.recurrent import LSTM, State

WINDOW = 256  # tokens whose activations `log_prob` keeps at a time


class TokenRNN(ZooModule, ABC):
    """Stacked LSTMs over sequences of tokens (n, t), with dropout between the layers (Zaremba et
    al., 2014, https://arxiv.org/abs/1409.2329), trained by truncated backpropagation through time.

    Batches are windows (n, t) of n streams; each batch continues the one before.
    """

    def __init__(self, tokens: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise BadRecipe(f"dropout must be >= 0 and < 1, got {dropout}. The default is 0.5")
        self.tokens = tokens
        self.embed = nn.Embedding(tokens + 1, width)  # the last one stands before a sequence
        between = dropout if depth > 1 else 0.0
        self.lstm = LSTM(width, width, depth, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, tokens)
        self.carried: tuple[Tensor, State | None] | None = None

    @property
    @abstractmethod
    def modality(self) -> Modality:
        """What the tokens stand for."""

    def forward(self, before: Tensor, memory: State | None = None) -> tuple[Tensor, State]:
        """Logits (n, t, tokens) of the tokens that follow each of `before` (n, t), and the memory
        after the last one."""
        features, memory = self.lstm(self.embed(before), memory)
        return self.head(self.dropout(features)), memory

    def start(self, n: int) -> Tensor:
        """The token (n, 1) that stands before a sequence."""
        return torch.full((n, 1), self.tokens, device=self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss -log p(x_t | x_<t), the mean over the tokens of the windows, in nats."""
        x, _ = batch
        if batch_idx == 0:  # an epoch begins where the streams begin
            self.carried = None
        last, memory = self.carried or (self.start(len(x)), None)
        logits, (h, c) = self(torch.cat([last, x[:, :-1]], dim=1), memory)
        loss = cross_entropy(logits.flatten(0, 1), x.flatten())
        self.carried = x[:, -1:], (h.detach(), c.detach())  # gradients end at the window
        self.log_on_interval({"nats_per_token": loss})
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, _ = batch
        nats = -self.log_prob(x).sum() / x.numel()
        self.log("val/nats_per_token", nats, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.one_cycle(Adam(self.parameters()), self.hparams["lr"])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["carried"] = self.carried

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.carried = checkpoint.get("carried")

    @torch.no_grad()
    def log_prob(self, x: Tensor) -> Tensor:
        """The log-likelihood of each sequence (n, t) of any length, from its first token on: (n,)
        in nats. Raises BadInput for other tokens than those of the model."""
        check_tokens(x, self.tokens)
        last, memory = self.start(len(x)), None
        total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        with eval_mode(self):
            for window in x.split(WINDOW, dim=1):
                logits, memory = self(torch.cat([last, window[:, :-1]], dim=1), memory)
                nats = cross_entropy(logits.movedim(2, 1).double(), window, reduction="none")
                total, last = total - nats.sum(1), window[:, -1:]
        return total

    @torch.no_grad()
    def extend(
        self,
        before: Tensor,
        length: int,
        seed: int | None,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> Tensor:
        """Draw the `length` tokens (n, length) that follow `before` (n, t). Raises BadInput."""
        check_temperature(temperature, top_k)
        generator = seeded(len(before), seed)
        # one number for each token, so that a larger n extends the samples of a smaller n
        uniform = torch.rand(len(before), length, generator=generator, dtype=torch.float64)
        if not len(before):  # which LSTMs do not take
            return before.new_empty(0, length)
        found, memory = [], None
        with eval_mode(self):
            for u in uniform.to(self.device).split(1, dim=1):
                logits, memory = self(before, memory)
                before = draw(logits[:, -1].double() / temperature, top_k, u)
                found.append(before)
        return torch.cat(found, dim=1)


def draw(logits: Tensor, top_k: int | None, uniform: Tensor) -> Tensor:
    """Tokens (n, 1) of logits (n, tokens) by the inverse of their distribution function at numbers
    (n, 1) in [0, 1); only the `top_k` most probable ones, or all."""
    if top_k is not None and top_k < logits.shape[1]:
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    cumulative = logits.softmax(1).cumsum(1)
    scaled = uniform * cumulative[:, -1:]  # rounding may leave the sum below 1
    return (cumulative <= scaled).sum(1, keepdim=True).clamp(max=logits.shape[1] - 1)


def check_temperature(temperature: float, top_k: int | None) -> None:
    """Raise BadInput unless the temperature is finite and > 0, and top_k is None or >= 1."""
    if not 0 < temperature < float("inf"):
        raise BadInput(
            f"temperature must be finite and > 0, got {temperature}. 1 draws from the model's own "
            "distribution"
        )
    if top_k is not None:
        check_count(top_k, "top_k", 1)


class CharRNN(TokenRNN):
    """Character RNN over the characters of `vocabulary`, and over `words` where they are given.

    `length` is the number of tokens of a sample. Raises BadInput for a vocabulary that is empty or
    repeats a character, and for words that repeat or have other characters.
    """

    def __init__(
        self,
        vocabulary: str,
        length: Count = 500,
        width: Width = 256,
        depth: Depth = 2,
        dropout: float = 0.5,
        lr: float = 2e-3,
        words: tuple[str, ...] = (),
    ) -> None:
        super().__init__(len(Text(vocabulary, words=tuple(words)).tokens), width, depth, dropout)
        self.save_hyperparameters()

    @property
    def modality(self) -> Text:
        return Text(self.hparams["vocabulary"], words=tuple(self.hparams["words"]))

    def sample(
        self,
        n: int,
        seed: int | None = None,
        prompt: str = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        length: int | None = None,
    ) -> Tensor:
        """Texts (n, tokens) as indices into the vocabulary: the prompt, and `length` tokens that
        continue it. A temperature below 1 and `top_k` favor probable tokens. Raises
        BadInput for a prompt with characters outside of the vocabulary."""
        check_count(n)
        length = self.hparams["length"] if length is None else length
        check_count(length, "length", 1)
        given = self.modality.encode(prompt).to(self.device).expand(n, -1)
        before = torch.cat([self.start(n), given], dim=1)
        return torch.cat([given, self.extend(before, length, seed, temperature, top_k)], dim=1)
