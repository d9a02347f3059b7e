"""Facts of the style-based GANs, and their training steps as plain loops."""

import pytest
import torch
from gans.test_gan_algorithms import freeze
from loops import SIZE, assert_same, descend, digits, fit, one_thread
from torch import Tensor
from torch.nn.functional import softplus
from torch.optim import Adam

from zoo.gans.stylegan2 import StyleGAN2, stages
from zoo.losses.penalties import path_lengths

__all__ = ["one_thread"]
TOY = {"size": 8, "channels": 1, "latent": 8, "width": 8, "mapping_depth": 2}


def build(seed: int = 0) -> StyleGAN2:
    torch.manual_seed(seed)
    return StyleGAN2(**TOY)


def karras_2020(model: StyleGAN2) -> None:
    D, G = model.discriminator, model.generator
    lazy = {k: {"lr": 2.5e-3 * k / (k + 1), "betas": (0.0, 0.99 ** (k / (k + 1)))} for k in (16, 4)}
    one = Adam(D.parameters(), **lazy[16], fused=True)
    two = Adam(G.parameters(), **lazy[4], fused=True)
    mean_path = torch.zeros(())
    for step, (real, _) in enumerate(digits()):
        fake = G(torch.randn(SIZE, 8))
        unfreeze = freeze(G)
        descend(one, softplus(-D(real)).mean() + softplus(D(fake.detach())).mean())
        if step % 16 == 0:
            x = real.clone().requires_grad_()
            (grad,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
            descend(one, 16 * 0.1 * (grad.flatten(1).square().sum(1).mean() / 2))
        unfreeze()
        unfreeze = freeze(D)
        descend(two, softplus(-D(fake)).mean())
        if step % 4 == 0:
            w = G.styles(torch.randn(SIZE // 2, 8))
            images = G.synthesis(w)
            y = torch.randn_like(images) / 8
            (grad,) = torch.autograd.grad((images * y).sum(), w, create_graph=True)
            lengths = grad.square().sum(2).mean(1).sqrt()
            mean_path.lerp_(lengths.detach().mean(), 0.01)
            descend(two, 4 * 2.0 * (lengths - mean_path).square().mean())
        unfreeze()
    model.path_length.mean.copy_(mean_path)


def test_an_epoch_of_stylegan2_equals_a_plain_loop() -> None:
    ours, by_hand = build(), build()
    trainer = fit(ours)
    torch.manual_seed(1)
    karras_2020(by_hand)
    assert_same(ours.state_dict(), by_hand.state_dict())
    assert trainer.global_step == len(digits())


def test_widths_double_down_to_the_width_of_the_styles() -> None:
    assert stages(16, 64, 128) == [128, 128, 64, 32, 16]  # 4 to 64 pixels
    assert stages(256, 64, 512) == [512, 512, 512, 512, 256]


def test_path_lengths_of_a_linear_synthesis() -> None:
    """|J^T y| of x = A w in every layer: A^T y, whose mean square over y is |A|^2 / pixels."""
    torch.manual_seed(0)
    A = torch.randn(3 * 4 * 4, 5)

    def synthesis(w: Tensor) -> Tensor:
        return (w.sum(1) @ A.T).view(-1, 3, 4, 4)

    w = torch.randn(4000, 2, 5, requires_grad=True)
    lengths = path_lengths(synthesis, w)
    assert lengths.shape == (4000,)
    assert abs(lengths.square().mean() / (A.square().sum() / 16) - 1) < 0.05


@pytest.fixture(scope="module")
def trained() -> StyleGAN2:
    model = build()
    fit(model)
    return model.eval()


def test_a_latent_has_one_image(trained: StyleGAN2) -> None:
    z = trained.prior(4, seed=0)
    assert torch.equal(trained.decode(z), trained.decode(z))
    assert trained.decode(z).abs().max() <= 1


def test_decoding_is_mapping_and_synthesis(trained: StyleGAN2) -> None:
    z = trained.prior(4, seed=0)
    w = trained.styles(z)
    assert w.shape == (4, trained.generator.layers, 8)
    assert (w == w[:, :1]).all()
    assert torch.allclose(trained.synthesize(w), trained.decode(z), atol=1e-6)


def test_the_mean_style_is_an_average_of_styles(trained: StyleGAN2) -> None:
    assert trained.mean_style().shape == (8,)
    assert trained.mean_style().abs().max() > 0


def test_mixed_images_take_the_later_layers_of_another_latent() -> None:
    G = build().generator.train()
    torch.manual_seed(0)
    kept = [G.styles(torch.randn(3, 8)) for _ in range(50)]
    is_mixed = torch.stack([(w[:, 0] != w[:, -1]).any() for w in kept])
    assert 0.7 < is_mixed.float().mean() < 1
    for w in kept:
        steps = (w[:, 1:] != w[:, :-1]).any(2).sum(1)
        assert (steps <= 1).all()
