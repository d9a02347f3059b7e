"""SRResNet: the networks of figure 4, the step, any size, and upscaled pictures."""

from pathlib import Path

import pytest
import torch
from loops import assert_same, descend, fit, one_thread
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.optim import Adam

import zoo
from zoo.analysis.tiling import by_tiles
from zoo.cli import main
from zoo.core.preview import preview, rendered_inputs
from zoo.errors import BadInput, BadRecipe
from zoo.translation import SRResNet
from zoo.translation.srresnet import Network

__all__ = ["one_thread"]  # for every test of this file too
TOY = {"size": 16, "width": 4, "blocks": 2}


def images() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    shape = 4, 3, 16, 16
    return [(torch.rand(shape, generator=generator) * 2 - 1, torch.empty(4, 0)) for _ in range(3)]


def toy() -> SRResNet:
    torch.manual_seed(0)
    return SRResNet(**TOY)


def test_a_step_is_the_squared_error_of_section_2_2() -> None:
    model, plain = toy(), toy()
    fit(model, batches=images())
    optimizer = Adam(plain.parameters(), 1e-4, fused=True)
    for y, _ in images():
        x = interpolate(y, size=(4, 4), mode="bicubic", antialias=True).clamp(-1, 1)
        descend(optimizer, (plain.generator(x) - y).square().mean())
    assert_same(model.state_dict(), plain.state_dict())


def test_the_network_is_that_of_figure_4() -> None:
    with torch.device("meta"):
        net = Network(64, 16)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [m.kernel_size[0] for m in convs] == [9, *[3] * 33, 3, 3, 9]
    assert [m.out_channels for m in convs] == [64] * 34 + [256, 256, 3]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) == 33
    assert sum(isinstance(m, nn.PReLU) for m in net.modules()) == 16 + 1 + 2
    assert net(torch.empty(1, 3, 5, 7, device="meta")).shape == (1, 3, 20, 28)


def test_images_of_any_size_are_enlarged() -> None:
    model = toy().eval()
    assert model.translate(torch.zeros(2, 3, 5, 9)).shape == (2, 3, 20, 36)
    assert model.degrade(torch.zeros(2, 3, 20, 36)).shape == (2, 3, 5, 9)
    with pytest.raises(BadInput, match="shape"):
        model.translate(torch.zeros(3, 8, 8))


def test_a_constant_image_is_reduced_to_its_color() -> None:
    torch.testing.assert_close(toy().degrade(torch.full((1, 3, 8, 8), 0.3)).unique().max(),
                               torch.tensor(0.3))  # fmt: skip


def test_tiles_of_a_larger_output_have_no_seams() -> None:
    image = torch.rand(3, 21, 50) * 2 - 1

    def twice(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    torch.testing.assert_close(by_tiles(twice, image, 16), twice(image[None])[0])


def test_a_preview_holds_its_inputs(tmp_path: Path) -> None:
    model = toy().eval()
    x = images()[0][0]
    found = preview(model, model.modality, lambda n: x[:n], n=8)
    path = found.render(tmp_path / "a")
    levels = ((model.degrade(x) + 1) * 127.5).round()
    again = rendered_inputs(path, model.modality)
    torch.testing.assert_close((again(4) + 1) * 127.5, levels, atol=1e-3, rtol=0)
    second = preview(model, model.modality, again, n=8)
    torch.testing.assert_close(second.samples, found.samples, atol=1e-3, rtol=0)


def test_a_picture_is_enlarged_by_a_command(tmp_path: Path) -> None:
    zoo.save(toy(), tmp_path / "m.safetensors")
    Image.new("RGB", (70, 30), "red").save(tmp_path / "a.png")
    main(["translate", str(tmp_path / "m.safetensors"), str(tmp_path / "a.png"),
          "--to", str(tmp_path / "b.png")])  # fmt: skip
    assert Image.open(tmp_path / "b.png").size == (280, 120)


def test_sizes_are_multiples_of_four() -> None:
    with pytest.raises(BadRecipe, match="size"):
        SRResNet(size=18, width=2)
