"""The base class of GANs whose generator maps latents to styles."""

from torch import Tensor

from zoo.core.adversarial import LatentAdversarialModule
from zoo.core.module import eval_in_chunks
from zoo.layers.precision import at_least_float32
from zoo.layers.styles import StyleGenerator


class StyleAdversarialModule(LatentAdversarialModule):
    """Adversarial training of a style-based generator: a subclass builds `generator`."""

    generator: StyleGenerator

    def decode(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to images (n, channels, size, size) in [-1, 1], with fixed noise."""
        return super().decode(z).clamp(-1, 1)

    def styles(self, z: Tensor) -> Tensor:
        """Latents (n, latent) to styles (n, layers, latent), the same for all layers."""
        z = self.validate_latents(z)
        return at_least_float32(eval_in_chunks(self, z, self.generator.styles))

    def synthesize(self, w: Tensor) -> Tensor:
        """Styles (n, layers, latent) to images (n, channels, size, size) in [-1, 1]."""
        w = w.to(self.parameter_dtype)
        return at_least_float32(eval_in_chunks(self, w, self.generator.synthesis)).clamp(-1, 1)

    def mean_style(self) -> Tensor:
        """The mean style (latent,), toward which truncation moves styles."""
        return self.generator.mean_style
