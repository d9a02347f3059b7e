"""3D-GAN: its step is a plain loop; the discriminator waits; VoxNet sees shapes from all sides."""

from pathlib import Path

import pytest
import torch
from loops import Batch, assert_same, descend, fit, one_thread
from torch.nn.functional import binary_cross_entropy_with_logits, softplus
from torch.optim import Adam

from zoo.classifiers.voxnet import VoxNet, rotated
from zoo.core.modality import Voxels
from zoo.errors import BadRecipe
from zoo.gans import GAN3D

__all__ = ["one_thread"]  # for every test of this file too
N, SIZE, LATENT = 4, 8, 5


def toy(limit: float = 0.8) -> GAN3D:
    torch.manual_seed(0)
    return GAN3D(SIZE, LATENT, width=4, discriminator_lr=1e-2, accuracy_limit=limit)


def batches() -> list[Batch]:
    modality = Voxels(SIZE)
    x = modality.normalize(modality.toy(6 * N)[0])
    return [(part, torch.empty(N, 0)) for part in x.split(N)]


def wu_2016(model: GAN3D, limit: float) -> list[bool]:
    """DCGAN, whose discriminator learns only after a batch in which it was right at most so
    often."""
    D, G = model.discriminator, model.generator
    d = Adam(D.parameters(), lr=1e-2, betas=(0.5, 0.999), fused=True)
    g = Adam(G.parameters(), lr=2.5e-3, betas=(0.5, 0.999), fused=True)
    ones, accuracy, learned = torch.ones(N), 0.0, []
    for x, _ in batches():
        fake = G((1 + torch.erf(torch.randn(N, LATENT) / 2**0.5)) / 2)
        of_real, of_fake = D(x), D(fake.detach())
        learned.append(accuracy <= limit)
        if learned[-1]:
            loss = binary_cross_entropy_with_logits(of_real, ones)
            descend(d, loss + binary_cross_entropy_with_logits(of_fake, 0 * ones))
        accuracy = (int((of_real > 0).sum()) + int((of_fake < 0).sum())) / (2 * N)
        D.requires_grad_(False)
        descend(g, binary_cross_entropy_with_logits(D(fake), ones))
        D.requires_grad_(True)
    return learned


def test_step_is_the_algorithm() -> None:
    """With a limit that some batches exceed and others do not."""
    model, plain = toy(0.6), toy(0.6)
    fit(model, batches=batches())
    torch.manual_seed(1)
    assert set(wu_2016(plain, 0.6)) == {True, False}
    expected = plain.state_dict()
    for name, value in model.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def test_r1_is_added_at_intervals() -> None:
    """In the first of four steps, four times; the other steps are as without it."""
    model, plain, without = toy(1.0), toy(1.0), toy(1.0)
    model.hparams["r1_weight"] = plain.hparams["r1_weight"] = 3.0
    fit(model, steps=1, batches=batches())
    torch.manual_seed(1)
    D, x = plain.discriminator, batches()[0][0]
    fake = plain.generator((1 + torch.erf(torch.randn(N, LATENT) / 2**0.5)) / 2)
    loss = softplus(-D(x)).mean() + softplus(D(fake.detach())).mean()
    point = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(D(point).sum(), point, create_graph=True)
    penalty = gradient.flatten(1).square().sum(1).mean() / 2
    optimizer = Adam(D.parameters(), lr=1e-2, betas=(0.5, 0.999), fused=True)
    descend(optimizer, loss + 4 * 3.0 * penalty)
    found, expected = (dict(m.discriminator.named_parameters()) for m in (model, plain))
    for name, value in found.items():
        assert torch.allclose(value, expected[name], atol=1e-6), name
    fit(without, steps=1, batches=batches())
    weight = "0.weight"
    assert not torch.equal(dict(without.discriminator.named_parameters())[weight], found[weight])


def test_latents_are_uniform_or_normal() -> None:
    model = toy()
    assert 0 <= model.prior(500, seed=0).min() <= model.prior(500, seed=0).max() <= 1
    model.hparams["latents"] = "normal"
    assert abs(float(model.prior(500, seed=0).mean())) < 0.1


def test_a_discriminator_that_is_right_waits() -> None:
    model, before = toy(limit=-1.0), toy().discriminator
    fit(model, batches=batches())
    parameters = dict(model.discriminator.named_parameters())
    assert_same({k: p.data for k, p in parameters.items()}, dict(before.named_parameters()))  # type: ignore[arg-type]


def test_a_checkpoint_keeps_the_accuracy(tmp_path: Path) -> None:
    """It decides about the next step."""
    model = toy(0.6)
    fit(model, steps=3, batches=batches()).save_checkpoint(tmp_path / "half.ckpt")
    again = toy(0.6)
    again.on_load_checkpoint(torch.load(tmp_path / "half.ckpt", weights_only=True))
    assert again.accuracy == model.accuracy != 0


def test_sizes_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        model = GAN3D()
    maps = [p.shape[0] for p in model.generator.parameters() if p.ndim == 5]
    assert maps == [200, 512, 256, 128, 64]
    assert model.generator(torch.empty(2, 200, device="meta")).shape == (2, 1, 64, 64, 64)
    assert model.discriminator(torch.empty(2, 1, 64, 64, 64, device="meta")).shape == (2,)


def test_samples_are_shapes() -> None:
    samples = toy().sample(3, seed=0)
    Voxels(SIZE).check(samples)
    with pytest.raises(BadRecipe, match="power of two"):
        GAN3D(size=30)


def test_rotations_keep_the_floor() -> None:
    x = torch.rand(2, 1, 4, 4, 4)
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        turned = rotated(x)
        assert torch.equal(turned.flatten(2, 3).sort(2).values, x.flatten(2, 3).sort(2).values)
        seen.add(tuple(turned[0, 0, :, :, 0].flatten().tolist()))
    assert len(seen) == 8


def test_voxnet_classifies_in_evaluation_as_it_stands() -> None:
    torch.manual_seed(0)
    model = VoxNet(size=12, classes=3, width=4).eval()
    x = torch.rand(5, 1, 12, 12, 12)
    assert model.classify(x).shape == (5, 3)
    assert torch.equal(model.classify(x), model.classify(x))
    assert model.features(x).shape == (5, 128)
    with pytest.raises(BadRecipe, match="12"):
        VoxNet(size=11)
