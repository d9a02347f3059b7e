"""Commands that use codes: encode, decode, reconstruct, denoise, compress, traverse, map."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from toys import fails

import zoo
from zoo.autoencoders.denoising import DenoisingAutoencoder
from zoo.cli import main
from zoo.cli.explore import activity
from zoo.data import Digits
from zoo.data.images import normalize
from zoo.metrics.bounds import divergence_per_dimension
from zoo.metrics.rates import psnr
from zoo.plotting import maps, pictures

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


def test_a_seed_reproduces_a_map(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["map", "vae-digits", "-n", "60"])
    first = pictures.read(here / "map.png")
    main(["map", "vae-digits", "-n", "60", "--to", "again.png"])
    assert pictures.read(here / "again.png").equal(first)
    assert first.shape == (3, maps.SIDE, maps.SIDE)


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
        (["reconstruct", "vae-digits", "--folder", "empty"], "empty"),
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
