"""The RBM: contrastive divergence, free energies, partition functions, and its data."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from loops import fit, one_thread
from PIL import Image
from torch.optim import SGD
from toys import fails

import zoo
from zoo.cli import main
from zoo.data import FixedBinarizedMNIST
from zoo.data.binarized import COUNTS, pack
from zoo.energy import RBM
from zoo.energy.rbm import SAMPLING_STEPS
from zoo.errors import MissingData, UnknownName
from zoo.layers.visible_units import Kind
from zoo.metrics.annealing import (
    Parameters,
    annealed_log_partition,
    betas,
    exact_log_partition,
    log_partition,
)

__all__ = ["one_thread"]  # for every test of this file too


def small(visible: Kind = "bernoulli", size: int = 3, hidden: int = 5, scale: float = 60.0) -> RBM:
    torch.manual_seed(0)
    model = RBM(size, 1, hidden, visible)
    with torch.no_grad():
        model.weight.mul_(scale)
        for bias in (model.visible_bias, model.hidden_bias):
            bias.normal_()
    return model


def parameters(model: RBM) -> Parameters:
    return Parameters(*(p.detach() for p in model.parameters()))


def binary_images(size: int = 3) -> torch.Tensor:
    """All images of binary pixels."""
    pixels = size**2
    bits = torch.arange(2**pixels)[:, None] >> torch.arange(pixels) & 1
    return (2.0 * bits - 1).view(-1, 1, size, size)


def bernoulli(p: torch.Tensor) -> torch.Tensor:
    return (torch.rand_like(p) < p).float()


@pytest.mark.parametrize("persistent", [False, True])
def test_step_is_contrastive_divergence(persistent: bool) -> None:
    """CD-k, and with chains that continue, by sums over the batch and no gradients."""
    torch.manual_seed(0)
    settings = {"hidden": 6, "steps": 3, "persistent": persistent, "weight_decay": 0.01}
    model = RBM(4, 1, **settings)  # type: ignore[arg-type]
    W, b, c = (p.detach().clone().requires_grad_() for p in model.parameters())
    images = torch.rand(8, 10, 1, 4, 4).round() * 2 - 1
    fit(model, batches=[(x, torch.empty(10, 0)) for x in images])

    optimizer, chains = SGD([W, b, c], 0.05, 0.5, fused=True), None
    torch.manual_seed(1)
    with torch.no_grad():
        for step, x in enumerate(images):
            v0 = (x.flatten(1) + 1) / 2
            v = v0 if chains is None else chains
            for _ in range(1 + int(2 * step / 8)):
                h = bernoulli((v @ W.T + c).sigmoid())
                v = bernoulli((h @ W + b).sigmoid())
            chains = v if persistent else None
            p0, p = (v0 @ W.T + c).sigmoid(), (v @ W.T + c).sigmoid()
            W.grad = p.T @ v / 10 - p0.T @ v0 / 10 + 0.01 * W
            b.grad, c.grad = v.mean(0) - v0.mean(0), p.mean(0) - p0.mean(0)
            optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 8)
            optimizer.step()
    for one, two in zip(model.parameters(), (W, b, c), strict=True):
        assert torch.equal(one, two)


def test_free_energy_is_the_sum_over_hidden_states() -> None:
    model, x = small(), binary_images()[[0, 7, 300]]
    states = (torch.arange(32)[:, None] >> torch.arange(5) & 1).float()
    v = model.to_units(x)
    energy = -(v @ model.visible_bias)[:, None] - states @ model.hidden_bias
    energy = energy - v @ model.weight.T @ states.T
    torch.testing.assert_close(model.free_energy(x).float(), -(-energy).logsumexp(1))


def test_probabilities_sum_to_one() -> None:
    assert float(small().log_prob(binary_images()).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_the_density_of_gaussian_units_integrates_to_one() -> None:
    model = small("gaussian", size=1, hidden=3, scale=30)
    model.pixel_limit = 4.0
    x = torch.linspace(-4, 4, 4001).view(-1, 1, 1, 1)
    density = model.log_prob(x).exp().squeeze()
    assert float(torch.trapezoid(density, x.flatten().double())) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_annealed_importance_sampling_agrees_with_the_exact_sum(visible: Kind) -> None:
    """For 20 hidden units, within four standard errors."""
    model = small(visible, size=4, hidden=20, scale=25)
    rbm = parameters(model)
    exact = exact_log_partition(rbm, model.units)
    schedule = betas(((0.0, 300), (0.5, 700)))
    found = annealed_log_partition(rbm, model.units, torch.zeros(16), schedule)
    assert exact.standard_error == 0
    assert 0 < found.standard_error < 0.2
    assert abs(found.value - exact.value) < 4 * found.standard_error
    assert log_partition(rbm, model.units, torch.zeros(16)) == exact


def test_the_partition_function_without_weights_is_known() -> None:
    model = RBM(4, 1, hidden=30)
    with torch.no_grad():
        model.weight.zero_()
    rbm = parameters(model)
    found = annealed_log_partition(rbm, model.units, torch.zeros(16), betas(((0.0, 10),)))
    assert found.value == pytest.approx(46 * math.log(2))
    assert len(betas()) == 14_501


def test_the_partition_function_is_computed_again_after_a_change() -> None:
    model = small()
    before = model.log_partition()
    assert model.log_partition() is before
    with torch.no_grad():
        model.hidden_bias.add_(1)
    assert model.log_partition().value > before.value


def test_gibbs_samples_have_the_distribution_of_the_model() -> None:
    model = small(size=2, hidden=3, scale=100)
    v = model.gibbs(torch.full((20_000, 4), 0.5), 50, torch.Generator().manual_seed(0))
    found = torch.bincount((v @ torch.tensor([1.0, 2, 4, 8])).long(), minlength=16) / len(v)
    chances = model.log_prob(binary_images(2)).exp()
    assert (found - chances).abs().max() < 4 * (0.25 / len(v)) ** 0.5


def test_unknown_units() -> None:
    with pytest.raises(UnknownName, match="binary"):
        RBM(visible="binary")  # type: ignore[arg-type]


def write(folder: Path, **changes: np.ndarray) -> Path:
    parts = {name: np.zeros((count, 98), np.uint8) for name, count in COUNTS.items()}
    np.savez_compressed(folder / "binarized_mnist.npz", **parts | changes)
    return folder


def test_fixed_binarization_is_read_as_bits(tmp_path: Path) -> None:
    """The test images, sorted by class in the file, are shuffled."""
    test = np.zeros((10_000, 98), np.uint8)
    test[:1000, 0] = 0b10000001
    data = FixedBinarizedMNIST(str(write(tmp_path, test=test)))
    assert data.count("train") == 60_000
    first = data.inputs(10_000).flatten(1)
    white = first[:, 0] == 1
    assert first[white].sum(1).unique().tolist() == [4 - 784]
    assert first[white, 7].min() == 1
    assert white.sum() == 1000
    assert 150 < white[:2000].sum() < 250


def test_damaged_binarization(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="damaged"):
        FixedBinarizedMNIST(str(write(tmp_path, test=np.zeros((3, 98), np.uint8)))).examples("test")
    with pytest.raises(ValueError, match="784"):
        pack(b"0 1 0", 1)
    assert pack(b"1 " * 784, 1).tolist() == [[255] * 98]


def test_filters_are_a_picture(tmp_path: Path) -> None:
    zoo.save(small(size=8), tmp_path / "rbm.safetensors")
    filters = small(size=8).filters()
    assert filters.shape == (5, 1, 8, 8)
    assert filters.abs().amax((1, 2, 3)).tolist() == pytest.approx([1] * 5)
    target = tmp_path / "filters.png"
    main(["filters", str(tmp_path / "rbm.safetensors"), "--to", str(target)])
    assert target.stat().st_size > 0
    assert "vae-digits" in fails("filters", "vae-digits")


def test_chains_are_a_film(tmp_path: Path) -> None:
    """Samples are the ends of chains of so many steps."""
    model = small(size=8).eval()
    film = model.gibbs_chains(3, frames=2, every=SAMPLING_STEPS, seed=0)
    assert film.shape == (3, 2, 1, 8, 8)
    assert torch.equal(film[:, 1], model.sample(3, seed=0))
    zoo.save(model, tmp_path / "rbm.safetensors")
    command = ["chains", str(tmp_path / "rbm.safetensors"), "-n", "4", "--frames", "3", "--to"]
    main([*command, str(tmp_path / "chains.gif")])
    with Image.open(tmp_path / "chains.gif") as gif:
        assert gif.n_frames == 3
    main([*command, str(tmp_path / "chains.png")])
    assert "chains.txt" in fails(*command, "chains.txt")
    assert "vae-digits" in fails("chains", "vae-digits")


def test_likelihood_and_partition_function_are_measured() -> None:
    from zoo.data import Digits
    from zoo.evaluation.applicable import applicable_metrics
    from zoo.evaluation.records import PROTOCOLS

    model, data = small(size=8), Digits()
    protocol = PROTOCOLS["quick"]._replace(images=20)
    records = applicable_metrics(model, data, protocol)
    first, second = next(records), next(records)
    assert (first["metric"], second["metric"]) == ("nll", "log-partition")
    x = data.inputs(20)
    assert first["value"] == pytest.approx(-float(model.log_prob(x).mean()), rel=1e-4)
    assert second["standard_error"] == 0
