"""Sentence VAE. Bowman, Vilnis, Vinyals, Dai, Jozefowicz & Bengio, 2016, https://arxiv.org/abs/1511.06349

An LSTM reads a line of text into a latent, another one writes the line from it. So that the writer
does not ignore the latent, the KL divergence is weighted from 0 up, and some of the characters that
it sees are dropped.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import cross_entropy

from zoo.checks import check_tokens
from zoo.core.arguments import Count, Width
from zoo.core.modality import Text
from zoo.core.modality.text import END
from zoo.core.module import eval_in_chunks, eval_mode
from zoo.errors import BadInput, BadRecipe
from zoo.layers.precision import at_least_float32
from zoo.layers.recurrent import LSTM, State
from zoo.vaes.annealed import AnnealedVAE
from zoo.vaes.vae import diagonal_normal


class SentenceVAE(AnnealedVAE):
    """VAE of lines (n, length) of characters of `vocabulary`, which contains the end of a line.

    `word_dropout` is the share of characters that the decoder does not see (section 3.1), and
    `warm_up` the share of the training in which the weight of the KL divergence rises to 1. Raises
    BadRecipe for other shares and for a vocabulary without an end of a line.
    """

    def __init__(
        self,
        vocabulary: str,
        length: Count = 48,
        latent: Count = 32,
        width: Width = 256,
        word_dropout: float = 0.3,
        warm_up: float = 0.5,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if END not in vocabulary:
            raise BadRecipe(r"vocabulary must contain \n, the end of a line, got none. Add it")
        if not 0 <= word_dropout <= 1 or not 0 <= warm_up <= 1:
            raise BadRecipe(
                f"word_dropout and warm_up must be from 0 to 1, got {word_dropout} and {warm_up}. "
                "The defaults are 0.3 and 0.5"
            )
        self.tokens, self.end = len(vocabulary), vocabulary.index(END)
        self.embed = nn.Embedding(self.tokens + 1, width)  # the last one is a character not seen
        self.reader = LSTM(width, width, batch_first=True)
        self.to_posterior = nn.Linear(width, 2 * latent)
        self.to_state = nn.Linear(latent, 2 * width)
        self.writer = LSTM(width + latent, width, batch_first=True)
        self.head = nn.Linear(width, self.tokens)

    @property
    def modality(self) -> Text:
        return Text(self.hparams["vocabulary"], self.hparams["length"])

    def posterior(self, x: Tensor) -> Normal:
        """Approximate posterior q(z | x) (n, latent) of lines x (n, length)."""
        check_tokens(x, self.tokens)
        _, (h, _) = self.reader(self.embed(x))
        return diagonal_normal(self.to_posterior(h[-1]))

    def write(self, before: Tensor, z: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (n, t, tokens) of the characters that follow each of `before` (n, t), for latents
        z (n, latent), and the state after the last one."""
        z = z.to(self.parameter_dtype)
        if state is None:
            h, c = self.to_state(z).tanh().chunk(2, 1)
            state = h[None].contiguous(), c[None].contiguous()
        latents = z[:, None].expand(-1, before.shape[1], -1)
        features, state = self.writer(torch.cat([self.embed(before), latents], 2), state)
        return at_least_float32(self.head(features)), state

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z) of lines x (n, length) up to their first end: (n,) in nats."""
        unseen = x.new_full((len(x), 1), self.tokens)
        before = torch.cat([unseen, x[:, :-1]], 1)
        if self.training and self.hparams["word_dropout"]:
            dropped = torch.rand(before.shape, device=x.device) < self.hparams["word_dropout"]
            before = before.masked_fill(dropped, self.tokens)
        logits, _ = self.write(before, z)
        nats = cross_entropy(logits.movedim(2, 1), x, reduction="none")
        return -(nats * self.modality.in_line(x)).sum(1)

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and KL divergence of each line (n, length), two tensors (n,) in nats."""
        q = self.posterior(x)
        divergence = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
        return self.log_likelihood(x, q.rsample()), divergence

    def encode(self, x: Tensor) -> Tensor:
        """Posterior means (n, latent) of lines (n, length)."""
        check_tokens(x, self.tokens)
        return eval_in_chunks(self, x, lambda part: self.posterior(part).mean)

    def encode_text(self, lines: list[str]) -> Tensor:
        """Posterior means (n, latent) of lines of text. Raises BadInput for a line that is longer
        than `length`, and for characters outside of the vocabulary."""
        length = self.hparams["length"]
        if long := next((line for line in lines if len(line) > length), None):
            raise BadInput(f"lines must have at most {length} characters, got {len(long)}. Cut it")
        filled = [self.modality.encode(line.ljust(length, END)) for line in lines]
        return self.encode(torch.stack(filled).to(self.device))

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """The most probable characters, one after another, for latents (n, latent): lines (n,
        length), filled with their ends."""
        z = self.validate_latents(z)
        before = torch.full((len(z), 1), self.tokens, device=z.device)
        if not len(z):
            return before.new_empty(0, self.hparams["length"])
        found, state = list[Tensor](), None
        with eval_mode(self):
            for _ in range(self.hparams["length"]):
                logits, state = self.write(before, z, state)
                before = logits[:, -1].argmax(1, keepdim=True)
                found.append(before)
        line = torch.cat(found, 1)
        return torch.where(self.modality.in_line(line), line, self.end)
