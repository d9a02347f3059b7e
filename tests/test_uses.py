"""Commands that use codes, and their functions: compression, maps, charts."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from toys import fails

import zoo
from zoo.analysis import compression, latents
from zoo.autoencoders.denoising import DenoisingAutoencoder
from zoo.cli import main
from zoo.cli.explore import activity
from zoo.data import Digits
from zoo.data.images import normalize
from zoo.metrics.bounds import divergence_per_dimension
from zoo.metrics.rates import entropy, psnr, quantize
from zoo.plotting import maps, pictures
from zoo.plotting.charts import Curve, chart, linear_axis, logarithmic_axis

VAE = zoo.load("vae-digits")
DIGITS = Digits().images("test").pixels
CELL = 66  # pixels of an image of 8 pixels, enlarged to 64, and its border


def cell(picture: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """Image of a grid, without its border."""
    y, x = 2 + CELL * row, 2 + CELL * column
    return picture[:, y : y + 64, x : x + 64].int()


def rendered(images: torch.Tensor) -> torch.Tensor:
    """Image (1, 1, 8, 8) in [-1, 1] as in a grid."""
    return cell(pictures.grid(images), 0, 0)


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two images differ by one gray level at most."""
    return a.shape == b.shape and int((a - b).abs().max()) <= 1


def test_encode_writes_codes_and_labels(here: Path) -> None:
    main(["encode", "vae-digits"])
    file = load_file("codes.safetensors")
    assert torch.allclose(file["codes"], VAE.encode(normalize(DIGITS)), atol=1e-5)
    assert file["labels"].equal(Digits().images("test").labels)
    main(["encode", "vae-digits", "--split", "train", "--to", "codes.npy"])
    assert np.load("codes.npy").shape == (1500, 16)


def test_decode_reconstructs_encoded_images(here: Path) -> None:
    for name in ("codes.safetensors", "codes.npy"):
        main(["encode", "vae-digits", "--to", name])
        main(["decode", "vae-digits", name, "-n", "3"])
        expected = rendered(VAE.reconstruct(normalize(DIGITS[2:3])))
        assert close(cell(pictures.read(here / "decoded.png"), 0, 2), expected)


def test_reconstruct_writes_images_above_reconstructions(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["reconstruct", "vae-digits", "-n", "10"])
    picture, images = pictures.read(here / "reconstructions.png"), normalize(DIGITS[:10])
    assert cell(picture, 2, 1).equal(rendered(images[9:]))
    assert close(cell(picture, 3, 1), rendered(VAE.reconstruct(images[9:])))
    expected = psnr(VAE.reconstruct(images), images).mean()
    assert f"PSNR {expected:.1f} dB" in capsys.readouterr().out


def test_pictures_of_a_folder_are_cropped_for_the_model(here: Path) -> None:
    for name, shade in ("a.png", 0), ("b.jpg", 255):
        Image.new("RGB", (40, 20), (shade,) * 3).save(name)
    main(["reconstruct", "vae-digits", "--folder", "."])
    picture = pictures.read(here / "reconstructions.png")
    assert (cell(picture, 0, 0) == 0).all()
    assert (cell(picture, 0, 1) == 255).all()
    main(["encode", "vae-digits", "--folder", "."])
    assert load_file("codes.safetensors")["codes"].shape == (3, 16)  # with reconstructions.png


def test_interpolation_starts_and_ends_at_real_images(here: Path) -> None:
    main(["interpolate", "vae-digits", "--between", "real", "--rows", "2", "--steps", "5"])
    picture = pictures.read(here / "interpolation.png")
    order = torch.randperm(len(DIGITS), generator=torch.Generator().manual_seed(0))
    a, b = normalize(DIGITS[order[1:2]]), normalize(DIGITS[order[3:4]])
    right = picture[:, :, -CELL - 2 :]
    assert cell(picture, 1, 0).equal(rendered(a))
    assert cell(right, 1, 0).equal(rendered(b))
    between = picture[:, :, CELL + 2 + 6 :]
    assert close(cell(between, 1, 0), rendered(VAE.reconstruct(a)))
    assert close(cell(between, 1, 4), rendered(VAE.reconstruct(b)))
    middle = VAE.decode((VAE.encode(a) + VAE.encode(b)) / 2)
    assert close(cell(between, 1, 2), rendered(middle))


