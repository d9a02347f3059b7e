"""DeepDream: steps in closed form, layers by name, pictures that are never replaced."""

from pathlib import Path

import pytest
import torch
from picture_files import NOISE, saved
from PIL import Image
from torch import Tensor, nn
from toys import fails

from zoo.cli import main
from zoo.dreams.deep_dream import STEP, Settings, ascend, deep_dream, guided, strengthen
from zoo.dreams.networks import DreamNetwork, load_network
from zoo.errors import BadInput, UnknownName, ZooError
from zoo.layers.feature_maps import Pretrained


def network() -> DreamNetwork:
    torch.manual_seed(0)
    convs = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 8, 3))
    classifier = nn.Sequential(convs, nn.Flatten(), nn.Linear(8 * 29**2, 2))
    return DreamNetwork("toy", Pretrained(classifier, identity, 64))


def identity(x: Tensor) -> Tensor:
    return x


def image(height: int = 40, width: int = 60) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0)) - 0.5


def test_a_step_moves_pixels_by_one_and_a_half_gray_levels() -> None:
    """For one pixel-wise layer, the gradient of half the squared norm is the image itself."""
    copy = DreamNetwork("copy", Pretrained(nn.Sequential(nn.Identity()), identity, 64))
    x = image()[None] / 2
    stepped = ascend(copy, "0", strengthen, x, [3, -5])
    torch.testing.assert_close(stepped, x + STEP * x / x.abs().mean())
    assert (stepped - x).abs().mean().item() == pytest.approx(1.5 / 127.5, rel=1e-4)


def test_a_guide_is_matched_by_the_largest_product() -> None:
    guide = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).view(1, 2, 1, 2)  # features (1, 0) and (0, 2)
    maps = torch.tensor([3.0, 1.0]).view(1, 2, 1, 1).requires_grad_()
    guided(guide)(maps).backward()
    assert maps.grad.flatten().tolist() == [1.0, 0.0]


def test_octaves_grow_to_the_size_of_the_image() -> None:
    frames = list(deep_dream(network(), image(64, 96), "0.0", settings=Settings(4, 2)))
    sizes = [tuple(frame.shape[1:]) for frame in frames]
    assert sizes == [(33, 49), (33, 49), (46, 69), (46, 69), (64, 96), (64, 96)]  # 23 is too small
    assert all(frame.abs().max() <= 1 for frame in frames)


def test_the_layer_responds_more_to_the_dream() -> None:
    net, x = network(), image()
    *_, dream = deep_dream(net, x, "0.2")
    assert strengthen(*net.maps(["0.2"], dream[None])) > 1.5 * strengthen(
        *net.maps(["0.2"], x[None])
    )


def test_a_seed_repeats_the_dream() -> None:
    net, x = network(), image()
    one, same, other = (
        list(deep_dream(net, x, "0.0", settings=Settings(1, 2, seed)))[-1] for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_layers_are_those_with_maps_in_their_order() -> None:
    net = network()
    assert net.layers() == ["0.0", "0.1", "0.2", "0"]
    (maps,) = net.maps(["0.0"], torch.zeros(1, 3, 33, 33))
    assert maps.shape == (1, 4, 16, 16)  # not the size of 1
    with pytest.raises(UnknownName, match=r"0\.3.*0\.2"):
        next(deep_dream(net, image(), "0.3"))


@pytest.mark.parametrize(
    ("given", "settings", "name"),
    [
        (image(20, 60), Settings(), "32"),
        (image()[:1], Settings(), "RGB"),
        (image() * 9, Settings(), "finite"),
        (image(), Settings(octaves=0), "octaves"),
        (image(), Settings(steps=0), "steps"),
    ],
)
def test_invalid_arguments_are_named(given: Tensor, settings: Settings, name: str) -> None:
    with pytest.raises(BadInput, match=name):
        next(deep_dream(network(), given, "0.0", settings=settings))


@pytest.mark.parametrize("name", ["resnet-cifar10", "resnet-celeba"])
def test_a_classifier_of_the_zoo_dreams(name: str) -> None:
    net = load_network(name)
    layer = net.default_layer()
    *_, dream = deep_dream(net, image(), layer, like=image(50, 33), settings=Settings(1, 1))
    assert dream.shape == (3, 40, 60)


def test_unknown_networks_are_named() -> None:
    with pytest.raises(UnknownName, match="googlenet"):
        load_network("gogglenet")
    with pytest.raises(ZooError, match="VAE"):
        load_network("vae-digits")
    with pytest.raises(ZooError, match="cnn-spoken-digits"):
        load_network("cnn-spoken-digits")  # which takes sounds
    with pytest.raises(ZooError, match="lenet-mnist"):
        load_network("lenet-mnist")  # which crops images


def test_a_dream_is_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(here, "a.jpg", NOISE.resize((80, 60)))
    words = ["dream", "a.jpg", "--model", "resnet-cifar10", "--steps", "2", "--octaves", "1"]
    main([*words, "--size", "48", "--layer", "body.2", "--like", "a.jpg"])
    with Image.open("dream.png") as dream:
        assert dream.size == (48, 36)
    main(["dream", "--layers", "--model", "resnet-cifar10"])
    assert "body.2" in capsys.readouterr().out
    assert "body.2" in fails(*words, "--layer", "body.22")
    assert "a.jpg" in fails(*words, "--to", "a.jpg")
    assert "nowhere" in fails("dream", "nowhere.png", "--model", "resnet-cifar10")
    assert "picture" in fails("dream", "--model", "resnet-cifar10")
