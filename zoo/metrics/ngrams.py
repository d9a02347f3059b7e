"""Baselines of a model of text: n-grams of characters, and a compression program."""

import gzip
import math

import torch
from torch import Tensor

LARGEST = 2**62  # number of contexts that int64 counts


def ngram_nats(train: Tensor, test: Tensor, symbols: int, most: int) -> list[float]:
    """The mean negative log-likelihood of a symbol of the test text (t,) in nats, by n-grams of the
    training text (T,), for n from 1 to `most`, or as many as int64 can index.

    Texts are in int64 from 0 to `symbols` - 1. Each order is interpolated with the lower ones by
    the number of different successors of a context: Witten & Bell, 1991, method C,
    https://doi.org/10.1109/18.87000
    """
    most = min(most, int(math.log(LARGEST, symbols + 1)))
    chances = torch.full((len(test),), 1 / symbols, dtype=torch.float64)
    rates = []
    for n in range(1, most + 1):
        grams, found = (context_ids(text, n, symbols) for text in (train, test))
        pairs, counts = grams.unique(return_counts=True)
        contexts, at = (pairs // (symbols + 1)).unique(return_inverse=True)
        successors = torch.bincount(at).double()  # different ones, of each context
        totals = torch.zeros_like(successors).index_add_(0, at, counts.double())
        seen = lookup(pairs, counts.double(), found)
        total, kinds = (lookup(contexts, of, found // (symbols + 1)) for of in (totals, successors))
        weighted = (seen + kinds * chances) / (total + kinds).clamp(min=1)
        chances = torch.where(total > 0, weighted, chances)
        rates.append(-float(chances.log().mean()))
    return rates


def context_ids(text: Tensor, n: int, symbols: int) -> Tensor:
    """The n-gram (T,) that ends at each symbol of a text (T,), as one number whose last digit in
    base `symbols` + 1 is the symbol itself; before the text stands a symbol of its own."""
    padded = torch.cat([text.new_full((n - 1,), symbols), text])
    ids = torch.zeros_like(text)
    for offset in range(n):
        ids = ids * (symbols + 1) + padded[offset : offset + len(text)]
    return ids


def lookup(keys: Tensor, values: Tensor, wanted: Tensor) -> Tensor:
    """The value of each wanted key, 0 where sorted `keys` lack it."""
    at = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[at] == wanted, values[at], torch.zeros((), dtype=values.dtype))


def gzip_bits(text: str) -> float:
    """The bits per character of a text that gzip compresses at its best level."""
    return 8 * len(gzip.compress(text.encode(), 9)) / max(1, len(text))
