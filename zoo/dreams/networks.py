"""Networks whose feature maps an image is optimized for: classifiers of the zoo and torchvision."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.checks import check_images
from zoo.core.modality import Images
from zoo.core.module import ZooModule
from zoo.core.protocols import Classifier, PredictsAttributes
from zoo.errors import BadInput, UnknownName, ZooError
from zoo.layers.feature_maps import FeatureNetwork, Pretrained, load_torchvision
from zoo.pretrained import catalog

DEFAULT_LAYERS = {"googlenet": "inception4c"}  # what the authors' code uses
DEPTH = 2 / 3  # of the default layer of other networks


class DreamNetwork(FeatureNetwork):
    """A frozen network whose layers are found by name."""

    def layers(self) -> list[str]:
        """Names of the layers that return feature maps (n, c, h, w), in the order of their use."""
        found = dict[str, None]()  # a set in order

        def record(name: str) -> Callable[[nn.Module, object, object], None]:
            def hook(module: nn.Module, inputs: object, output: object) -> None:
                if is_maps(output):
                    found[name] = None

            return hook

        named = [(name, module) for name, module in self.network.named_modules() if name]
        handles = [module.register_forward_hook(record(name)) for name, module in named]
        try:
            with torch.no_grad():
                self.network(self.prepare(torch.zeros(1, 3, self.size, self.size)))
        finally:
            for handle in handles:
                handle.remove()
        return list(found)

    def default_layer(self) -> str:
        """The layer of the authors, or one at two thirds of the depth; raises ZooError for a
        network without feature maps."""
        layers = self.layers()
        if not layers:
            raise ZooError(
                f"the network must have feature maps (n, c, h, w), got {self.name}. Choose a "
                "convolutional network, such as googlenet"
            )
        return DEFAULT_LAYERS.get(self.name, layers[int(DEPTH * len(layers))])

    def check_layer(self, layer: str) -> None:
        """Raise UnknownName unless a layer returns feature maps."""
        layers = self.layers()
        if layer not in layers:
            raise UnknownName("layer", layer, layers, f"`zoo dream --layers --model {self.name}`")


def as_batch(image: Tensor, name: str = "image") -> Tensor:
    """An image (3, h, w) as a batch of one; raises BadInput for another shape or range."""
    batch = image[None]
    check_images(batch)
    if batch.shape[1] != 3:
        raise BadInput(f"{name} must be (3, h, w), got {tuple(image.shape)}. Convert it to RGB")
    return batch


def is_maps(output: object) -> bool:
    """Whether the output of a layer is feature maps with more than one position."""
    return isinstance(output, Tensor) and output.ndim == 4 and output.shape[2:].numel() > 1


def load_network(name: str, device: str | None = None) -> DreamNetwork:
    """A classifier of the zoo by name or file, or one of torchvision by name, whose weights are
    downloaded. Raises UnknownName, ZooError for other models, MissingData without a network."""
    from torchvision import models

    known = models.list_models(module=models)
    own = catalog.list_models("resnet-*")
    if name in known:
        return DreamNetwork(name, load_torchvision(name, device))
    if name not in catalog.list_models() and not catalog.is_path(name) and "/" not in name:
        raise UnknownName("classifier", name, [*known, *own])
    model = catalog.load(name, device)
    modality = model.modality
    if not (isinstance(model, Classifier | PredictsAttributes) and isinstance(modality, Images)):
        raise ZooError(
            f"the network must be a classifier of images, got {name}, a {type(model).__name__}. "
            f"Choose {' or '.join(own)}, or a network of torchvision"
        )
    return of_zoo(name, model, modality)


def of_zoo(name: str, model: ZooModule, modality: Images) -> DreamNetwork:
    """A classifier of the zoo, which takes images in [-1, 1]; one of gray images takes the mean of
    the channels. Raises ZooError for one that crops larger images."""
    channels, size, _ = modality.shapes[0]

    def prepare(x: Tensor) -> Tensor:
        return (x.mean(1, keepdim=True) if channels == 1 else x).to(model.device)

    network = DreamNetwork(name, Pretrained(model, prepare, size))
    first = network.layers()[0]
    small, large = (
        network.maps([first], torch.zeros(1, 3, n, n))[0].shape for n in (size, 2 * size)
    )
    if small == large:
        raise ZooError(
            f"the network must take images of any size, got {name}, which crops them to {size} "
            "pixels. Choose resnet-cifar10, or a network of torchvision"
        )
    return network
