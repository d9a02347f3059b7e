"""The base classes of translators: an image becomes another image."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from zoo.checks import Shape, check_images
from zoo.core.modality import ImagePairs, Restorations
from zoo.core.module import ZooModule, eval_in_chunks
from zoo.layers.noise import dropout_seed
from zoo.layers.precision import at_least_float32


class ImageTranslator(ZooModule, ABC):
    """Translates images: a subclass builds `generator`, from inputs (n, input_channels, size, size)
    to outputs (n, channels, size, size), both in [-1, 1], and has arguments of these names; without
    `input_channels`, inputs have the channels of outputs."""

    inference_modules: ClassVar[tuple[str, ...] | None] = ("generator",)
    generator: nn.Module

    @property
    def modality(self) -> ImagePairs:
        size = self.hparams["size"]
        target = self.hparams["channels"]
        channels = self.hparams.get("input_channels", target)
        return ImagePairs((channels, size, size), (target, size, size))

    def input_shapes(self) -> tuple[Shape, ...]:
        """The shapes of images that `translate` takes; none means any."""
        return (self.modality.input,)

    def forward(self, x: Tensor) -> Tensor:
        """Inputs (n, input_channels, size, size) to outputs (n, channels, size, size)."""
        return self.generator(x)

    def translate(self, x: Tensor, seed: int = 0) -> Tensor:
        """Inputs (n, input_channels, size, size) to outputs (n, channels, size, size), both in
        [-1, 1]. A seed fixes the dropout masks, which are the same for each image and on every
        device. Raises BadInput for other inputs and seeds."""
        check_images(x, self.input_shapes())
        with dropout_seed(self.generator, seed):
            return at_least_float32(eval_in_chunks(self, x.to(self.parameter_dtype), self))


class ImageRestorer(ImageTranslator):
    """Restores images: it is trained on images (n, 3, size, size), from which it makes its inputs
    by `degrade`, and translates inputs back to images. Inputs have the shape of images, unless a
    subclass says otherwise by `modality`."""

    @property
    def modality(self) -> Restorations:
        shape = 3, self.hparams["size"], self.hparams["size"]
        return Restorations(shape, shape)

    @abstractmethod
    def degrade(self, x: Tensor) -> Tensor:
        """Images (n, 3, size, size) in [-1, 1] to the inputs made from them."""
