"""Neural style transfer: Gram matrices in closed form, the pull of content and style, errors."""

from pathlib import Path

import pytest
import torch
from picture_files import NOISE, saved
from PIL import Image
from test_deep_dream import identity, image, network
from torch import nn
from toys import fails

from zoo.cli import main
from zoo.dreams.networks import DreamNetwork, load_network
from zoo.dreams.style_transfer import (
    AUTHORS,
    Layers,
    Settings,
    default_layers,
    error,
    gram,
    style_transfer,
)
from zoo.errors import BadInput, UnknownName
from zoo.layers.feature_maps import Pretrained

LAYERS = Layers("0.2", ("0.0", "0.2"))


def test_gram_matrices_do_not_depend_on_positions() -> None:
    maps = torch.tensor([[1.0, 3.0], [0.0, 2.0]]).view(1, 2, 1, 2)  # two channels
    expected = torch.tensor([[5.0, 3.0], [3.0, 2.0]])  # (1 + 9) / 2, (0 + 6) / 2, (0 + 4) / 2
    torch.testing.assert_close(gram(maps), expected)
    torch.testing.assert_close(gram(maps.flip(3)), expected)
    torch.testing.assert_close(gram(maps.repeat(1, 1, 2, 3)), expected)  # nor on the size


def test_errors_are_shares() -> None:
    target = torch.tensor([3.0, 4.0])
    assert error(torch.zeros(2), target) == 1
    assert error(1000 * torch.tensor([3.0, 0.0]), 1000 * target) == pytest.approx(16 / 25)


def test_content_is_recovered_from_noise_without_style() -> None:
    """A layer that copies the image has its minimum at the content."""
    copy = DreamNetwork("copy", Pretrained(nn.Sequential(nn.Identity()), identity, 64))
    settings = Settings(frames=3, style_weight=0, start="noise")
    *_, result = style_transfer(copy, image(), image(32, 32), Layers("0", ("0",)), settings)
    torch.testing.assert_close(result, image(), atol=1e-3, rtol=0)


def test_the_style_is_approached_and_the_content_kept() -> None:
    net, content = network(), image(40, 60)
    style = torch.rand(3, 50, 33, generator=torch.Generator().manual_seed(1)) * 2 - 1
    *_, result = style_transfer(net, content, style, LAYERS, Settings(frames=3))
    assert result.shape == content.shape
    assert result.abs().max() <= 1
    with torch.no_grad():
        target = gram(*net.maps(["0.0"], style[None]))
        before, after = (
            error(gram(*net.maps(["0.0"], x[None])), target) for x in (content, result)
        )
    assert after < before / 2


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(frames=0), "frames"),
        (Settings(style_weight=-1), "style_weight"),
        (Settings(style_weight=float("inf")), "style_weight"),
        (Settings(start="content "), "start"),  # type: ignore[arg-type]
    ],
)
def test_invalid_settings_are_named(settings: Settings, name: str) -> None:
    with pytest.raises(BadInput, match=name):
        next(style_transfer(network(), image(), image(), LAYERS, settings))


def test_layers_and_images_are_checked() -> None:
    with pytest.raises(UnknownName, match=r"0\.9"):
        next(style_transfer(network(), image(), image(), Layers("0.9", ("0.0",))))
    with pytest.raises(BadInput, match="style"):
        next(style_transfer(network(), image(), image()[:1], LAYERS))


def test_default_layers() -> None:
    """Those of the authors for VGG-19; layers of rising depth for other networks."""
    assert (
        default_layers(DreamNetwork("vgg19", Pretrained(nn.Identity(), identity, 224))) == AUTHORS
    )
    net = load_network("resnet-cifar10")
    content, style = default_layers(net)
    places = [net.layers().index(name) for name in style]
    assert places == sorted(places)
    assert content in style


def test_a_stylized_picture_is_written(here: Path) -> None:
    saved(here, "photo.jpg", NOISE.resize((80, 60)))
    saved(here, "painting.png", NOISE.resize((40, 90)))
    words = ["stylize", "photo.jpg", "painting.png", "--model", "resnet-cifar10", "--size", "40"]
    main([*words, "--steps", "5", "--to", "out.png"])
    with Image.open("out.png") as picture:
        assert picture.size == (40, 30)
    assert "painting.png" in fails(*words, "--to", "painting.png")
    assert "nowhere.png" in fails("stylize", "photo.jpg", "nowhere.png", *words[3:])
