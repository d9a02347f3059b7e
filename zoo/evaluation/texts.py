"""Metrics of texts and of music: the likelihood of a character or of a time step, beside simple
baselines."""

import math
from collections.abc import Iterator

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from zoo.core.modality import Music, Text
from zoo.core.protocols import SupportsELBO, SupportsScoring
from zoo.data.module import ZooDataModule
from zoo.evaluation.records import Protocol, Record, map_batches, mean, rounded, take
from zoo.metrics.ngrams import gzip_bits, ngram_nats

ORDERS = 8  # of the longest n-gram
ENOUGH = 5_000_000  # characters that n-grams are counted in


def text_rates(model: LightningModule, data: ZooDataModule, protocol: Protocol) -> Iterator[Record]:
    """The negative log-likelihood of a character of the test texts in bits and in nats, then the
    bits of baselines: 3-grams, the best n-grams, and gzip."""
    assert isinstance(model, SupportsScoring)
    assert isinstance(data.modality, Text)
    values = take(data.examples("test"), protocol.images).values
    characters = data.modality.characters(values)
    log_prob = map_batches(model, values, model.log_prob, "log-likelihood")
    nats = -log_prob * len(values) / characters
    shared: Record = {"characters": characters}
    yield mean("bits-per-character", nats / math.log(2), "bits") | shared
    yield mean("nats-per-character", nats, "nats") | shared
    yield from baselines(data.examples("train").values, values, data.modality)


def line_bounds(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """An upper bound on the bits per character of test lines with their ends, the KL divergence of
    a line, which is 0 where the latent is ignored, and the bits of baselines on the same lines."""
    assert isinstance(model, SupportsELBO)
    assert isinstance(data.modality, Text)
    values = take(data.examples("test"), protocol.images).values
    in_line = data.modality.in_line
    with isolate_rng():
        torch.manual_seed(0)  # one sample of the latent for each line
        terms = map_batches(model, values, lambda x: torch.stack(model.elbo_terms(x), 1), "bounds")
    log_likelihood, divergence = terms.double().unbind(1)
    characters = in_line(values).sum()
    total = (divergence - log_likelihood).sum() / characters / math.log(2)
    shared: Record = {"split": "test", "real": len(values), "characters": int(characters)}
    record: Record = {"metric": "bits-per-character", "value": rounded(total), "unit": "bits"}
    yield record | {"bound": "upper"} | shared
    yield mean("divergence", divergence, "nats per line") | {"characters": int(characters)}
    train = data.examples("train").values
    seen, unseen = (part[in_line(part)][None] for part in (train, values))
    yield from baselines(seen, unseen, data.modality)


def baselines(train: Tensor, test: Tensor, modality: Text) -> Iterator[Record]:
    """Bits per character of n-grams, of which the last tenth of the training text chooses the best
    n, and of gzip, which compresses the test texts alone."""
    symbols = len(modality.vocabulary)
    seen, unseen = (spelled(part, modality)[-ENOUGH:] for part in (train, test))
    best = best_order(seen, symbols)
    rates = ngram_nats(seen, unseen, symbols, max(3, best))
    shared: Record = {"unit": "bits", "split": "test", "characters": len(unseen)}
    for n in sorted({min(3, len(rates)), best}):
        bits = rounded(rates[n - 1] / math.log(2))
        yield {"metric": f"bits-per-character-{n}-gram", "value": bits, **shared}
    text = "\n".join(modality.decode(test))
    yield {"metric": "bits-per-character-gzip", "value": rounded(gzip_bits(text)), **shared}


def spelled(indices: Tensor, modality: Text) -> Tensor:
    """The characters (t,) of indices (n, length), one text after the other, words spelled."""
    if not modality.words:
        return indices.flatten().long()
    return Text(modality.vocabulary).encode("".join(modality.decode(indices)))


def best_order(seen: Tensor, symbols: int) -> int:
    """The n of the n-grams that predict the last tenth of a sequence (t,) best from the rest."""
    cut = len(seen) * 9 // 10
    rates = ngram_nats(seen[:cut], seen[cut:], symbols, ORDERS)
    return 1 + min(range(len(rates)), key=rates.__getitem__)


def music_rates(
    model: LightningModule, data: ZooDataModule, protocol: Protocol
) -> Iterator[Record]:
    """The negative log-likelihood of a time step, of all voices together, and that of n-grams of
    tokens, of which the last tenth of the training music chooses n."""
    assert isinstance(model, SupportsScoring)
    music = data.modality
    assert isinstance(music, Music)
    values = take(data.examples("test"), protocol.images).values
    nats = -map_batches(model, values, model.log_prob, "log-likelihood") / values.shape[1]
    shared: Record = {"steps": values.shape[0] * values.shape[1]}
    yield mean("nats-per-step", nats, "nats") | shared
    symbols = music.voices * music.pitches
    train = data.examples("train").values
    seen, unseen = (music.normalize(part).flatten()[-ENOUGH:] for part in (train, values))
    best = best_order(seen, symbols)
    value = rounded(ngram_nats(seen, unseen, symbols, best)[-1] * music.voices)
    shared |= {"unit": "nats", "split": "test"}
    yield {"metric": f"nats-per-step-{best}-gram", "value": value, **shared}