def test_the_middle_of_a_traversal_is_the_reconstruction(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["traverse", "vae-digits", "--image", "7", "--rows", "3", "--steps", "5"])
    picture, x = pictures.read(here / "traversal.png"), normalize(DIGITS)
    for row in range(3):
        assert close(cell(picture, row, 2), rendered(VAE.reconstruct(x[7:8])))
    q = VAE.posterior(x)
    first = divergence_per_dimension(q.mean, q.stddev).argmax().item()
    assert capsys.readouterr().out.startswith(f"latents {first}, ")
    code, std = VAE.encode(x[7:8]), VAE.encode(x).std(0)
    code[0, first] += 3 * std[first]
    assert close(cell(picture, 0, 4), rendered(VAE.decode(code)))


def test_activity_without_a_posterior_is_the_variance() -> None:
    codes = torch.randn(50, 3) * torch.tensor([1.0, 3.0, 2.0])
    assert activity(zoo.load("dcgan-digits"), DIGITS, codes).equal(codes.var(0))


def test_traverse_changes_one_latent_at_a_time() -> None:
    code, std = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 10.0])
    path = latents.traverse(code, std, torch.tensor([1, 0]), steps=3, reach=2)
    expected = [[1, -18], [1, 2], [1, 22], [0, 2], [1, 2], [2, 2]]
    assert path.equal(torch.tensor(expected).float())


def test_a_seed_reproduces_a_map(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["map", "vae-digits", "-n", "60"])
    first = pictures.read(here / "map.png")
    main(["map", "vae-digits", "-n", "60", "--to", "again.png"])
    assert pictures.read(here / "again.png").equal(first)
    assert first.shape == (3, maps.SIDE, maps.SIDE)


def test_thumbnails_do_not_overlap() -> None:
    positions = torch.rand(300, 2, generator=torch.Generator().manual_seed(0)) * 100
    selected = positions[list(maps.without_overlap(positions, 10))]
    distances = torch.cdist(selected, selected, p=math.inf).fill_diagonal_(10)
    assert distances.min() >= 10
    assert (torch.cdist(positions, selected, p=math.inf).amin(1) < 10).all()  # no other fits
    assert selected[0].equal(positions[0])


def test_color_images_keep_their_colors() -> None:
    pixels = torch.full((3, 3, 32, 32), 90, dtype=torch.uint8)
    picture = maps.plot_map(torch.tensor([[0.0, 0], [1, 1], [0, 1]]), pixels, torch.arange(3))
    pixel = picture[:, maps.SIDE - maps.MARGIN - 14, maps.SIDE - maps.MARGIN - 14]
    assert (pixel.int() - 90).abs().max() <= 8


def test_psnr_of_known_errors() -> None:
    target = torch.rand(4, 1, 6, 6) * 2 - 1
    x = target + torch.tensor([0.02, 0.2, 2.0, 0.0])[:, None, None, None]  # 1 %, 10 % and 100 %
    assert torch.allclose(psnr(x, target)[:3], torch.tensor([40.0, 20.0, 0.0]), atol=1e-2)
    assert psnr(x, target)[3] == math.inf


