"""SRGAN: the discriminator of figure 4, the perceptual loss, and the space of its content."""

import pytest
import torch
from loops import assert_same, descend, fit, one_thread
from test_srresnet import images
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam

from zoo.errors import BadRecipe, UnknownName
from zoo.layers.feature_maps import FeatureNetwork, Pretrained
from zoo.losses.content import SPACES, ContentLoss, Space
from zoo.translation import SRGAN, SRResNet
from zoo.translation.srgan import Discriminator

__all__ = ["one_thread"]  # for every test of this file too


def toy(**settings: float) -> SRGAN:
    torch.manual_seed(0)
    return SRGAN(16, 4, 2, 2, "pixels", **settings)


def test_a_step_is_equations_2_to_6() -> None:
    """Three steps, of which the last one has a tenth of the learning rate."""
    model, plain = toy(), toy()
    fit(model, batches=images())
    D, G = plain.discriminator, plain.generator
    of_d, of_g = (Adam(net.parameters(), 1e-4, fused=True) for net in (D, G))
    for step, (y, _) in enumerate(images()):
        for optimizer in (of_d, of_g):
            optimizer.param_groups[0]["lr"] = 1e-4 if step < 1.5 else 1e-5
        fake = G(plain.degrade(y))
        descend(of_d, softplus(-D(y)).mean() + softplus(D(fake.detach())).mean())
        D.requires_grad_(False)
        content = (fake - y).square().mean()
        descend(of_g, content + 1e-3 * softplus(-D(fake)).mean())
        D.requires_grad_(True)
    assert_same(model.state_dict(), plain.state_dict())


def test_the_discriminator_is_that_of_figure_4() -> None:
    with torch.device("meta"):
        net = Discriminator(96, 64)
        assert net(torch.empty(2, 3, 96, 96)).shape == (2,)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convs] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [m.stride[0] for m in convs] == [1, 2] * 4
    assert sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) == 7
    dense = [(m.in_features, m.out_features) for m in net.modules() if isinstance(m, nn.Linear)]
    assert dense == [(512 * 6 * 6, 1024), (1024, 1)]


def test_training_begins_at_the_weights_of_an_srresnet() -> None:
    srresnet = SRResNet(16, 4, 2)
    model = toy()
    model.generator.load_state_dict(srresnet.generator.state_dict())
    x = images()[0][0][..., :4, :4]
    assert torch.equal(model.eval().translate(x), srresnet.eval().translate(x))


def test_content_is_compared_in_feature_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer of doubled pixels has four times their squared error; the target has no gradient."""
    double = nn.Conv2d(3, 3, 1, bias=False)
    nn.init.dirac_(double.weight)
    double.weight.data.mul_(2)

    def identity(x: Tensor) -> Tensor:
        return x

    monkeypatch.setitem(SPACES, "vgg19", Space("0", 0.5))
    loss = ContentLoss("vgg19")
    loss.network = FeatureNetwork("double", Pretrained(nn.Sequential(double), identity, 8))
    x, y = (torch.rand(2, 3, 8, 8, requires_grad=True) for _ in range(2))
    value = loss(x, y)
    torch.testing.assert_close(value, (x - y).square().mean())
    value.backward()
    assert x.grad is not None
    assert y.grad is None
    assert double.weight.grad is None


def test_a_content_network_is_no_part_of_the_model() -> None:
    names = {name.partition(".")[0] for name in SRGAN(16, 4, 2, 2, "vgg19").state_dict()}
    assert names == {"generator", "discriminator"}


def test_invalid_settings_are_named() -> None:
    with pytest.raises(BadRecipe, match="size"):
        SRGAN(size=40, width=2)
    with pytest.raises(UnknownName, match=r"vgg.*vgg19"):
        SRGAN(content="vgg")  # type: ignore[arg-type]
