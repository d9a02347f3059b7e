"""Vector quantization: nearest codes, gradients, moving averages, several processes."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from zoo.errors import BadRecipe
from zoo.layers.quantize import Quantizer


def quantizer(least: float = 0.0) -> Quantizer:
    """Quantizer with five entries of width three and cluster sizes of two."""
    torch.manual_seed(0)
    layer = Quantizer(5, 3, decay=0.9, least=least)
    layer.cluster_size.fill_(2)
    return layer


def maps(n: int = 4) -> Tensor:
    return torch.randn(n, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def vectors(z: Tensor) -> Tensor:
    return z.movedim(1, -1).flatten(0, -2)


def test_each_vector_gets_the_nearest_code() -> None:
    layer, z = quantizer(), maps(50)
    nearest = torch.cdist(vectors(z), layer.codebook).argmin(1)
    assert torch.equal(layer.encode_indices(z).flatten(), nearest)
    assert torch.equal(
        vectors(layer.embed_indices(layer.encode_indices(z))), layer.codebook[nearest]
    )


def test_autocast_does_not_change_codes_or_codebook() -> None:
    layer, same, z = quantizer(), quantizer(), maps(50)
    with torch.autocast("cpu", torch.bfloat16):
        _, codes = layer(z)
    assert torch.equal(codes, same(z)[1])
    assert torch.equal(layer.codebook, same.codebook)


def test_the_gradient_is_straight_through() -> None:
    layer, decoder = quantizer().eval(), nn.Conv2d(3, 4, 2)
    z = maps().requires_grad_()
    quantized, codes = layer(z)
    torch.testing.assert_close(quantized, layer.embed_indices(codes))
    decoder(quantized).square().sum().backward()
    e = layer.embed_indices(codes).requires_grad_()
    decoder(e).square().sum().backward()
    torch.testing.assert_close(z.grad, e.grad)


def test_the_codebook_update_equals_the_papers_formulas() -> None:
    """Appendix A.1: N <- N g + n (1 - g), m <- m g + sum z (1 - g), e <- m / N, twice over."""
    layer = quantizer()
    e, N = layer.codebook.clone(), layer.cluster_size.clone()
    m = e * N[:, None]
    for z in maps(6).split(3):
        nearest = torch.cdist(vectors(z), e).argmin(1)
        for i in range(5):
            own = vectors(z)[nearest == i]
            N[i] = 0.9 * N[i] + 0.1 * len(own)
            m[i] = 0.9 * m[i] + 0.1 * own.sum(0)
            e[i] = m[i] / N[i]
        layer(z)
        torch.testing.assert_close(layer.cluster_size, N)
        torch.testing.assert_close(layer.codebook, e)


def test_evaluation_mode_does_not_update_the_codebook() -> None:
    layer = quantizer(least=9.0).eval()
    layer(maps())
    assert torch.equal(layer.codebook, quantizer().codebook)
    assert torch.equal(layer.cluster_size, quantizer().cluster_size)


def test_a_codebook_is_initialized_with_cluster_centers() -> None:
    torch.manual_seed(0)
    layer, centers = Quantizer(5, 3), 20 * torch.randn(5, 3)
    noise = torch.randn(8, 5, 3)
    vectors = centers + noise - noise.mean(0)
    layer.initialize(vectors.flatten(0, 1))
    order = torch.cdist(centers, layer.codebook).argmin(1)
    torch.testing.assert_close(layer.codebook[order], centers)
    assert layer.cluster_size.tolist() == [8] * 5


def test_only_the_first_batch_initializes_a_codebook() -> None:
    layer = Quantizer(5, 3, decay=1.0)
    layer(maps())
    first = layer.codebook.clone()
    layer(maps() + 9)
    torch.testing.assert_close(layer.codebook, first)


def test_a_batch_with_too_few_vectors_raises() -> None:
    with pytest.raises(BadRecipe, match=r">= 40 .*got 16.*by 3"):
        Quantizer(40, 3)(maps())


def test_unused_entries_are_replaced_by_vectors_of_the_batch() -> None:
    layer, z = quantizer(least=1.0), maps()
    layer.cluster_size[1], layer.cluster_size[3] = 0.5, 0.9
    layer.codebook[[1, 3]] = 99.0
    layer(z)
    assert torch.cdist(layer.codebook[[1, 3]], vectors(z)).amin(1).tolist() == [0, 0]
    assert layer.cluster_size[[1, 3]].tolist() == [1, 1]
    used, unchanged = [0, 2, 4], quantizer(least=0.0)
    unchanged.codebook[[1, 3]] = 99.0
    unchanged(z)
    assert torch.equal(layer.codebook[used], unchanged.codebook[used])


def train_codebook(rank: int, folder: str) -> None:
    """One of two processes: initialize and update a codebook with half of the vectors."""
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    torch.manual_seed(rank)
    layer = Quantizer(5, 3, decay=0.9, least=1.0)
    layer.initialize(vectors(maps(8).chunk(2)[rank]))
    torch.save(layer.state_dict(), f"{folder}/initialized-{rank}")
    layer.least = 0.0
    layer(maps(8).chunk(2)[rank])
    torch.save(layer.state_dict(), f"{folder}/updated-{rank}")
    layer.least = 3.0
    layer(maps(8).chunk(2)[rank])
    torch.save(layer.state_dict(), f"{folder}/expired-{rank}")
    torch.distributed.destroy_process_group()


def test_processes_have_the_same_codebook(tmp_path: Path) -> None:
    spawn(train_codebook, (str(tmp_path),), nprocs=2)
    states = {
        moment: [torch.load(tmp_path / f"{moment}-{rank}") for rank in range(2)]
        for moment in ("initialized", "updated", "expired")
    }
    for one, other in states.values():
        assert torch.equal(one["codebook"], other["codebook"])
        assert torch.equal(one["cluster_size"], other["cluster_size"])
    alone = Quantizer(5, 3, decay=0.9, least=0.0)
    alone.load_state_dict(states["initialized"][0])
    alone(maps(8))
    torch.testing.assert_close(states["updated"][0]["codebook"], alone.codebook)
    torch.testing.assert_close(states["updated"][0]["cluster_size"], alone.cluster_size)
    assert not torch.equal(states["expired"][0]["codebook"], alone.codebook)
