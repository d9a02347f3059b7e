"""Compression by codes and by JPEG."""

import math

import pytest
import torch

import zoo
from zoo.analysis import compression
from zoo.data import Digits
from zoo.data.images import normalize
from zoo.metrics.rates import entropy, psnr, quantize

VAE = zoo.load("vae-digits")


DIGITS = Digits().images("test").pixels


def test_psnr_of_known_errors() -> None:
    target = torch.rand(4, 1, 6, 6) * 2 - 1
    x = target + torch.tensor([0.02, 0.2, 2.0, 0.0])[:, None, None, None]  # 1 %, 10 % and 100 %
    assert torch.allclose(psnr(x, target)[:3], torch.tensor([40.0, 20.0, 0.0]), atol=1e-2)
    assert psnr(x, target)[3] == math.inf


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_quantization_errors_are_within_half_a_step(bits: int) -> None:
    codes = torch.randn(500, 4) * torch.tensor([0.1, 1.0, 10.0, 0.0])
    symbols, middles = quantize(codes, bits)
    width = (codes.amax(0) - codes.amin(0)) / 2**bits
    assert ((codes - middles).abs() <= width / 2 * 1.001 + 1e-6).all()
    assert symbols.min() == 0
    assert symbols.max() == 2**bits - 1


def test_entropy_of_uniform_and_constant_symbols() -> None:
    symbols = torch.stack([torch.arange(64) % 8, torch.zeros(64).long(), torch.arange(64) % 2], 1)
    assert entropy(symbols) == pytest.approx(3 + 0 + 1)
    assert entropy(torch.tensor([[0], [0], [0], [5]])) == pytest.approx(0.811278, abs=1e-6)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (32, 3)])
def test_jpeg_keeps_the_order_of_images(size: int, channels: int) -> None:
    """Constant images do not change, so that no block has pixels of two images."""
    shades = torch.linspace(-1, 1, 7)[:, None, None, None]
    flat = shades.expand(7, channels, size, size)
    size_of_flat, decoded = compression.through_jpeg(flat, quality=90)
    assert (decoded - flat).abs().max() < 0.05
    noisy = torch.rand(7, channels, size, size) * 2 - 1
    assert compression.through_jpeg(noisy, quality=90)[0] > size_of_flat


def test_compression_trades_bits_for_quality() -> None:
    x = normalize(DIGITS)
    codes, jpeg = list(compression.by_codes(VAE, x)), list(compression.by_jpeg(x))
    assert [result.bits for result in codes] == sorted(result.bits for result in codes)
    assert codes[-1].psnr == pytest.approx(float(psnr(VAE.reconstruct(x), x).mean()), abs=0.2)
    assert codes[-1].bits < 6 * 16 / 64
    best = compression.best_within(codes[-1].bits, jpeg)
    assert best is None or best.bits <= codes[-1].bits
    assert compression.best_within(0, jpeg) is None
    front = compression.frontier(jpeg)
    assert [result.psnr for result in front] == sorted(result.psnr for result in front)
    assert max(result.psnr for result in jpeg) == front[-1].psnr


class Codebook:
    """Encodes each half of an image as black or white, with a prior of one bit for each entry."""

    def codebook_entries(self) -> int:
        return 2

    def encode_indices(self, x: torch.Tensor) -> torch.Tensor:
        return (x.unflatten(3, (2, -1)).mean((1, 2, 4)) > 0).long()

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.encode_indices(x).float() * 2 - 1

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z[:, None, None].repeat_interleave(4, 3).expand(-1, -1, 8, -1)

    def code_nll(self, codes: torch.Tensor) -> torch.Tensor:
        return torch.full((len(codes),), 2 * math.log(2))


def test_bits_of_codebook_entries_are_their_entropy() -> None:
    z = torch.tensor([[1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    x = Codebook().decode(z)
    by_frequency, by_prior = compression.by_codes(Codebook(), x)
    assert by_frequency.bits == pytest.approx(2 / 64)
    assert by_prior.bits == pytest.approx(2 / 64)
    assert by_frequency.psnr == math.inf
    dark, _ = compression.by_codes(Codebook(), -torch.ones(4, 1, 8, 8))
    assert dark.bits == 0
