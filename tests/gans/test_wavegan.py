"""WaveGAN: its step is a plain loop of the paper's algorithm; phase shuffle; sizes."""

import pytest
import torch
from loops import Batch, assert_same, descend, fit, one_thread
from torch import Tensor
from torch.nn.functional import softplus
from torch.optim import Adam

from zoo.core.modality import Audio
from zoo.errors import BadInput, BadRecipe
from zoo.gans.conditional_wavegan import ConditionalWaveGAN
from zoo.gans.wavegan import PhaseShuffle, WaveGAN
from zoo.losses.penalties import gradient_penalty

__all__ = ["one_thread"]  # for every test of this file too
N, LENGTH, LATENT = 4, 3072, 5


def toy() -> WaveGAN:
    torch.manual_seed(0)
    return WaveGAN(length=LENGTH, rate=8000, width=2, latent=LATENT, discriminator_steps=2)


def batches() -> list[Batch]:
    modality = Audio(LENGTH, 8000)
    x = modality.normalize(modality.toy(4 * N)[0])
    return [(part, torch.empty(2 * N, 0)) for part in x.split(2 * N)]


def noise() -> Tensor:
    """Uniform in [-1, 1], by the distribution function of normal numbers."""
    return 2 * ((1 + torch.erf(torch.randn(N, LATENT) / 2**0.5)) / 2) - 1


def donahue_2019(model: WaveGAN) -> None:
    """Algorithm 1 of Gulrajani et al., 2017, with the settings of Donahue et al., 2019."""
    D, G = model.critic, model.generator
    d, g = (Adam(p.parameters(), lr=1e-4, betas=(0.5, 0.9), fused=True) for p in (D, G))
    for x, _ in batches():
        for real in x.chunk(2):
            G.requires_grad_(False)
            fake = G(noise())
            each = torch.rand(N, 1, 1)
            middle = real.lerp(fake, each).requires_grad_()
            (gradient,) = torch.autograd.grad(D(middle).sum(), middle, create_graph=True)
            penalty = 10.0 * (gradient.flatten(1).norm(dim=1) - 1).square().mean()
            of_real, of_fake = D(real), D(fake)  # in this order: each shuffles its phases
            descend(d, of_fake.mean() - of_real.mean() + penalty)
            G.requires_grad_(True)
        D.requires_grad_(False)
        descend(g, -D(G(noise())).mean())
        D.requires_grad_(True)


def test_step_is_the_algorithm() -> None:
    model, plain = toy(), toy()
    fit(model, batches=batches())
    torch.manual_seed(1)
    donahue_2019(plain)
    assert_same(model.state_dict(), plain.state_dict())


def mescheder_2018(model: WaveGAN) -> None:
    """The logistic loss for both players, R1 of gamma 2 at every eighth step, eight times."""
    D, G = model.critic, model.generator
    d, g = (Adam(p.parameters(), lr=1e-4, betas=(0.0, 0.99), fused=True) for p in (D, G))
    for i, (x, _) in enumerate(batches()):
        fake = G(2 * ((1 + torch.erf(torch.randn(2 * N, LATENT) / 2**0.5)) / 2) - 1)
        loss = softplus(-D(x)).mean() + softplus(D(fake.detach())).mean()
        if i == 0:
            point = x.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(D(point).sum(), point, create_graph=True)
            loss = loss + 8 * 2.0 * gradient.square().sum((1, 2)).mean() / 2
        descend(d, loss)
        D.requires_grad_(False)
        descend(g, softplus(-D(fake)).mean())
        D.requires_grad_(True)


def test_the_cheaper_step_is_its_algorithm() -> None:
    model, plain = toy(), toy()
    model.hparams["r1_weight"] = 2.0
    fit(model, batches=batches())
    torch.manual_seed(1)
    mescheder_2018(plain)
    assert_same(model.state_dict(), plain.state_dict())


def conditional() -> ConditionalWaveGAN:
    torch.manual_seed(0)
    model = ConditionalWaveGAN(LENGTH, 8000, 3, LATENT, width=2, lr=1e-3, r1_weight=2.0)
    torch.nn.init.normal_(model.critic.embedding.weight, std=0.1)
    return model


