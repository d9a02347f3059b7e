"""What an animal can do."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Normal


@runtime_checkable
class Sampler(Protocol):
    """It draws images."""

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1]."""
        ...


@runtime_checkable
class ChunkedSampler(Sampler, Protocol):
    """It also draws images a few at a time, so that many of them need little memory."""

    def sample_chunks(self, n: int, seed: int | None = None) -> Iterator[Tensor]:
        """The images of `sample`, in its order."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """It turns images (n, channels, size, size) into codes (n, latent)."""

    def encode(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Codec(Encoder, Protocol):
    """It also turns codes (n, latent) into images (n, channels, size, size) in [-1, 1]."""

    def decode(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class Reconstructor(Protocol):
    """It returns images (n, channels, size, size) as it understood them, in [-1, 1]."""

    def reconstruct(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Bounded(Protocol):
    """It bounds the likelihood of images."""

    def bound(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and divergence of images (n, channels, size, size) in [-1, 1], each (n,),
        in nats; their difference is the evidence lower bound."""
        ...


@runtime_checkable
class PixelDensity(Protocol):
    """Its likelihood is a density of pixels in [-1, 1], or else one of pixels that are on."""

    def pixel_noise(self) -> float | None:
        """The standard deviation of the density; none where there is no density."""
        ...


@runtime_checkable
class ImportanceWeighted(Protocol):
    """It estimates the likelihood of images by many draws of the latent."""

    def log_weights(self, x: Tensor, k: int) -> Tensor:
        """log p(x, z) - log q(z | x) of k draws of z for each image: (k, n), in nats."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """It explains images (n, channels, size, size) by latents, each (n, latent)."""

    def posterior(self, x: Tensor) -> Normal: ...


@runtime_checkable
class Sorter(Protocol):
    """It sorts images into categories that nobody named."""

    def sort(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to the number of their category (n,), from 0."""
        ...


@runtime_checkable
class Coded(Codec, Protocol):
    """Some of its latents are codes, each of which came to mean something."""

    def prior(self, n: int, seed: int | None = None) -> Tensor: ...

    def sweeps(self, z: Tensor, steps: int, reach: float) -> list[Tensor]:
        """Latents z (n, latent) with one code after the other going through its values, by steps or
        all that it has: (n * values, latent) each."""
        ...


@runtime_checkable
class Quantised(Protocol):
    """It writes images in the entries of a codebook."""

    def entries(self) -> int:
        """How many entries the codebook has."""
        ...

    def codes(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to indices (n, ...) from 0 to `entries` - 1."""
        ...


@runtime_checkable
class Priced(Quantised, Protocol):
    """It also knows how likely the entries are together."""

    def nats(self, codes: Tensor) -> Tensor:
        """How many nats it takes to write indices (n, ...): -log p, (n,)."""
        ...


@runtime_checkable
class Sparse(Protocol):
    """Of images (n, channels, size, size) it says which share of their code is on, (n,)."""

    def activity(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Denoiser(Reconstructor, Protocol):
    """It reconstructs what was spoiled, as images (n, channels, size, size) were in training."""

    def corrupt(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Classifier(Protocol):
    """It tells classes apart, and says by which features."""

    def features(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to what the last layer sees, (n, d)."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """Features (..., d) to logits (..., classes)."""
        ...

    def classify(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to logits (n, classes)."""
        ...
