"""Vector quantisation. van den Oord et al., 2017, https://arxiv.org/abs/1711.00937

A codebook that follows the vectors it stands for. It starts from k-means (Łańcucki et al., 2020,
https://arxiv.org/abs/2005.08520); codes that fall out of use are set upon vectors of the batch
(Dhariwal et al., 2020, https://arxiv.org/abs/2005.00341, section 3.1).
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, distributed, nn
from torch.nn.functional import embedding, one_hot

from zoo.errors import BadRecipe
from zoo.layers.precision import at_least_float32


class Quantizer(nn.Module):
    """The nearest of `size` codes for each vector of a map (n, dim, h, w).

    `codebook` is (size, dim). `cluster_size` (size,) is the moving average, with weight `decay`, of
    how often a batch uses each code; it is zero until the codebook is initialized. A code used less
    often than `least` is dead. All processes keep the same codebook.
    """

    codebook: Tensor
    cluster_size: Tensor

    def __init__(self, size: int, dim: int, decay: float = 0.99, least: float = 1.0) -> None:
        super().__init__()
        self.decay, self.least = decay, least
        self.register_buffer("codebook", torch.randn(size, dim))
        self.register_buffer("cluster_size", torch.zeros(size))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert it, but never to half precision, in which moving averages stand still."""
        super()._apply(fn, recurse)
        self.codebook, self.cluster_size = map(at_least_float32, (self.codebook, self.cluster_size))
        return self

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The quantised map (n, dim, h, w), whose gradient passes straight on to z, and its codes
        (n, h, w). In training the codebook moves afterwards; raises BadRecipe where the first
        batch is too small for it to start."""
        if self.training and not self.cluster_size.any():
            self.start(flatten_vectors(z))
        codes = self.encode_indices(z)
        quantised = self.embed_indices(codes)
        if self.training:
            self.update_ema(flatten_vectors(z), codes.flatten())
        return z + (quantised - z).detach(), codes  # section 3.2: the gradient is copied

    @torch.no_grad()
    def encode_indices(self, z: Tensor) -> Tensor:
        """The nearest code of each vector: (n, h, w). Equation 1."""
        vectors = flatten_vectors(z)
        codebook = self.codebook.to(vectors)
        with torch.autocast(z.device.type, enabled=False):  # rounded distances mistake neighbours
            scores = vectors @ codebook.T - codebook.square().sum(1) / 2
        return scores.argmax(1).unflatten(0, (len(z), *z.shape[2:]))

    def embed_indices(self, codes: Tensor) -> Tensor:
        """Codes (n, h, w) to their vectors (n, dim, h, w)."""
        return embedding(codes, self.codebook).movedim(-1, 1)

    @torch.no_grad()
    def update_ema(self, vectors: Tensor, codes: Tensor) -> None:
        """Move each code towards the mean of its vectors: appendix A.1."""
        assigned = one_hot(codes, len(self.codebook)).to(vectors.dtype)  # (vectors, size)
        with torch.autocast(vectors.device.type, enabled=False):
            n, m = all_reduce_sum(assigned.sum(0)), all_reduce_sum(assigned.T @ vectors)
        sums = self.decay * self.cluster_size.unsqueeze(1) * self.codebook + (1 - self.decay) * m
        self.cluster_size.mul_(self.decay).add_((1 - self.decay) * n)
        self.codebook.copy_(sums / self.cluster_size.clamp(min=1e-9).unsqueeze(1))
        self.expire_codes(vectors)

    def expire_codes(self, vectors: Tensor) -> None:
        """Set dead codes upon vectors of the batch, drawn at random."""
        dead = self.cluster_size < self.least
        if dead.any():
            chosen = torch.randint(len(vectors), dead.shape, device=vectors.device)
            self.codebook[dead] = broadcast_rank_zero(vectors[chosen])[dead]
            self.cluster_size[dead] = self.least

    def start(self, vectors: Tensor) -> None:
        """Set the codebook upon the centres of k-means over a batch of vectors."""
        from sklearn.cluster import KMeans

        size = len(self.codebook)
        if len(vectors) < size:
            raise BadRecipe(
                f"a batch has {len(vectors)} vectors, too few to start {size} codes: "
                f"make batch_size {-(-size // len(vectors))} times as large"
            )
        found = KMeans(size, n_init=1, random_state=0).fit(vectors.cpu().numpy())
        counts = torch.bincount(torch.from_numpy(found.labels_).long(), minlength=size)
        centres = torch.from_numpy(found.cluster_centers_)
        self.codebook.copy_(broadcast_rank_zero(centres.to(self.codebook)))
        self.cluster_size.copy_(
            broadcast_rank_zero(counts.to(self.cluster_size)).clamp(min=self.least)
        )


def flatten_vectors(z: Tensor) -> Tensor:
    """Each vector of a map (n, dim, h, w), in float32 or better: (n h w, dim)."""
    return at_least_float32(z.detach()).movedim(1, -1).flatten(0, -2)


def all_reduce_sum(values: Tensor) -> Tensor:
    """The sum of every process's values; alone, the values."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(values)
    return values


def broadcast_rank_zero(values: Tensor) -> Tensor:
    """The first process's values; alone, the values."""
    if distributed.is_available() and distributed.is_initialized():
        values = values.contiguous()
        distributed.broadcast(values, 0)
    return values
