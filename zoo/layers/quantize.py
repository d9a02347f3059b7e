"""Vector quantization. van den Oord et al., 2017, https://arxiv.org/abs/1711.00937

The codebook is an exponential moving average of the vectors assigned to each entry. It is
initialized by k-means (Łańcucki et al., 2020, https://arxiv.org/abs/2005.08520). Entries that are
no longer used are replaced by random vectors of the batch
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
    """Replace each vector of maps (n, dim, h, w) by the nearest of `size` codebook entries.

    `codebook` is (size, dim). `cluster_size` (size,) is the moving average, with factor `decay`, of
    the number of vectors of a batch assigned to each entry; it is zero until the codebook is
    initialized. Entries with a cluster size below `least` are replaced. All processes have the same
    codebook.
    """

    codebook: Tensor
    cluster_size: Tensor

    def __init__(self, size: int, dim: int, decay: float = 0.99, least: float = 1.0) -> None:
        super().__init__()
        self.decay, self.least = decay, least
        self.register_buffer("codebook", torch.randn(size, dim))
        self.register_buffer("cluster_size", torch.zeros(size))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert the module, but keep the codebook in float32 or better.

        In half precision, moving averages round small updates to zero.
        """
        super()._apply(fn, recurse)
        self.codebook, self.cluster_size = map(at_least_float32, (self.codebook, self.cluster_size))
        return self

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Quantized maps (n, dim, h, w) and their codes (n, h, w).

        The gradient with respect to z is that of the quantized maps (straight-through estimator).
        In training mode the codebook is updated. Raises BadRecipe if the first batch has fewer
        vectors than the codebook has entries.
        """
        if self.training and not self.cluster_size.any():
            self.initialize(flatten_vectors(z))
        codes = self.encode_indices(z)
        quantized = self.embed_indices(codes)
        if self.training:
            self.update_ema(flatten_vectors(z), codes.flatten())
        return z + (quantized - z).detach(), codes  # section 3.2: the gradient is copied

    @torch.no_grad()
    def encode_indices(self, z: Tensor) -> Tensor:
        """Index (n, h, w) of the entry nearest to each vector of maps z (n, dim, h, w).

        Equation 1.
        """
        vectors = flatten_vectors(z)
        codebook = self.codebook.to(vectors)
        with torch.autocast(z.device.type, enabled=False):  # half precision confuses near entries
            # argmin |v - e|^2 = argmax (v . e - |e|^2 / 2)
            scores = vectors @ codebook.T - codebook.square().sum(1) / 2
        return scores.argmax(1).unflatten(0, (len(z), *z.shape[2:]))  # (n h w,) to (n, h, w)

    def embed_indices(self, codes: Tensor) -> Tensor:
        """Look up the codebook vectors (n, dim, h, w) of codes (n, h, w)."""
        return embedding(codes, self.codebook).movedim(-1, 1)

    @torch.no_grad()
    def update_ema(self, vectors: Tensor, codes: Tensor) -> None:
        """Update the moving averages by vectors (m, dim) and their codes (m,): appendix A.1."""
        assigned = one_hot(codes, len(self.codebook)).to(vectors.dtype)  # (vectors, size)
        with torch.autocast(vectors.device.type, enabled=False):
            n, m = all_reduce_sum(assigned.sum(0)), all_reduce_sum(assigned.T @ vectors)
        sums = self.decay * self.cluster_size.unsqueeze(1) * self.codebook + (1 - self.decay) * m
        self.cluster_size.mul_(self.decay).add_((1 - self.decay) * n)
        self.codebook.copy_(sums / self.cluster_size.clamp(min=1e-9).unsqueeze(1))
        self.expire_codes(vectors)

    def expire_codes(self, vectors: Tensor) -> None:
        """Replace unused entries by random vectors of the batch (m, dim)."""
        dead = self.cluster_size < self.least
        if dead.any():
            indices = torch.randint(len(vectors), dead.shape, device=vectors.device)
            self.codebook[dead] = broadcast_rank_zero(vectors[indices])[dead]
            self.cluster_size[dead] = self.least

    def initialize(self, vectors: Tensor) -> None:
        """Set the codebook to the cluster centers of k-means on vectors (m, dim).

        Raises BadRecipe if there are fewer vectors than codebook entries.
        """
        from sklearn.cluster import KMeans

        size = len(self.codebook)
        if len(vectors) < size:
            raise BadRecipe(
                f"a batch must have >= {size} vectors to initialize the codebook, got "
                f"{len(vectors)}. Multiply batch_size by {-(-size // len(vectors))}"
            )
        kmeans = KMeans(size, n_init=1, random_state=0).fit(vectors.cpu().numpy())
        counts = torch.bincount(torch.from_numpy(kmeans.labels_).long(), minlength=size)
        centers = torch.from_numpy(kmeans.cluster_centers_)
        self.codebook.copy_(broadcast_rank_zero(centers.to(self.codebook)))
        self.cluster_size.copy_(
            broadcast_rank_zero(counts.to(self.cluster_size)).clamp(min=self.least)
        )


def flatten_vectors(z: Tensor) -> Tensor:
    """Vectors (n h w, dim) of maps (n, dim, h, w), in float32 or better, without gradient."""
    return at_least_float32(z.detach()).movedim(1, -1).flatten(0, -2)


def all_reduce_sum(values: Tensor) -> Tensor:
    """Sum values over all processes, in place; without a process group, return them unchanged."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(values)
    return values


def broadcast_rank_zero(values: Tensor) -> Tensor:
    """Values of the first process; without a process group, the values unchanged."""
    if distributed.is_available() and distributed.is_initialized():
        values = values.contiguous()
        distributed.broadcast(values, 0)
    return values
