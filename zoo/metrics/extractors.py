"""Feature extractors of metrics: networks from uint8 images to float64 features."""

import hashlib
import os
from abc import ABC, abstractmethod
from pickle import UnpicklingError
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool3d, interpolate

from zoo.core.modality import Images
from zoo.core.modality.audio import spectrograms
from zoo.core.module import ZooModule
from zoo.core.protocols import Classifier, PredictsAttributes
from zoo.errors import BadWeights, MissingData
from zoo.waveforms import PEAK


class Extractor(nn.Module, ABC):
    """Feature extractor from images (n, channels, h, w) in uint8 to features (n, d) in float64."""

    resize = "none"  # size and interpolation, as stated on cards

    @abstractmethod
    def extract(self, x: Tensor) -> Tensor:
        """Features (n, d) of images (n, channels, h, w) in [-1, 1]."""

    @torch.no_grad()
    def forward(self, values: Tensor) -> Tensor:
        """Features (n, d) in float64 of stored examples; raises TypeError for others."""
        return self.extract(self.normalize(values)).double()

    def normalize(self, pixels: Tensor) -> Tensor:
        """Images in [-1, 1]; raises TypeError unless pixels are uint8 (n, c, h, w)."""
        if pixels.dtype != torch.uint8:
            raise TypeError(f"images must be uint8, got {pixels.dtype}. Convert by `to_uint8`")
        if pixels.ndim != 4:
            raise TypeError(f"images must be of shape (n, c, h, w), got {tuple(pixels.shape)}")
        return pixels.float() / 127.5 - 1

    def sha256(self) -> str:
        """SHA-256 digest of the weights."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


class Pixels(Extractor):
    """Pixels as features, for images that are too small for a network."""

    def extract(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class Thumbnails(Extractor):
    """Pixels averaged to at most 16 x 16 as features, for any images, without a network."""

    resize = "16, area"

    def extract(self, x: Tensor) -> Tensor:
        return interpolate(x, size=min(16, x.shape[-1]), mode="area").flatten(1)

    def sha256(self) -> str:
        """SHA-256 digest of the setting `resize`, because there are no weights."""
        return hashlib.sha256(self.resize.encode()).hexdigest()


class Spectrograms(Thumbnails):
    """Spectrograms averaged to at most 16 x 16 as features, for any sounds, without a network."""

    resize = "16, area, of a spectrogram"

    def normalize(self, values: Tensor) -> Tensor:
        """Spectrograms in [-1, 1]; raises TypeError unless sounds are int16 (n, 1, t)."""
        if values.dtype != torch.int16 or values.ndim != 3:
            raise TypeError(f"sounds must be int16 (n, 1, t), got {values.dtype} {values.ndim}-d")
        return spectrograms(values / PEAK)


class Occupancy(Thumbnails):
    """Occupancies averaged to at most 8 x 8 x 8 as features, for any shapes, without a network."""

    resize = "8, mean"

    def normalize(self, values: Tensor) -> Tensor:
        """Occupancies in [0, 1]; raises TypeError unless shapes are uint8 (n, 1, s, s, s)."""
        if values.dtype != torch.uint8 or values.ndim != 5:
            raise TypeError(f"shapes must be uint8 (n, 1, s, s, s), got {values.dtype}")
        return values.float()

    def extract(self, x: Tensor) -> Tensor:
        return adaptive_avg_pool3d(x, min(8, x.shape[-1])).flatten(1)


class NetworkFeatures(Extractor):
    """Features of a network of the zoo, whose weights file has a digest."""

    def __init__(self, classifier: ZooModule, sha256: str) -> None:
        super().__init__()
        self.classifier, self.digest = classifier.eval(), sha256

    def sha256(self) -> str:
        """SHA-256 digest of the classifier's weights file."""
        return self.digest


