"""SPADE: normalization by maps, a step by hand, styles, and label maps through the commands."""

from pathlib import Path

import numpy as np
import pytest
import torch
from loops import descend, fit, one_thread
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, one_hot, relu
from torch.optim import Adam
from toys import fails

import zoo
from zoo.cli import main
from zoo.core.preview import preview, rendered_inputs
from zoo.errors import BadInput, BadRecipe
from zoo.layers.spatially_adaptive import SpatiallyAdaptiveNorm2d
from zoo.plotting.label_colors import to_colors
from zoo.translation import SPADE
from zoo.translation.multi_scale import Judgement, feature_matching
from zoo.translation.spade import Generator

__all__ = ["one_thread"]  # for every test of this file too


def batches() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    maps, shape = (4, 1, 64, 64), (4, 3, 64, 64)
    return [
        (torch.randint(5, maps, generator=generator), torch.rand(shape, generator=generator) - 0.5)
        for _ in range(3)
    ]


def toy() -> SPADE:
    torch.manual_seed(0)
    return SPADE(size=64, labels=5, latent=6, width=2, hidden=3)


def test_normalization_is_equation_1() -> None:
    """A map of one label scales and shifts all positions of a channel alike."""
    layer = SpatiallyAdaptiveNorm2d(4, 5, 3)
    x = torch.randn(2, 4, 8, 8)
    m = one_hot(torch.full((2, 32, 32), 3), 5).permute(0, 3, 1, 2).float()
    inner = slice(2, -2)  # without the borders, which are padded with zeros
    out = layer(x, m)[..., inner, inner]
    normal = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), False, keepdim=True)
    h = relu(layer.shared[0].weight.sum((2, 3))[:, 3] + layer.shared[0].bias)
    scale, shift = (
        (net.weight.sum((2, 3)) @ h + net.bias)[:, None, None] for net in (layer.scale, layer.shift)
    )
    expected = (normal * (1 + scale) + shift)[..., inner, inner]
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)


def judge(model: SPADE, m: Tensor, y: Tensor, fake: Tensor) -> list[tuple[Judgement, Judgement]]:
    """Both discriminators on real and fake images, layer by layer."""
    x, found = torch.cat([torch.cat([m, y], 1), torch.cat([m, fake], 1)]), []
    for network in model.discriminator:
        maps, h = [], x
        for layer in network.layers:
            maps.append(h := layer(h))
        logits = network.output(h)
        found.append(tuple(Judgement([a[s] for a in maps], logits[s])
                           for s in (slice(4), slice(4, 8))))  # fmt: skip
        x = avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    return found


