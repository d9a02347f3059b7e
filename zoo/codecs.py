"""What more can be asked of a model that has codes of images."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from zoo.contracts import Encoder, Quantised


@runtime_checkable
class Codec(Encoder, Protocol):
    """It also turns codes (n, latent) into images (n, channels, size, size) in [-1, 1]."""

    def decode(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class Priced(Quantised, Protocol):
    """It also knows how likely the entries are together."""

    def nats(self, codes: Tensor) -> Tensor:
        """How many nats it takes to write indices (n, ...): -log p, (n,)."""
        ...
