"""PixelCNN."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from zoo.vaes.pixel_cnn import PixelCNN


def pixel_cnn(codes: int, side: int, depth: int = 2) -> PixelCNN:
    """A PixelCNN with weights that depend on all inputs."""
    torch.manual_seed(0)
    network = PixelCNN(codes, side, 8, depth)
    for weight in network.parameters():
        nn.init.normal_(weight, std=0.3)
    return network.requires_grad_(False)


def every_grid(codes: int, side: int) -> Tensor:
    cells = product(range(codes), repeat=side * side)
    return torch.tensor(list(cells)).unflatten(1, (side, side))


@pytest.mark.parametrize("conditional", [False, True])
def test_logits_depend_on_all_earlier_codes_and_on_no_later_one(conditional: bool) -> None:
    """The gradient of each position by each other: no blind spot, and no later position."""
    network = pixel_cnn(3, 4, depth=4).double()
    condition = torch.randn(1, 8, 4, 4).double() if conditional else None
    x = network.embed(torch.randint(3, (1, 4, 4))).requires_grad_()
    logits = network.run_horizontal(x, network.run_vertical(x, condition)).flatten(2)
    for i in range(16):
        (grad,) = torch.autograd.grad(logits[:, :, i].square().sum(), x, retain_graph=True)
        depends = grad.abs().sum((0, 1)).flatten() > 0
        assert depends.tolist() == [j < i for j in range(16)]


@pytest.mark.parametrize("conditional", [False, True])
def test_the_probabilities_of_all_grids_sum_to_one(conditional: bool) -> None:
    network, grids = pixel_cnn(3, 2), every_grid(3, 2)
    condition = torch.randn(1, 8, 2, 2).expand(81, -1, -1, -1) if conditional else None
    nats = network.code_nll(grids, condition)
    assert float(nats.neg().exp().sum()) == pytest.approx(1)
    assert nats.std() > 0.1


def test_sampling_equals_the_plain_loop() -> None:
    """Sampling runs the vertical stack once a row; the loop runs all layers for each code."""
    network, condition = pixel_cnn(5, 4), torch.randn(6, 8, 4, 4)
    uniform = torch.rand(6, 4, 4)
    codes = torch.zeros(6, 4, 4, dtype=torch.long)
    for i, j in product(range(4), repeat=2):
        p = network(codes, condition)[:, :, i, j].double().softmax(1)
        codes[:, i, j] = (p.cumsum(1) <= uniform[:, i, j, None]).sum(1)
    assert torch.equal(network.sample_indices(uniform, condition), codes)


def test_samples_have_the_distribution_of_the_network() -> None:
    network, grids, n = pixel_cnn(2, 2), every_grid(2, 2), 20_000
    index = network.sample_indices(torch.rand(n, 2, 2)).flatten(1) @ torch.tensor([8, 4, 2, 1])
    p = network.code_nll(grids).neg().exp()
    frequencies = torch.bincount(index, minlength=16) / n
    assert ((frequencies - p).abs() <= 5 * (p * (1 - p) / n).sqrt()).all()


def test_a_uniform_number_near_one_gives_a_valid_code() -> None:
    uniform = torch.full((2, 2, 2), 1 - 2**-24)
    assert pixel_cnn(3, 2).sample_indices(uniform).max() <= 2
