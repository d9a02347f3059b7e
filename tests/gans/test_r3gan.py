"""R3GAN: its step is a plain loop; networks begin as the appendix says."""

import math

import pytest
import torch
from loops import fit, one_thread
from torch import Tensor
from torch.nn.functional import logsigmoid
from torch.optim import Adam

from zoo.errors import BadRecipe
from zoo.gans import R3GAN
from zoo.gans.r3gan import ResBlock

__all__ = ["one_thread"]  # for every test of this file too
N = 4


def toy() -> R3GAN:
    torch.manual_seed(0)
    return R3GAN(8, 1, latent=5, width=8, blocks=1, lr=(2e-3, 5e-4), gamma=(2.0, 0.2))


def batches() -> list[tuple[Tensor, Tensor]]:
    own = torch.Generator().manual_seed(0)
    x = torch.rand(4 * N, 1, 8, 8, generator=own) * 2 - 1
    return [(part, torch.empty(N, 0)) for part in x.split(N)]


def penalty(critic: torch.nn.Module, x: Tensor) -> Tensor:
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() / 2


def huang_2025(model: R3GAN) -> None:
    """Pairs of real and fake images, both penalties in each step, cosine schedules."""
    D, G = model.discriminator, model.generator
    d, g = (Adam(p.parameters(), fused=True) for p in (D, G))
    for k, (x, _) in enumerate(batches()):
        share = (1 + math.cos(math.pi * k / 4)) / 2
        for optimizer in (d, g):
            optimizer.param_groups[0]["lr"] = 5e-4 + 1.5e-3 * share
            optimizer.param_groups[0]["betas"] = (0.0, 0.99 - 0.09 * share)
        fake = G(torch.randn(N, 5))
        loss = -logsigmoid(D(x) - D(fake.detach())).mean()
        loss = loss + (0.2 + 1.8 * share) * (penalty(D, x) + penalty(D, fake))
        d.zero_grad()
        loss.backward()
        d.step()
        D.requires_grad_(False)
        g.zero_grad()
        (-logsigmoid(D(fake) - D(x)).mean()).backward()
        g.step()
        D.requires_grad_(True)


def test_step_is_the_algorithm() -> None:
    model, plain = toy(), toy()
    fit(model, batches=batches())
    torch.manual_seed(1)
    huang_2025(plain)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-5), name


def test_a_block_begins_as_the_identity() -> None:
    """Its last weights are zero; the others shrink with the number of blocks, by N^(-1/4)."""
    torch.manual_seed(0)
    block, x = ResBlock(64, blocks=16), torch.rand(2, 64, 4, 4)
    assert torch.equal(block(x), x)
    first, middle = block.body[0].weight, block.body[2].weight
    assert first.shape == (128, 64, 1, 1)
    assert middle.shape == (128, 16, 3, 3)  # groups of 16 channels
    assert float(first.detach().std() * 64**0.5) == pytest.approx(2**0.5 / 2, rel=0.05)
    assert float(middle.detach().std() * (16 * 9) ** 0.5) == pytest.approx(2**0.5 / 2, rel=0.05)


def test_no_layer_normalizes() -> None:
    with torch.device("meta"):
        model = R3GAN()
    kinds = {type(module).__name__ for module in model.modules()}
    assert not [kind for kind in kinds if "Norm" in kind]
    assert model.generator(torch.empty(2, 64, device="meta")).shape == (2, 3, 32, 32)
    assert model.discriminator(torch.empty(2, 3, 32, 32, device="meta")).shape == (2,)


def test_all_logits_depend_on_their_own_image() -> None:
    model, x = toy(), torch.rand(3, 1, 8, 8)
    alone = torch.cat([model.discriminator(one[None]) for one in x])
    assert torch.allclose(model.discriminator(x), alone, atol=1e-5)
    assert model.sample(5, seed=0).shape == (5, 1, 8, 8)


@pytest.mark.parametrize(("size", "width"), [(12, 8), (4, 8), (8, 12)])
def test_settings_are_checked(size: int, width: int) -> None:
    with pytest.raises(BadRecipe, match=r"size|width"):
        R3GAN(size, width=width)
