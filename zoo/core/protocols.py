"""What an animal can do."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Normal


@runtime_checkable
class SupportsSampling(Protocol):
    """It draws images."""

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1]."""
        ...


@runtime_checkable
class SupportsChunkedSampling(SupportsSampling, Protocol):
    """It also draws images a few at a time, so that many of them need little memory."""

    def sample_chunks(self, n: int, seed: int | None = None) -> Iterator[Tensor]:
        """The images of `sample`, in its order."""
        ...


@runtime_checkable
class SupportsEncoding(Protocol):
    """It turns images (n, channels, size, size) into codes (n, latent)."""

    def encode(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Codec(SupportsEncoding, Protocol):
    """It also turns codes (n, latent) into images (n, channels, size, size) in [-1, 1]."""

    def decode(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class SupportsReconstruction(Protocol):
    """It returns images (n, channels, size, size) as it understood them, in [-1, 1]."""

    def reconstruct(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class SupportsELBO(Protocol):
    """It bounds the likelihood of images."""

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and divergence of images (n, channels, size, size) in [-1, 1], each (n,),
        in nats; their difference is the evidence lower bound."""
        ...


@runtime_checkable
class HasPixelDensity(Protocol):
    """Its likelihood is a density of pixels in [-1, 1], or else one of pixels that are on."""

    def pixel_std(self) -> float | None:
        """The standard deviation of the density; none where there is no density."""
        ...


@runtime_checkable
class SupportsImportanceWeighting(Protocol):
    """It estimates the likelihood of images by many draws of the latent."""

    def log_importance_weights(self, x: Tensor, k: int) -> Tensor:
        """log p(x, z) - log q(z | x) of k draws of z for each image: (k, n), in nats."""
        ...


@runtime_checkable
class HasPosterior(Protocol):
    """It explains images (n, channels, size, size) by latents, each (n, latent)."""

    def posterior(self, x: Tensor) -> Normal: ...


@runtime_checkable
class Clusterer(Protocol):
    """It sorts images into categories that nobody named."""

    def predict_category(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to the number of their category (n,), from 0."""
        ...


@runtime_checkable
class HasStructuredCodes(Codec, Protocol):
    """Some of its latents are codes, each of which came to mean something."""

    def prior(self, n: int, seed: int | None = None) -> Tensor: ...

    def traverse_codes(self, z: Tensor, steps: int, reach: float) -> list[Tensor]:
        """Latents z (n, latent) with one code after the other going through its values, by steps or
        all that it has: (n * values, latent) each."""
        ...


@runtime_checkable
class Quantizes(Protocol):
    """It writes images in the entries of a codebook."""

    def codebook_entries(self) -> int:
        """How many entries the codebook has."""
        ...

    def encode_indices(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to indices (n, ...) from 0 to `codebook_entries` - 1."""
        ...


@runtime_checkable
class HasCodePrior(Quantizes, Protocol):
    """It also knows how likely the entries are together."""

    def code_nll(self, codes: Tensor) -> Tensor:
        """How many nats it takes to write indices (n, ...): -log p, (n,)."""
        ...


@runtime_checkable
class HasSparseCode(Protocol):
    """Of images (n, channels, size, size) it says which share of their code is on, (n,)."""

    def activity(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Denoiser(SupportsReconstruction, Protocol):
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