def test_denoise_is_reproducible_and_prints_psnr(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clipping removes half of the noise on black and white, so that noisy images exceed 12 dB."""
    main(["denoise", "vae-digits", "--noise", "0.5", "--seed", "1"])
    first = pictures.read(here / "denoised.png")
    noisy, clean = map(float, re.findall(r"([\d.]+) dB", capsys.readouterr().out))
    assert 12.0 < noisy < 16.0 < clean
    main(["denoise", "vae-digits", "--noise", "0.5", "--seed", "1"])
    assert pictures.read(here / "denoised.png").equal(first)


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


def test_denoise_uses_the_corruption_of_the_training(here: Path) -> None:
    torch.manual_seed(0)
    model = DenoisingAutoencoder(size=8, widths=(16,), latent=8, amount=0.9).eval()
    zoo.save(model, "mine.safetensors")
    main(["denoise", "mine.safetensors", "--recipe", "vae-digits", "-n", "1"])
    left = pictures.read(here / "denoised.png").shape[2] - CELL - 2
    noisy = pictures.read(here / "denoised.png")[:, :, left:]
    assert (cell(noisy, 0, 0) == 0).float().mean() > 0.8  # black pixels by dropout


def test_compress_prints_a_row_for_each_depth(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compress", "vae-digits", "-n", "100"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("dB")[1].split()[0] for line in lines[1:7]] == [
        f"{bits}-bit" for bits in range(1, 7)
    ]
    assert pictures.read(here / "compression.png").shape[0] == 3


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (61.0, 88.0), (-3.0, 4.5), (5.0, 5.0)])
def test_axes_have_few_round_ticks(low: float, high: float) -> None:
    axis = linear_axis(low, high + 1e-9)
    assert axis.low <= low
    assert axis.high >= high
    assert 2 <= len(axis.ticks) <= 10
    assert axis.fraction(axis.low) == 0
    assert axis.fraction(axis.high) == 1


def test_logarithmic_ticks_are_1_2_5() -> None:
    axis = logarithmic_axis(100, 5000)
    assert axis.ticks == [100, 200, 500, 1000, 2000, 5000]
    assert axis.fraction(1000) - axis.fraction(100) == pytest.approx(
        axis.fraction(2000) - axis.fraction(200)
    )


def test_a_chart_shows_every_point() -> None:
    curve = Curve("rising", [1, 2, 3], [0.0, 0.5, 1.0], [0.1, 0.1, 0.1])
    picture = chart([curve], "x", "y")
    assert picture.shape == (3, 400, 640)
    blue = torch.tensor([0x3B, 0x6F, 0xB6])[:, None, None]
    assert ((picture.int() - blue).abs().amax(0) <= 2).sum() > 3 * 50  # of three dots and a line


@pytest.mark.parametrize("colors", [1, 200, 256, 5000])
def test_pictures_are_stored_losslessly(colors: int, tmp_path: Path) -> None:
    """Gray levels, palettes and full colors."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randint(256, (colors, 3), generator=generator).to(torch.uint8)
    picture = table[torch.randint(colors, (90, 80), generator=generator)].permute(2, 0, 1)
    gray = picture[:1].expand(3, -1, -1)
    for each in (picture, gray, picture[:1]):
        pictures.save(each, tmp_path / "a.png")
        assert pictures.read(tmp_path / "a.png").equal(each.expand(3, -1, -1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "dcgan-digits"], "got dcgan-digits, a DCGAN"),
        (["reconstruct", "lenet-mnist"], "got lenet-mnist, a LeNet"),
        (["map", "lenet-mnist"], "got lenet-mnist, a LeNet"),
        (["encode", "vae-digits", "--to", "codes.txt"], "got codes.txt"),
        (["decode", "vae-digits", "nowhere.npy"], "nowhere.npy"),
        (["decode", "vae-digits", "wrong.npy"], "(n, 16), got (2, 5)"),
        (["decode", "vae-digits", "deep.npy"], "got (2, 2, 2) in deep.npy"),
        (["decode", "vae-digits", "broken.safetensors"], "broken.safetensors"),
        (["traverse", "vae-digits", "--image", "297"], "--image must be from 0 to 296, got 297"),
        (["interpolate", "vae-digits", "--between", "real", "--rows", "200"], "148"),
        (["interpolate", "conditional-vae-fashion-mnist", "--between", "real"], "a ConditionalVAE"),
        (
            ["reconstruct", "vae-digits", "--recipe", "lenet-mnist"],
            "size of the data must be 8",
        ),
        (["reconstruct", "vae-digits", "--folder", "empty"], "there are no images below"),
    ],
)
def test_errors_are_one_line_with_a_remedy(arguments: list[str], message: str, here: Path) -> None:
    np.save("wrong.npy", np.zeros((2, 5)))
    np.save("deep.npy", np.zeros((2, 2, 2)))
    (here / "broken.safetensors").write_bytes(b"nothing")
    error = fails(*arguments)
    assert error.startswith("zoo: ")
    assert message in error
    assert "\n" not in error.rstrip()
