"""The GANs at toy size: samples, labels, invalid arguments, networks."""

import math
import re

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from zoo.core.latent_models import ConditionalModel, LatentVariableModel
from zoo.core.modality import Images
from zoo.core.preview import columns_of
from zoo.errors import BadRecipe, UnknownName, ZooError
from zoo.gans.acgan import ACGAN
from zoo.gans.adversarial_autoencoder import AdversarialAutoencoder
from zoo.gans.bigan import BiGAN
from zoo.gans.conditional_gan import ConditionalGAN
from zoo.gans.dcgan import DCGAN
from zoo.gans.dragan import DRAGAN
from zoo.gans.gan import GAN, Maxout, apply_max_norm_
from zoo.gans.geometric_gan import GeometricGAN
from zoo.gans.infogan import InfoGAN
from zoo.gans.lsgan import LSGAN
from zoo.gans.projection_gan import ProjectionGAN
from zoo.gans.ragan import RaGAN
from zoo.gans.sagan import SAGAN
from zoo.gans.sngan import SNGAN
from zoo.gans.vae_gan import VAEGAN
from zoo.gans.wgan import WGAN
from zoo.losses.adversarial import minimax, non_saturating

FAMILIES = [
    GAN,
    DCGAN,
    LSGAN,
    GeometricGAN,
    RaGAN,
    DRAGAN,
    WGAN,
    SNGAN,
    SAGAN,
    InfoGAN,
    VAEGAN,
    AdversarialAutoencoder,
    BiGAN,
    ConditionalGAN,
    ACGAN,
    ProjectionGAN,
]


CONDITIONAL = [ConditionalGAN, ACGAN, ProjectionGAN]


@pytest.mark.parametrize("family", FAMILIES)
def test_samples_are_in_range_and_reproducible(family: type[LatentVariableModel]) -> None:
    torch.manual_seed(0)
    model = family(size=16, channels=1, width=24)
    images = model.sample(5, seed=0)
    assert images.shape == (5, 1, 16, 16)
    assert images.abs().max() <= 1
    assert torch.allclose(model.sample(3, seed=0), images[:3], atol=1e-4)
    assert not torch.allclose(model.sample(5, seed=1), images, atol=1e-3)


@pytest.mark.parametrize("family", CONDITIONAL)
def test_labels_select_the_class_of_samples(family: type[ConditionalModel]) -> None:
    torch.manual_seed(0)
    model = family(size=8, channels=1, width=8, classes=3)
    for module in model.generator.modules():
        if isinstance(module, nn.Embedding):  # initialized equally for all classes
            nn.init.normal_(module.weight)
    labels = torch.tensor([0, 1, 2, 0])
    images = model.sample(4, seed=0, labels=labels)
    assert torch.equal(model.sample(4, seed=0), images)
    assert columns_of(model, Images()) == 3  # of a picture, one for each class
    assert not torch.equal(model.sample(4, seed=0, labels=labels.flip(0)), images)
    for dtype in (torch.uint8, torch.int32):
        assert torch.equal(model.sample(4, seed=0, labels=labels.to(dtype)), images)
    with pytest.raises(BadRecipe, match="labels"):
        model.labeled_batch((images, torch.empty(4, 0)))  # type: ignore[operator]


@pytest.mark.parametrize("family", CONDITIONAL)
@pytest.mark.parametrize(
    ("labels", "received"),
    [
        ([0, 3], "0 to 3"),
        ([-1, 0], "-1 to 0"),
        ([1], "(1,)"),
        ([0, 1, 2], "(3,)"),
        ([[0, 1], [1, 0]], "(2, 2)"),
        ([0.0, 1.0], "torch.float32"),
        ([True, False], "torch.bool"),
    ],
)
def test_invalid_labels_raise(family: type[ConditionalModel], labels: list, received: str) -> None:
    model = family(size=8, channels=1, width=8, classes=3)
    message = f"labels.*got .*{re.escape(received)}"
    with pytest.raises(ZooError, match=message):
        model.decode(model.prior(2), torch.tensor(labels))
    with pytest.raises(ZooError, match=message):
        model.labeled_batch((torch.zeros(2, 1, 8, 8), torch.tensor(labels)))  # type: ignore[operator]


def test_invalid_arguments_raise() -> None:
    model = GAN(size=8, width=8)
    assert len(model.sample(0)) == 0
    for seed in (None, 0):
        with pytest.raises(ZooError, match=r"n .*got -1"):
            model.sample(-1, seed)
    with pytest.raises(BadRecipe, match=r"discriminator_steps.*got 0"):
        GAN(size=8, width=8, discriminator_steps=0).split_batch(torch.zeros(4, 1))
    with pytest.raises(UnknownName, match=r"minmax.*minimax"):
        GAN(loss="minmax")  # type: ignore[arg-type]


@pytest.mark.parametrize("family", [GAN, ConditionalGAN])
def test_invalid_decay_and_momentum_raise(family: type[GAN | ConditionalGAN]) -> None:
    with pytest.raises(BadRecipe, match=r"decay.*got 0\.9"):
        family(decay=0.9)
    with pytest.raises(BadRecipe, match=r"momentum.*got 1\.0"):
        family(momentum=1.0)
    with pytest.raises(BadRecipe, match=r"final_momentum.*got -0\.1"):
        family(final_momentum=-0.1)


