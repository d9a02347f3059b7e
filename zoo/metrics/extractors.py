"""Networks in whose features distances are measured: uint8 images in, float64 features out."""

import hashlib
import os
from abc import ABC, abstractmethod
from pickle import UnpicklingError
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from zoo.core.module import ZooModule
from zoo.core.protocols import Classifier
from zoo.errors import BadWeights, MissingData


class Extractor(nn.Module, ABC):
    """Images (n, channels, h, w) in uint8 to features (n, d) in float64."""

    resize = "none"

    @abstractmethod
    def extract(self, x: Tensor) -> Tensor:
        """Images (n, channels, h, w) in [-1, 1] to features (n, d)."""

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.dtype != torch.uint8:
            raise TypeError(f"extractors take rounded uint8 images, not {pixels.dtype}")
        if pixels.ndim != 4:
            raise TypeError(f"extractors take images (n, c, h, w), not {tuple(pixels.shape)}")
        return self.extract(pixels.float() / 127.5 - 1).double()

    def sha256(self) -> str:
        """The digest of its weights."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


class Pixels(Extractor):
    """The identity: for images too small for a network."""

    def extract(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class Thumbnails(Extractor):
    """Pixels averaged to at most 16 x 16: a space for images of any kind that needs no network."""

    resize = "16, area"

    def extract(self, x: Tensor) -> Tensor:
        return interpolate(x, size=min(16, x.shape[-1]), mode="area").flatten(1)

    def sha256(self) -> str:
        """That of its setting, as it has no weights: features of it and of Pixels differ."""
        return hashlib.sha256(self.resize.encode()).hexdigest()


class ClassifierFeatures(Extractor):
    """What the last layer of a classifier of the zoo sees: 84 units of a LeNet, for each channel
    where it was trained on grey images."""

    def __init__(self, classifier: ZooModule, sha256: str) -> None:
        super().__init__()
        self.classifier, self.digest = classifier.eval(), sha256
        self.number = int(classifier.hparams["classes"])

    def sha256(self) -> str:
        """The digest of its weights file."""
        return self.digest

    def extract(self, x: Tensor) -> Tensor:
        parts = x.split(int(self.classifier.hparams["channels"]), dim=1)
        return torch.cat([cast(Classifier, self.classifier).features(part) for part in parts], 1)

    @torch.no_grad()
    def classes(self, features: Tensor) -> Tensor:
        """Features (n, d) to the likeliest class, of each channel where they are apart: (n, 1) or
        (n, 3)."""
        width = self.classifier.get_parameter("head.weight").shape[1]
        each = features.float().unflatten(1, (-1, width))
        return cast(Classifier, self.classifier).logits(each).argmax(2)


class SqueezeNet(Extractor):
    """torchvision's SqueezeNet 1.0, trained on ImageNet: its last 512 maps, averaged.

    Iandola et al., 2016, https://arxiv.org/abs/1602.07360. Images are resized to 224 (bilinear,
    antialiased). Raises MissingData where the weights cannot be had.
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
                f"({error}): connect to the internet once, or choose another extractor"
            ) from error
        self.body = network.get_submodule("features").eval()
        self.body.to(memory_format=torch.channels_last)

    def extract(self, x: Tensor) -> Tensor:
        return torch.cat([self.pool(few) for few in x.split(16)])  # larger maps leave the caches

    def pool(self, x: Tensor) -> Tensor:
        x = interpolate(x.expand(-1, 3, -1, -1), size=224, mode="bilinear", antialias=True)
        mean, std = (torch.tensor(v, device=x.device)[:, None, None] for v in (self.mean, self.std))
        pixels = ((x + 1) / 2 - mean) / std
        return self.body(pixels.contiguous(memory_format=torch.channels_last)).mean((2, 3))


class Inception(Extractor):
    """TF-Inception's last pooling, 2,048 features: the space of `fid`, by torch-fidelity.

    Szegedy et al., 2016, https://arxiv.org/abs/1512.00567. The weights are those of the file that
    the environment variable ZOO_INCEPTION names, in torch-fidelity's format, else its download;
    raises MissingData where package or weights cannot be had, BadWeights for another file.
    """

    resize = "299, bilinear as in TensorFlow 1, not antialiased"

    def __init__(self) -> None:
        super().__init__()
        path = os.environ.get("ZOO_INCEPTION")
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

            if path is not None:
                torch.load(path, "meta", weights_only=True)  # torch-fidelity would unpickle all
            self.body: nn.Module = FeatureExtractorInceptionV3("zoo", ["2048"], path)
        except (ModuleNotFoundError, OSError) as error:
            raise MissingData(
                f"TF-Inception cannot be had ({error}): `pip install torch-fidelity`, and be "
                "connected to the internet once, or name its weights by ZOO_INCEPTION; or choose "
                "another extractor"
            ) from error
        except (UnpicklingError, RuntimeError) as error:
            raise BadWeights(
                f"ZOO_INCEPTION names {path}, which does not hold torch-fidelity's InceptionV3"
            ) from error

    def extract(self, x: Tensor) -> Tensor:
        pixels = ((x + 1) * 127.5).round().to(torch.uint8).expand(-1, 3, -1, -1)
        return torch.cat([self.body(few)[0] for few in pixels.split(32)])

    def logits(self, features: Tensor) -> Tensor:
        """Features (n, 2048) to the logits (n, 1008) of the Inception score: without the bias."""
        weight = self.body.get_parameter("fc.weight")
        return features.to(weight) @ weight.T
