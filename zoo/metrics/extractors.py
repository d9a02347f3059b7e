"""Networks in whose features distances are measured: uint8 images in, float64 features out."""

import hashlib
from abc import ABC, abstractmethod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from zoo.contracts import Animal, Classifier
from zoo.errors import MissingData


class Extractor(nn.Module, ABC):
    """Images (n, channels, h, w) in uint8 to features (n, num_features) in float64."""

    num_features: int
    resize = "none"

    @abstractmethod
    def extract(self, x: Tensor) -> Tensor:
        """Images (n, channels, h, w) in [-1, 1] to features (n, num_features)."""

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.dtype != torch.uint8:
            raise TypeError(f"extractors take rounded uint8 images, not {pixels.dtype}")
        return self.extract(pixels.float() / 127.5 - 1).double()

    def sha256(self) -> str:
        """The digest of its weights."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


class Pixels(Extractor):
    """The identity on 8 x 8 grey pixels: for images too small for a network."""

    num_features = 64

    def extract(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class ClassifierFeatures(Extractor):
    """What the last layer of a classifier of the zoo sees: 84 units of a LeNet."""

    num_features = 84

    def __init__(self, classifier: Animal, sha256: str) -> None:
        super().__init__()
        self.classifier, self.digest = classifier.eval(), sha256

    def sha256(self) -> str:
        """The digest of its weights file."""
        return self.digest

    def extract(self, x: Tensor) -> Tensor:
        return cast(Classifier, self.classifier).features(x)


class SqueezeNet(Extractor):
    """torchvision's SqueezeNet 1.0, trained on ImageNet: its last 512 maps, averaged.

    Iandola et al., 2016, https://arxiv.org/abs/1602.07360. Images are resized to 224 (bilinear,
    antialiased). Raises MissingData where the weights cannot be had.
    """

    num_features = 512
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

    Szegedy et al., 2016, https://arxiv.org/abs/1512.00567. Needs the package torch-fidelity, which
    downloads the weights; raises MissingData where either cannot be had.
    """

    num_features = 2048
    resize = "299, bilinear as in TensorFlow, not antialiased"

    def __init__(self) -> None:
        super().__init__()
        try:
            from torchmetrics.image.fid import NoTrainInceptionV3

            self.body = NoTrainInceptionV3("inception-v3-compat", ["2048"], antialias=False)
        except (ModuleNotFoundError, OSError) as error:
            raise MissingData(
                f"TF-Inception cannot be had ({error}): `pip install torch-fidelity`, and be "
                "connected to the internet once; or choose another extractor"
            ) from error

    def extract(self, x: Tensor) -> Tensor:
        pixels = ((x + 1) * 127.5).round().to(torch.uint8).expand(-1, 3, -1, -1)
        return self.body(pixels)