def test_the_optimal_discriminator_is_the_ratio_of_densities() -> None:
    """Proposition 1: D tends to p_data / (p_data + p_g), here of two normals."""
    torch.manual_seed(0)
    D = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0))
    adam = torch.optim.Adam(D.parameters(), lr=1e-2)
    for _ in range(800):
        loss = minimax.discriminator(D(torch.randn(512, 1)), D(torch.randn(512, 1) + 1))
        adam.zero_grad()
        loss.backward()
        adam.step()
    x = torch.linspace(-1, 2, 13)
    p_data, p_g = ((-(x - mean).square() / 2).exp() for mean in (0, 1))
    assert torch.allclose(D(x[:, None]).sigmoid(), p_data / (p_data + p_g), atol=0.05)


def test_the_discriminator_converges_to_one_half() -> None:
    """Algorithm 1 on a normal distribution, which the generator learns."""
    torch.manual_seed(0)
    G, D = nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    players = [torch.optim.Adam(p.parameters(), lr=5e-3, betas=(0.5, 0.9)) for p in (D, G)]
    for _ in range(1500):
        real, fake = torch.randn(256, 1) * 0.5 + 2, G(torch.randn(256, 1))
        losses = (
            lambda f=fake, r=real: non_saturating.discriminator(D(r), D(f.detach())),
            lambda f=fake: non_saturating.generator(D(f)),
        )
        for player, loss in zip(players, losses, strict=True):
            player.zero_grad()
            loss().backward()
            player.step()
    samples = G(torch.randn(4096, 1))
    assert samples.mean().item() == pytest.approx(2, abs=0.2)
    assert samples.std().item() == pytest.approx(0.5, abs=0.2)
    assert D(samples).sigmoid().mean().item() == pytest.approx(0.5, abs=0.05)


def test_wgan_clips_the_weights_of_the_critic() -> None:
    model = WGAN(size=8, channels=1, width=8, clip=0.003)
    model.clip()
    assert max(w.abs().max().item() for w in model.critic.parameters()) <= 0.003 + 1e-9
    assert any(w.abs().max() > 0.01 for w in model.generator.parameters())


def test_max_norm_rescales_units() -> None:
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4, 0, 0], [0.3, 0.4, 0, 0], [0, 0, 0, 0]]))
    apply_max_norm_(layer, 1.0)
    assert layer.weight[0].allclose(torch.tensor([0.6, 0.8, 0, 0]))
    assert layer.weight[1].allclose(torch.tensor([0.3, 0.4, 0, 0]))


@pytest.mark.parametrize("k", [4, 5])
def test_maxout_is_the_maximum_of_its_pieces(k: int) -> None:
    layer, x = Maxout(3, 4, pieces=k), torch.randn(6, 3)
    pieces = (x @ layer.weight.T + layer.bias).reshape(6, 4, k)
    assert torch.allclose(layer(x), pieces.max(2).values)


@pytest.mark.parametrize("family", [SNGAN, ProjectionGAN, SAGAN])
def test_every_layer_of_the_discriminator_has_spectral_norm(family: type[nn.Module]) -> None:
    discriminator = family(size=16, channels=1, width=8, discriminator_width=8).discriminator
    for layer in discriminator.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            assert parametrize.is_parametrized(layer, "weight")


def test_infogan_bound_is_the_entropy_for_exact_codes() -> None:
    model = InfoGAN(size=8, channels=1, width=8, categories=4, continuous=1)
    z = model.prior(64, seed=0)
    category, c = z[:, 62:66], z[:, 66:]
    assert category.sum(1).eq(1).all()
    assert c.abs().max() <= 1
    exact = torch.cat([category * 100, c, torch.full_like(c, -3)], 1)
    uniform = torch.cat([category * 0, c * 0, torch.full_like(c, math.log(1 / 3**0.5))], 1)
    categorical, continuous = model.mutual_information_bound(exact, z)
    assert categorical.item() == pytest.approx(math.log(4), abs=1e-4)
    expected = math.log(2) + 3 - math.log(2 * math.pi) / 2
    assert continuous.item() == pytest.approx(expected, abs=1e-4)
    assert model.weighted_bound(categorical, continuous).item() == pytest.approx(
        math.log(4) + expected / 10, abs=1e-4
    )
    categorical, continuous = model.mutual_information_bound(uniform, z)
    assert categorical.item() == pytest.approx(0, abs=1e-4)
    assert continuous < math.log(2)


def test_infogan_traversals_change_one_code_at_a_time() -> None:
    model = InfoGAN(size=8, channels=1, width=8, categories=4, continuous=2)
    z = model.prior(3, seed=0)
    categories, *continuous = model.traverse_codes(z, steps=5, reach=3**0.5)
    assert torch.equal(categories[:4, 62:66], torch.eye(4))
    assert torch.equal(categories[:, :62], z[:, :62].repeat_interleave(4, 0))
    for code, latents in enumerate(continuous):
        assert latents[:5, 66 + code].allclose(torch.linspace(-1, 1, 5))
        latents[:, 66 + code] = z.repeat_interleave(5, 0)[:, 66 + code]
        assert torch.equal(latents, z.repeat_interleave(5, 0))


def test_infogan_decodes_encoded_images() -> None:
    model = InfoGAN(size=8, channels=1, width=8)
    z = model.encode(torch.rand(4, 1, 8, 8))
    assert z[:, :62].eq(0).all()
    assert z[:, 62:72].sum(1).allclose(torch.ones(4))
    assert model.decode(z).shape == (4, 1, 8, 8)
