"""What a model can do. Evaluation, export, publishing and the command line ask a model for these
protocols, never for its class.

Shapes are those of images, (n, channels, size, size) in [-1, 1]; models of another modality take
and return examples (n, ...) of theirs. Protocols have methods only: submodules are not found.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Normal


@runtime_checkable
class SupportsSampling(Protocol):
    """Draws samples."""

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Samples (n, ...); a seed gives the same ones on every device."""


@runtime_checkable
class SupportsChunkedSampling(SupportsSampling, Protocol):
    """Draws samples in chunks, in little memory."""

    def sample_chunks(self, n: int, seed: int | None = None) -> Iterator[Tensor]:
        """The samples of `sample`, in its order."""


@runtime_checkable
class SupportsClasses(SupportsSampling, Protocol):
    """Draws samples of classes, without labels those of `cyclic_labels`; has `hparams.classes`."""

    def cyclic_labels(self, n: int) -> Tensor:
        """Labels (n,) that cycle through the classes."""


@runtime_checkable
class SupportsTranslation(Protocol):
    """Maps examples of one domain to another: sketches to photos, gray to color."""

    def translate(self, x: Tensor, seed: int = 0) -> Tensor:
        """Inputs (n, ...) to outputs (n, ...) in the first of the model's directions. A seed fixes
        the noise of a model that has some."""


@runtime_checkable
class HasDirections(SupportsTranslation, Protocol):
    """Translates in several directions, or to several outputs."""

    def directions(self) -> tuple[str, ...]:
        """Names of the directions; the first is that of `translate`."""

    def translate_to(self, x: Tensor, direction: str) -> Tensor:
        """Inputs (n, ...) to outputs (n, ...) in one direction."""


@runtime_checkable
class SupportsPrediction(Protocol):
    """Continues clips."""

    def predict(self, x: Tensor, frames: int | None = None) -> Tensor:
        """Frames (n, t, ...) to those that follow them, (n, frames, ...)."""


@runtime_checkable
class SupportsScoring(Protocol):
    """Computes log-likelihoods, exactly or as a bound."""

    def log_prob(self, x: Tensor) -> Tensor:
        """The log-likelihood of each example, (n,) in nats."""


@runtime_checkable
class HasPartitionFunction(SupportsScoring, Protocol):
    """Computes log-likelihoods by an estimate of its partition function."""

    def log_partition(self) -> tuple[float, float]:
        """The logarithm of the partition function and its standard error, 0 where it is exact."""


@runtime_checkable
class HasFilters(Protocol):
    """Has a layer whose units each look at a whole image."""

    def filters(self) -> Tensor:
        """The weights of each unit as an image: (units, channels, size, size) in [-1, 1]."""


@runtime_checkable
class HasGibbsChains(Protocol):
    """Draws samples by Gibbs chains."""

    def gibbs_chains(self, n: int, frames: int, every: int, seed: int | None = None) -> Tensor:
        """Clips (n, frames, channels, size, size) in [-1, 1] of n chains, a frame after each
        `every` steps."""


@runtime_checkable
class SupportsEncoding(Protocol):
    """Encodes images (n, channels, size, size) as codes (n, latent)."""

    def encode(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Codec(SupportsEncoding, Protocol):
    """Encodes images and decodes codes (n, latent) to images (n, channels, size, size)."""

    def decode(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class SupportsReconstruction(Protocol):
    """Reconstructs images (n, channels, size, size)."""

    def reconstruct(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class SupportsELBO(Protocol):
    """Computes a lower bound of the likelihood of images."""

    def elbo_terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and divergence of images (n, channels, size, size) in [-1, 1], each (n,)
        in nats; their difference is the evidence lower bound."""


@runtime_checkable
class HasPixelDensity(Protocol):
    """Has a likelihood that is a density of pixels in [-1, 1], or one of binary pixels."""

    def pixel_std(self) -> float | None:
        """The standard deviation of the density; None for binary pixels."""


@runtime_checkable
class SupportsImportanceWeighting(Protocol):
    """Estimates the likelihood of images by many samples of the latent."""

    def log_importance_weights(self, x: Tensor, k: int) -> Tensor:
        """log p(x, z) - log q(z | x) of k samples of z for each image: (k, n) in nats."""


@runtime_checkable
class HasPosterior(Protocol):
    """Infers a posterior over latents (n, latent) from images (n, channels, size, size)."""

    def posterior(self, x: Tensor) -> Normal: ...


@runtime_checkable
class Clusterer(Protocol):
    """Assigns images to categories that it found without labels."""

    def predict_category(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to the index of their category (n,), from 0."""


@runtime_checkable
class HasStructuredCodes(Codec, Protocol):
    """Has latents of which some are codes with a meaning."""

    def prior(self, n: int, seed: int | None = None) -> Tensor: ...

    def traverse_codes(self, z: Tensor, steps: int, reach: float) -> list[Tensor]:
        """Latents z (n, latent) with each code in turn at `steps` values, or at all values of a
        categorical code: (n * values, latent) for each code."""


@runtime_checkable
class Quantizes(Protocol):
    """Encodes images as indices into a codebook."""

    def codebook_entries(self) -> int:
        """The number of entries of the codebook."""

    def encode_indices(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) to indices (n, ...) from 0 to `codebook_entries` - 1."""


@runtime_checkable
class HasCodePrior(Quantizes, Protocol):
    """Has a prior over the indices of its codebook."""

    def code_nll(self, codes: Tensor) -> Tensor:
        """The negative log-likelihood of indices (n, ...) under the prior: (n,) in nats."""


@runtime_checkable
class HasSparseCode(Protocol):
    """Encodes images (n, channels, size, size) by few active units."""

    def activity(self, x: Tensor) -> Tensor:
        """The share of units that are active for each image, (n,)."""


@runtime_checkable
class Denoiser(SupportsReconstruction, Protocol):
    """Reconstructs images from corrupted ones."""

    def corrupt(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) corrupted as in training."""


@runtime_checkable
class HasFeatures(Protocol):
    """Predicts something of images from features of its last layer."""

    def features(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to features (n, d)."""

    def logits(self, features: Tensor) -> Tensor:
        """Features (..., d) to logits (..., classes or attributes)."""


@runtime_checkable
class Classifier(HasFeatures, Protocol):
    """Predicts classes of images."""

    def classify(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to logits (n, classes)."""


@runtime_checkable
class PredictsAttributes(HasFeatures, Protocol):
    """Predicts attributes of images, of which each has any number."""

    def predict_attributes(self, x: Tensor) -> Tensor:
        """Images (n, channels, size, size) in [-1, 1] to probabilities (n, attributes)."""


@runtime_checkable
class HasStyles(SupportsSampling, Protocol):
    """Maps latents to styles w, one for each layer, from which images are synthesized."""

    def prior(self, n: int, seed: int | None = None) -> Tensor: ...

    def styles(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to styles (n, layers, width)."""

    def synthesize(self, w: Tensor) -> Tensor:
        """Styles (n, layers, width) to images (n, channels, size, size) in [-1, 1]."""

    def mean_style(self) -> Tensor:
        """The mean style (width,) of the prior."""

    def style_weights(self) -> list[Tensor]:
        """The matrix (a, width) of each layer that maps its style to the scales of its maps."""
