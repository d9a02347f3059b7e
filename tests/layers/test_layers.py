"""Shapes, ranges, parameter counts and seeds of the networks."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from zoo.classifiers.resnet import Block, ResNet
from zoo.core.latent_models import LatentVariableModel
from zoo.errors import BadRecipe
from zoo.gans.dcgan import DCGAN, Discriminator, Generator
from zoo.gans.wgan_gp import WGANGP, Critic
from zoo.layers import mlp
from zoo.layers.convnets import Decoder, Encoder
from zoo.layers.samplers import GaussianMixtureSampler
from zoo.vaes.vae import VAE
from zoo.vaes.vamp import VampVAE
from zoo.vaes.wae import WAE

SIZES = pytest.mark.parametrize("size", [8, 32, 64])
CHANNELS = pytest.mark.parametrize("channels", [1, 3])


def dcgan() -> LatentVariableModel:
    return DCGAN(size=32, channels=1, latent=5, width=4)


def wgan_gp() -> LatentVariableModel:
    return WGANGP(size=32, channels=1, latent=5, width=4)


def vae() -> LatentVariableModel:
    return VAE(size=32, channels=1, latent=5, width=4)


def bernoulli() -> LatentVariableModel:
    return VAE(size=32, channels=1, latent=5, width=4, likelihood="bernoulli")


def dense() -> LatentVariableModel:
    return VAE(size=32, channels=1, latent=5, width=4, network="dense")


def vamp() -> LatentVariableModel:
    return VampVAE(size=32, channels=1, latent=5, width=4, components=6)


def wae() -> LatentVariableModel:
    return WAE(size=32, channels=1, latent=5, width=4)


MODELS = pytest.mark.parametrize("build", [dcgan, wgan_gp, vae, bernoulli, dense, vamp, wae])


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_parameters_of_the_papers_networks() -> None:
    with torch.device("meta"):
        model = DCGAN()
    assert count(model.generator) == 3_576_704
    assert count(model.discriminator) == 2_765_568


@pytest.mark.parametrize(
    ("layers", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_residual_networks_have_the_layers_and_parameters_of_their_table_6(
    layers: int, millions: float
) -> None:
    with torch.device("meta"):
        model = ResNet(blocks=(layers - 2) // 6)
    kinds = [type(layer) for layer in model.modules()]
    assert kinds.count(nn.Conv2d) + kinds.count(nn.Linear) == layers
    assert count(model) / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("b", [3, 6])
def test_a_residual_block_of_zero_weights_subsamples_its_input(b: int) -> None:
    block = Block(3, b).eval()
    nn.init.zeros_(block.second[1].weight)
    x, step = torch.rand(2, 3, 8, 8), 1 if b == 3 else 2
    out = block(x)
    assert torch.equal(out[:, :3], x[:, :, ::step, ::step])
    assert not out[:, 3:].any()


def test_a_critic_has_no_batch_norm() -> None:
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in Critic(4, 32).modules())


def test_convolutions_of_a_dcgan_have_a_deviation_of_0_02() -> None:
    torch.manual_seed(0)
    for name, weight in DCGAN(size=32, width=32).named_parameters():
        if weight.ndim == 4:
            assert abs(weight.std() - 0.02) < 1e-3, name


@SIZES
@CHANNELS
def test_a_generator_returns_images_in_range(size: int, channels: int) -> None:
    images = Generator(5, 2, size, channels)(torch.randn(3, 5))
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1


@SIZES
@CHANNELS
@pytest.mark.parametrize("network", [Discriminator, Critic])
def test_a_discriminator_returns_one_logit_for_each_image(
    network: Callable[[int, int, int], nn.Module], size: int, channels: int
) -> None:
    assert network(2, size, channels)(torch.randn(3, channels, size, size)).shape == (3,)
    assert network(2, size, channels).eval()(torch.randn(1, channels, size, size)).shape == (1,)


@SIZES
@CHANNELS
def test_convolutional_encoder_and_decoder_invert_shapes(size: int, channels: int) -> None:
    codes = Encoder(7, 2, size, channels)(torch.randn(3, channels, size, size))
    assert codes.shape == (3, 7)
    assert Decoder(7, 2, size, channels)(codes).shape == (3, channels, size, size)


@pytest.mark.parametrize("depth", [0, 1, 3])
@CHANNELS
def test_dense_encoder_and_decoder_invert_shapes(depth: int, channels: int) -> None:
    encoder = mlp.Encoder(7, 4, 28, channels, depth)
    decoder = mlp.Decoder(7, 4, 28, channels, depth)
    codes = encoder(torch.randn(3, channels, 28, 28))
    assert codes.shape == (3, 7)
    assert decoder(codes).shape == (3, channels, 28, 28)


@pytest.mark.parametrize("size", [-8, 0, 4, 28, 48, 65])
@pytest.mark.parametrize("model", [DCGAN, WGANGP, VAE])
def test_a_size_that_is_no_power_of_two_raises(
    model: Callable[..., LatentVariableModel], size: int
) -> None:
    with pytest.raises(BadRecipe, match=rf"size.*>= 8, got {size}\b"):
        model(size=size)


@MODELS
def test_a_seed_reproduces_the_latents(build: Callable[[], LatentVariableModel]) -> None:
    model = build()
    assert torch.equal(model.prior(64, seed=3), model.prior(64, seed=3))
    assert not torch.equal(model.prior(64, seed=3), model.prior(64, seed=4))


@MODELS
@pytest.mark.parametrize("n", [1, 3, 16, 17, 63])
def test_a_larger_n_extends_the_samples(build: Callable[[], LatentVariableModel], n: int) -> None:
    model = build()
    assert torch.equal(model.prior(n, seed=3), model.prior(64, seed=3)[:n])
    few, many = model.sample(n, seed=3), model.sample(64, seed=3)
    torch.testing.assert_close(few, many[:n], rtol=0, atol=1e-6)


@MODELS
def test_a_seed_does_not_change_the_global_generator(
    build: Callable[[], LatentVariableModel],
) -> None:
    model, before = build(), torch.get_rng_state()
    model.sample(3, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    model.sample(3)
    assert not torch.equal(torch.get_rng_state(), before)


@MODELS
def test_samples_are_float32_images(build: Callable[[], LatentVariableModel]) -> None:
    images = build().sample(3)
    assert (images.shape, images.dtype) == ((3, 1, 32, 32), torch.float32)
    assert images.abs().max() <= 1
    assert not images.requires_grad


@MODELS
@pytest.mark.parametrize("training", [True, False])
def test_sampling_does_not_change_the_model(
    build: Callable[[], LatentVariableModel], training: bool
) -> None:
    model = build().train(training)
    before: dict[str, Tensor] = {name: t.clone() for name, t in model.state_dict().items()}
    model.sample(300)  # more than a chunk
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert {module.training for module in model.modules()} == {training}


@MODELS
def test_decoding_does_not_depend_on_chunks(build: Callable[[], LatentVariableModel]) -> None:
    model = build()
    z = model.prior(300, seed=0)
    torch.testing.assert_close(model.decode(z)[299:], model.decode(z[299:]), rtol=0, atol=1e-6)


def test_a_mixture_fitted_to_its_samples_recovers_its_parameters() -> None:
    target = GaussianMixtureSampler(2, components=2)
    target.shares.copy_(torch.tensor([0.3, 0.7]))
    target.means.copy_(torch.tensor([[-4.0, 0.0], [4.0, 1.0]]))
    target.scales.copy_(torch.tensor([[[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.0], [0.0, 2.0]]]))
    codes, fitted = target.sample(20_000, seed=0), GaussianMixtureSampler(2, components=2)
    fitted.fit(codes)
    order = fitted.means[:, 0].argsort()
    for name in ("shares", "means", "scales"):
        assert torch.allclose(getattr(fitted, name)[order], getattr(target, name), atol=0.06), name
    assert torch.allclose(fitted.log_prob(codes).mean(), target.log_prob(codes).mean(), atol=0.01)


def test_a_larger_n_extends_the_samples_of_a_mixture() -> None:
    sampler = GaussianMixtureSampler(3, components=4)
    sampler.means.normal_()
    assert torch.equal(sampler.sample(40, seed=1)[:7], sampler.sample(7, seed=1))
    assert not torch.equal(sampler.sample(7, seed=1), sampler.sample(7, seed=2))
    assert not torch.equal(sampler.sample(7), sampler.sample(7))


def test_sampling_wide_codes_needs_little_memory() -> None:
    """A covariance for each sample would need 80 GB."""
    assert GaussianMixtureSampler(1000).sample(20_000, seed=0).shape == (20_000, 1000)


def test_an_unfitted_mixture_is_the_standard_normal() -> None:
    codes = GaussianMixtureSampler(5).sample(20_000, seed=0)
    assert codes.mean().abs() < 0.02
    assert torch.allclose(codes.T.cov(), torch.eye(5), atol=0.05)
