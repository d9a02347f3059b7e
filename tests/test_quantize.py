"""Codebooks: nearest codes, straight-through gradients, moving averages, on one process and two."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from zoo.errors import BadRecipe
from zoo.layers.quantize import Quantizer


def quantizer(least: float = 0.0) -> Quantizer:
    """Five codes of three numbers, each of which a batch has used twice so far."""
    torch.manual_seed(0)
    layer = Quantizer(5, 3, decay=0.9, least=least)
    layer.cluster_size.fill_(2)
    return layer


def maps(n: int = 4) -> Tensor:
    return torch.randn(n, 3, 2, 2, generator=torch.Generator().manual_seed(1))


def vectors(z: Tensor) -> Tensor:
    return z.movedim(1, -1).flatten(0, -2)


def test_each_vector_gets_its_nearest_code() -> None:
    layer, z = quantizer(), maps(50)
    nearest = torch.cdist(vectors(z), layer.codebook).argmin(1)
    assert torch.equal(layer.encode_indices(z).flatten(), nearest)
    assert torch.equal(
        vectors(layer.embed_indices(layer.encode_indices(z))), layer.codebook[nearest]
    )


def test_codes_and_codebook_are_the_same_under_autocast() -> None:
    layer, same, z = quantizer(), quantizer(), maps(50)
    with torch.autocast("cpu", torch.bfloat16):
        _, codes = layer(z)
    assert torch.equal(codes, same(z)[1])
    assert torch.equal(layer.codebook, same.codebook)


def test_the_gradient_passes_straight_through() -> None:
    layer, decoder = quantizer().eval(), nn.Conv2d(3, 4, 2)
    z = maps().requires_grad_()
    quantised, codes = layer(z)
    torch.testing.assert_close(quantised, layer.embed_indices(codes))
    decoder(quantised).square().sum().backward()
    e = layer.embed_indices(codes).requires_grad_()
    decoder(e).square().sum().backward()
    torch.testing.assert_close(z.grad, e.grad)


def test_the_codebook_follows_by_the_papers_formulas() -> None:
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


def test_out_of_training_nothing_moves() -> None:
    layer = quantizer(least=9.0).eval()
    layer(maps())
    assert torch.equal(layer.codebook, quantizer().codebook)
    assert torch.equal(layer.cluster_size, quantizer().cluster_size)


def test_a_codebook_starts_on_the_centres_of_clusters() -> None:
    torch.manual_seed(0)
    layer, centres = Quantizer(5, 3), 20 * torch.randn(5, 3)
    noise = torch.randn(8, 5, 3)
    vectors = centres + noise - noise.mean(0)
    layer.initialize(vectors.flatten(0, 1))
    order = torch.cdist(centres, layer.codebook).argmin(1)
    torch.testing.assert_close(layer.codebook[order], centres)
    assert layer.cluster_size.tolist() == [8] * 5


def test_only_the_first_batch_starts_a_codebook() -> None:
    layer = Quantizer(5, 3, decay=1.0)
    layer(maps())
    first = layer.codebook.clone()
    layer(maps() + 9)
    torch.testing.assert_close(layer.codebook, first)


def test_a_batch_too_small_to_start_is_refused() -> None:
    with pytest.raises(BadRecipe, match=r">= 40 .*got 16.*by 3"):
        Quantizer(40, 3)(maps())


def test_dead_codes_are_revived_on_vectors_of_the_batch() -> None:
    layer, z = quantizer(least=1.0), maps()
    layer.cluster_size[1], layer.cluster_size[3] = 0.5, 0.9
    layer.codebook[[1, 3]] = 99.0
    layer(z)
    assert torch.cdist(layer.codebook[[1, 3]], vectors(z)).amin(1).tolist() == [0, 0]
    assert layer.cluster_size[[1, 3]].tolist() == [1, 1]
    alive, calm = [0, 2, 4], quantizer(least=0.0)
    calm.codebook[[1, 3]] = 99.0
    calm(z)
    assert torch.equal(layer.codebook[alive], calm.codebook[alive])


def share(rank: int, folder: str) -> None:
    """One of two processes: it starts and moves a codebook by its half of the vectors."""
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    torch.manual_seed(rank)
    layer = Quantizer(5, 3, decay=0.9, least=1.0)
    layer.initialize(vectors(maps(8).chunk(2)[rank]))
    torch.save(layer.state_dict(), f"{folder}/start-{rank}")
    layer.least = 0.0
    layer(maps(8).chunk(2)[rank])
    torch.save(layer.state_dict(), f"{folder}/calm-{rank}")
    layer.least = 3.0
    layer(maps(8).chunk(2)[rank])
    torch.save(layer.state_dict(), f"{folder}/revived-{rank}")
    torch.distributed.destroy_process_group()


def test_processes_agree_on_the_codebook(tmp_path: Path) -> None:
    spawn(share, (str(tmp_path),), nprocs=2)
    states = {
        moment: [torch.load(tmp_path / f"{moment}-{rank}") for rank in range(2)]
        for moment in ("start", "calm", "revived")
    }
    for one, other in states.values():
        assert torch.equal(one["codebook"], other["codebook"])
        assert torch.equal(one["cluster_size"], other["cluster_size"])
    alone = Quantizer(5, 3, decay=0.9, least=0.0)
    alone.load_state_dict(states["start"][0])
    alone(maps(8))
    torch.testing.assert_close(states["calm"][0]["codebook"], alone.codebook)
    torch.testing.assert_close(states["calm"][0]["cluster_size"], alone.cluster_size)
    assert not torch.equal(states["revived"][0]["codebook"], alone.codebook)