class ClassifierFeatures(NetworkFeatures):
    """Features of a classifier of the zoo, such as the 84 units of a LeNet.

    Examples are as the data sets of the classifier's modality store them. A classifier of gray
    images is applied to each channel; the features are concatenated.
    """

    def normalize(self, pixels: Tensor) -> Tensor:
        modality = self.classifier.modality
        is_image = isinstance(modality, Images)  # whose stored type is checked
        return super().normalize(pixels) if is_image else modality.normalize(pixels)

    def extract(self, x: Tensor) -> Tensor:
        channels = x.split(int(self.classifier.hparams.get("channels", 1)), dim=1)
        return torch.cat([cast(Classifier, self.classifier).features(c) for c in channels], 1)

    @torch.no_grad()
    def classes(self, features: Tensor) -> Tensor:
        """Most probable class (n, 1) of features (n, d), or (n, 3) if extracted by channel."""
        width = self.classifier.get_parameter("head.weight").shape[1]
        by_channel = features.float().unflatten(1, (-1, width))  # (n, 1 or 3, width)
        return cast(Classifier, self.classifier).logits(by_channel).argmax(2)


class AttributeFeatures(NetworkFeatures):
    """Features of an attribute classifier of the zoo, such as an AttributeResNet."""

    def extract(self, x: Tensor) -> Tensor:
        return cast(PredictsAttributes, self.classifier).features(x)

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """The probabilities (n, attributes) of features (n, d)."""
        return cast(PredictsAttributes, self.classifier).logits(features.float()).sigmoid()


class SqueezeNet(Extractor):
    """SqueezeNet 1.0 of torchvision, trained on ImageNet: the average of its last 512 maps.

    Iandola et al., 2016, https://arxiv.org/abs/1602.07360. Images are resized to 224 (bilinear,
    antialiased). Raises MissingData if the weights are neither cached nor downloadable.
    """

    resize = "224, bilinear, antialiased"
    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0

        try:
            network: nn.Module = squeezenet1_0(weights=SqueezeNet1_0_Weights.DEFAULT)
        except OSError as error:
            raise MissingData(
                "SqueezeNet's weights are not in torch's hub cache and could not be downloaded "
                f"({error}). Connect to the internet once, or choose another extractor"
            ) from error
        self.body = network.get_submodule("features").eval()
        self.body.to(memory_format=torch.channels_last)

    def extract(self, x: Tensor) -> Tensor:
        # chunks of 16, whose feature maps fit into the processor's caches
        return torch.cat([self.pool(chunk) for chunk in x.split(16)])

    def pool(self, x: Tensor) -> Tensor:
        """Features (n, 512) of images (n, 1 or 3, h, w) in [-1, 1]."""
        x = interpolate(x.expand(-1, 3, -1, -1), size=224, mode="bilinear", antialias=True)
        mean, std = (torch.tensor(v, device=x.device)[:, None, None] for v in (self.mean, self.std))
        pixels = ((x + 1) / 2 - mean) / std
        return self.body(pixels.contiguous(memory_format=torch.channels_last)).mean((2, 3))


class Inception(Extractor):
    """TF-Inception of torch-fidelity: 2,048 features of the last pooling, for `fid` and `kid`.

    Szegedy et al., 2016, https://arxiv.org/abs/1512.00567. The environment variable ZOO_INCEPTION
    names a weights file in torch-fidelity's format; without it, torch-fidelity downloads one.
    Raises MissingData if the package or the weights are missing, BadWeights for an invalid file.
    """

    resize = "299, bilinear as in TensorFlow 1, not antialiased"

    def __init__(self) -> None:
        super().__init__()
        path = os.environ.get("ZOO_INCEPTION")
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

            if path is not None:
                torch.load(path, "meta", weights_only=True)  # torch-fidelity unpickles any object
            self.body: nn.Module = FeatureExtractorInceptionV3("zoo", ["2048"], path)
        except (ModuleNotFoundError, OSError) as error:
            raise MissingData(
                f"TF-Inception is not available ({error}). Run `pip install torch-fidelity` and "
                "connect to the internet once, set ZOO_INCEPTION to a weights file, or choose "
                "another extractor"
            ) from error
        except (UnpicklingError, RuntimeError) as error:
            raise BadWeights(
                f"ZOO_INCEPTION must name weights of torch-fidelity's InceptionV3, got {path}. "
                "Download them again"
            ) from error

    def extract(self, x: Tensor) -> Tensor:
        pixels = ((x + 1) * 127.5).round().to(torch.uint8).expand(-1, 3, -1, -1)
        return torch.cat([self.body(chunk)[0] for chunk in pixels.split(32)])

    def logits(self, features: Tensor) -> Tensor:
        """Logits (n, 1008) of features (n, 2048), without bias, for the Inception score."""
        weight = self.body.get_parameter("fc.weight")
        return features.to(weight) @ weight.T
