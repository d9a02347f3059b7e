"""pix2pix and its baseline: the networks of section 6.1, and steps that equal plain loops."""

from collections.abc import Callable

import pytest
import torch
from loops import assert_same, descend, fit, one_thread
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam

from zoo.core.module import ZooModule
from zoo.errors import BadInput, BadRecipe
from zoo.layers.noise import NoiseDropout
from zoo.translation import L1Regression, Pix2Pix
from zoo.translation.pix2pix import PatchGAN, UNet

__all__ = ["one_thread"]  # for every test of this file too
TOY = {"size": 32, "input_channels": 1, "channels": 3, "width": 4}


def pairs() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        tuple(torch.rand(2, c, 32, 32, generator=generator) * 2 - 1 for c in (1, 3))
        for _ in range(3)
    ]


def isola_2017(model: Pix2Pix) -> None:
    """Section 3.3: a gradient step on half the loss of D, then one of G on equation 4."""
    D, G = model.discriminator, model.generator
    of_d, of_g = (Adam(net.parameters(), 2e-4, (0.5, 0.999), fused=True) for net in (D, G))
    for x, y in pairs():
        fake = G(x)
        both = D(torch.cat([torch.cat([x, y], 1), torch.cat([x, fake.detach()], 1)]))
        real, generated = both[: len(x)], both[len(x) :]
        descend(of_d, (softplus(-real).mean() + softplus(generated).mean()) / 2)
        for weight in D.parameters():
            weight.requires_grad_(False)
        l1 = (y - fake).abs().mean()
        descend(of_g, softplus(-D(torch.cat([x, fake], 1))).mean() + 100 * l1)
        for weight in D.parameters():
            weight.requires_grad_(True)


def l1_baseline(model: L1Regression) -> None:
    optimizer = Adam(model.parameters(), 2e-4, (0.5, 0.999), fused=True)
    for x, y in pairs():
        descend(optimizer, (y - model.generator(x)).abs().mean())


def trained(kind: type[ZooModule]) -> tuple[ZooModule, ZooModule]:
    """Two models of equal weights, the first one trained by its own steps."""
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        models.append(kind(**TOY))
    fit(models[0], batches=pairs())
    torch.manual_seed(1)
    return models[0], models[1]


@pytest.mark.parametrize(("kind", "loop"), [(Pix2Pix, isola_2017), (L1Regression, l1_baseline)])
def test_a_step_is_the_algorithm_of_the_paper(
    kind: type[ZooModule], loop: Callable[[ZooModule], None]
) -> None:
    model, plain = trained(kind)
    loop(plain)
    assert_same(model.state_dict(), plain.state_dict())


def test_one_pass_of_the_discriminator_has_the_logits_of_two() -> None:
    D = PatchGAN(4, 4)
    one, two = torch.randn(2, 2, 4, 32, 32)
    torch.testing.assert_close(D(torch.cat([one, two])), torch.cat([D(one), D(two)]))


def test_the_u_net_of_256_pixels_is_that_of_section_6_1() -> None:
    with torch.device("meta"):
        net = UNet(256, 3, 3, 64)
    convs = [m for m in net.encoder.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convs] == [64, 128, 256, 512, 512, 512, 512, 512]
    ups = [m for m in net.decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.out_channels for m in ups] == [512, 512, 512, 512, 256, 128, 64]
    assert [m.in_channels for m in ups] == [512, 1024, 1024, 1024, 1024, 512, 256]
    noise = [any(isinstance(m, NoiseDropout) for m in block) for block in net.decoder]
    assert noise == [True] * 3 + [False] * 4
    assert net(torch.empty(1, 3, 256, 256, device="meta")).shape == (1, 3, 256, 256)


def test_a_logit_depends_on_70_pixels() -> None:
    D = PatchGAN(6, 2).double()
    D.requires_grad_(False)
    for norm in [m for m in D.modules() if isinstance(m, nn.InstanceNorm2d)]:
        norm.forward = lambda x: x  # statistics depend on every pixel
    x = torch.randn(1, 6, 256, 256, dtype=torch.double, requires_grad=True)
    logits = D(x)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    rows = x.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == 70


def test_an_image_is_translated_alike_in_any_batch() -> None:
    model = Pix2Pix(**TOY).eval()
    x = torch.rand(3, 1, 32, 32) * 2 - 1
    outputs = model.translate(x)
    assert outputs.shape == (3, 3, 32, 32)
    torch.testing.assert_close(model.translate(x[1:2]), outputs[1:2])
    assert torch.equal(model.translate(x), outputs)


def test_a_seed_draws_the_dropout() -> None:
    torch.manual_seed(0)
    model = Pix2Pix(**TOY).eval()
    for layer in (m for m in model.modules() if isinstance(m, nn.ConvTranspose2d)):
        layer.weight.data.mul_(20)  # the noise of an untrained network is faint
    x = torch.rand(1, 1, 32, 32)
    assert not torch.allclose(model.translate(x, seed=1), model.translate(x, seed=2), atol=1e-3)
    with pytest.raises(BadInput, match="seed"):
        model.translate(x, seed=-1)


def test_dropout_keeps_the_mean_and_half_of_the_units() -> None:
    layer = NoiseDropout(0.5).eval()
    outputs = layer(torch.ones(2, 64, 8, 8))
    assert set(outputs.unique().tolist()) == {0.0, 2.0}
    assert abs(outputs.mean() - 1) < 0.05
    assert torch.equal(outputs[0], outputs[1])


@pytest.mark.parametrize("size", [4, 48])
def test_sizes_are_powers_of_two(size: int) -> None:
    with pytest.raises(BadRecipe, match=f"size .* got {size}"):
        Pix2Pix(size=size, width=2)


def test_inputs_have_the_shape_of_the_modality() -> None:
    with pytest.raises(BadInput, match="shape"):
        Pix2Pix(**TOY).eval().translate(torch.zeros(1, 3, 32, 32))