def park_2019(model: SPADE) -> None:
    """Three steps of hinge losses, feature matching and the divergence of the style."""
    G, E, D = model.generator, model.encoder, model.discriminator
    of_d = Adam(D.parameters(), 4e-4, (0.0, 0.9), fused=True)
    of_g = Adam([*G.parameters(), *E.parameters()], 1e-4, (0.0, 0.9), fused=True)
    for step, (maps, y) in enumerate(batches()):
        factor = (1, 1, 2 / 3)[step]
        of_d.param_groups[0]["lr"], of_g.param_groups[0]["lr"] = 4e-4 * factor, 1e-4 * factor
        m = one_hot(maps[:, 0], 5).permute(0, 3, 1, 2).float().contiguous()
        mean, log_variance = E(y)
        fake = G(m, mean + torch.randn_like(mean) * (log_variance / 2).exp())
        losses = [
            relu(1 - a.logits).mean() + relu(1 + b.logits).mean()
            for a, b in judge(model, m, y, fake.detach())
        ]
        descend(of_d, (losses[0] + losses[1]) / 2)
        D.requires_grad_(False)
        judged = judge(model, m, y, fake)
        adversarial = sum(-b.logits.mean() for _, b in judged) / 2
        l1 = [(b - a.detach()).abs().mean() for one, two in judged
              for a, b in zip(one.maps, two.maps, strict=True)]  # fmt: skip
        kl = (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean() / 2
        descend(of_g, adversarial + 10 * sum(l1) / 2 + 0.05 * kl)
        D.requires_grad_(True)


def test_a_step_is_that_of_the_paper() -> None:
    model, plain = toy(), toy()
    fit(model, batches=batches())
    torch.manual_seed(1)
    park_2019(plain)
    for (name, found), expected in zip(
        model.state_dict().items(), plain.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4, msg=name)


def test_equal_images_match_in_all_features() -> None:
    maps = [torch.rand(2, 3, 4, 4) for _ in range(3)]
    same = [Judgement(maps, torch.zeros(2, 1, 3, 3))]
    assert feature_matching(same, same) == 0
    shifted = [Judgement([m + 1 for m in maps], same[0].logits)]
    torch.testing.assert_close(feature_matching(same, shifted), torch.tensor(3.0))


def test_the_generator_is_that_of_figure_11() -> None:
    with torch.device("meta"):
        net = Generator(256, 12, 3, 256, 64, 128)
        m, z = torch.empty(2, 12, 256, 256), torch.empty(2, 256)
        assert net(m, z).shape == (2, 3, 256, 256)
    assert net.start == (1024, 8, 8)
    outputs = [block.convs[1].out_channels for block in net.blocks]
    assert outputs == [1024, 1024, 1024, 512, 256, 128, 64]
    norms = sum(isinstance(m, SpatiallyAdaptiveNorm2d) for m in net.modules())
    assert norms == 7 * 2 + 4  # of shortcuts, where the width changes


def test_styles_change_outputs_and_seeds_repeat_them() -> None:
    model, (maps, images) = toy().eval(), batches()[0]
    for parameter in model.generator.parameters():  # the first weights draw almost nothing
        nn.init.normal_(parameter, std=0.3)
    one, two = model.translate(maps, seed=1), model.translate(maps, seed=2)
    assert one.shape == (4, 3, 64, 64)
    assert torch.equal(one, model.translate(maps, seed=1))
    assert not torch.allclose(one, two, atol=1e-3)
    torch.testing.assert_close(model.translate(maps[2:3], seed=1), one[2:3], atol=1e-5, rtol=0)
    alike = model.translate_like(maps, images[:1])
    torch.testing.assert_close(alike[1:2], model.translate_like(maps[1:2], images[:1]),
                               atol=1e-5, rtol=0)  # fmt: skip
    assert model.translate_like(maps, images).shape == one.shape
    with pytest.raises(BadInput, match="styles"):
        model.translate_like(maps, images[:3])


@pytest.mark.parametrize(
    ("maps", "reason"),
    [
        (torch.zeros(1, 1, 64, 64), "float32"),
        (torch.zeros(1, 64, 64, dtype=torch.int64), "64"),
        (torch.full((1, 1, 64, 64), 5), "5"),
        (torch.full((1, 1, 64, 64), -1), "-1"),
    ],
)
def test_other_inputs_are_refused(maps: Tensor, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        toy().translate(maps)


@pytest.mark.parametrize("size", [32, 80])
def test_sizes_are_multiples_of_32(size: int) -> None:
    with pytest.raises(BadRecipe, match="size"):
        SPADE(size=size, width=2)


def test_a_preview_holds_its_label_maps(tmp_path: Path) -> None:
    model, maps = toy().eval(), batches()[0][0]
    found = preview(model, model.modality, lambda n: maps[:n], n=8)
    path = found.render(tmp_path / "a")
    again = rendered_inputs(path, model.modality)(4)
    assert torch.equal(again, maps)


@pytest.mark.parametrize("colored", [False, True])
def test_label_maps_are_translated_by_a_command(tmp_path: Path, colored: bool) -> None:
    zoo.save(toy(), tmp_path / "m.safetensors")
    labels = torch.arange(90 * 70).view(1, 1, 90, 70) % 5
    picture = to_colors(labels)[0].permute(1, 2, 0) if colored else labels[0, 0].to(torch.uint8)
    Image.fromarray(picture.numpy()).save(tmp_path / "map.png")
    Image.new("RGB", (30, 50), "red").save(tmp_path / "photo.jpg")
    start = ["translate", str(tmp_path / "m.safetensors"), str(tmp_path / "map.png"), "--to"]
    for name, options in {
        "tiles": ["--seed", "3"],
        "whole": ["--whole"],
        "like": ["--like", str(tmp_path / "photo.jpg")],
    }.items():
        main([*start, str(tmp_path / f"{name}.png"), *options])
        assert Image.open(tmp_path / f"{name}.png").size == (70, 90)


def test_bad_label_maps_and_styles_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo.save(toy(), tmp_path / "m.safetensors")
    Image.fromarray(np.full((64, 64), 7, np.uint8)).save(tmp_path / "map.png")
    start = ["translate", str(tmp_path / "m.safetensors"), str(tmp_path / "map.png")]
    assert "1 of 1" in fails(*start, "--to", str(tmp_path / "b.png"))
    assert "map.png" in capsys.readouterr().err
    assert "none.jpg" in fails(*start, "--like", str(tmp_path / "none.jpg"))
    assert "--like" in fails("translate", "colorization-celeba", "map.png", "--like", "x.png")