def lee_2018(model: ConditionalWaveGAN) -> None:
    """The class as further latents; scores w f + b + <e(y), f> of features f of the critic."""
    D, G = model.critic, model.generator
    d, g = (Adam(p.parameters(), lr=1e-3, betas=(0.0, 0.99), fused=True) for p in (D, G))
    y = torch.arange(2 * N) % 3

    def score(x: Tensor) -> Tensor:
        f, linear = D.phi(x), D.psi[0]
        return f @ linear.weight[0] + linear.bias + (f * D.embedding.weight[y]).sum(1)

    for i, (x, _) in enumerate(batches()):
        z = 2 * ((1 + torch.erf(torch.randn(2 * N, LATENT) / 2**0.5)) / 2) - 1
        fake = G.joint(torch.cat([z, torch.eye(3)[y]], 1))
        loss = softplus(-score(x)).mean() + softplus(score(fake.detach())).mean()
        if i == 0:
            point = x.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(score(point).sum(), point, create_graph=True)
            loss = loss + 8 * 2.0 * gradient.square().sum((1, 2)).mean() / 2
        descend(d, loss)
        D.requires_grad_(False)
        descend(g, softplus(-score(fake)).mean())
        D.requires_grad_(True)


def test_the_conditional_step_is_its_algorithm() -> None:
    model, plain = conditional(), conditional()
    fit(model, batches=[(x, torch.arange(2 * N) % 3) for x, _ in batches()])
    torch.manual_seed(1)
    lee_2018(plain)
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-5), name


def test_sounds_of_a_class() -> None:
    model = conditional().eval()
    x = model.sample(6, seed=0)
    assert x.shape == (6, 1, LENGTH)
    assert torch.equal(x, model.sample(6, seed=0, labels=torch.tensor([0, 1, 2] * 2)))
    assert not torch.equal(x, model.sample(6, seed=0, labels=torch.zeros(6).long()))
    with pytest.raises(BadInput, match="3"):
        model.sample(1, labels=torch.tensor([3]))
    with pytest.raises(BadRecipe, match="labels"):
        fit(model, batches=batches())
    with pytest.raises(BadRecipe, match="1000"):
        ConditionalWaveGAN(1000)


def test_biases_begin_at_zero_and_latents_differ() -> None:
    model = toy()
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    assert len(biases) == 12
    assert all(not bias.any() for bias in biases)
    x = model.sample(50, seed=0)
    assert (x - x.mean(0)).square().mean() > 0.1 * x.square().mean()  # 3e-6 with larger biases


def test_the_penalty_interpolates_each_sound() -> None:
    """The gradient of a sum of squares is twice the sound, at one point between both."""
    real, fake = torch.zeros(3, 1, 8), torch.ones(3, 1, 8)
    torch.manual_seed(0)
    share = torch.rand(3, 1, 1)
    torch.manual_seed(0)
    found = gradient_penalty(lambda x: x.square().flatten(1).sum(1), real, fake)
    assert torch.allclose(found, ((2 * share[:, 0, 0] * 8**0.5) - 1).square().mean())


def test_a_shuffle_shifts_a_batch_and_reflects() -> None:
    x, shuffle = torch.arange(6.0).expand(2, 3, 6), PhaseShuffle(1)
    shifted = {tuple(shuffle(x)[0, 0].tolist()) for _ in range(50)}
    assert shifted == {(1, 0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 4)}
    assert torch.equal(shuffle.eval()(x), x)


def test_sizes_are_those_of_the_paper() -> None:
    """Tables 3 and 4 with d = 64 have 19 and 17 million parameters."""
    with torch.device("meta"):
        model = WaveGAN()
    maps = [p.shape for p in model.generator.parameters() if p.ndim == 3]
    assert maps == [(1024, 512, 25), (512, 256, 25), (256, 128, 25), (128, 64, 25), (64, 1, 25)]
    assert model.generator[0].weight.shape == (16384, 100)
    assert [p.shape[0] for p in model.critic.parameters() if p.ndim == 3] == [
        64,
        128,
        256,
        512,
        1024,
    ]
    assert model.critic[-2].weight.shape == (1, 16384)


def test_samples_are_sounds() -> None:
    x = toy().sample(3, seed=0)
    assert x.shape == (3, 1, LENGTH)
    assert x.abs().max() <= 1
    assert toy().prior(1000, seed=0).abs().max() <= 1


@pytest.mark.parametrize(("length", "shuffle"), [(1000, 2), (1024, 2), (3072, -1)])
def test_a_length_must_fit_the_strides(length: int, shuffle: int) -> None:
    with pytest.raises(BadRecipe, match="length"):
        WaveGAN(length=length, shuffle=shuffle)
