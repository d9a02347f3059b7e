"""Commands that edit latents: interpolate, truncate, project, steer, arithmetic."""

import re
from pathlib import Path

import pytest
import torch
from toys import fails

import zoo
from zoo.analysis import latents
from zoo.cli import main
from zoo.cli.steer import parse_attributes
from zoo.gans.acgan import ACGAN
from zoo.plotting import pictures

GAN = zoo.load("dcgan-digits")


def test_an_interpolation_of_a_conditional_model_has_one_label(here: Path) -> None:
    torch.manual_seed(0)
    model = ACGAN(size=8, channels=1, width=8, classes=3)
    zoo.save(model, here / "toy.safetensors")
    main(["interpolate", "toy.safetensors", "--rows", "2", "--steps", "4", "--path", "straight"])
    path = latents.lerp(*model.prior(4, seed=0).chunk(2), 4)
    expected = pictures.grid(model.decode(path, torch.tensor([0] * 4 + [1] * 4)), columns=4)
    written = pictures.read(here / "interpolation.png")
    assert (written.int() - expected.int()).abs().max() <= 1


def test_attributes_are_parsed() -> None:
    assert parse_attributes("Male,not-Eyeglasses") == {"Male": True, "Eyeglasses": False}
    assert parse_attributes("T-shirt") == {"T-shirt": True}


def test_steer_and_arithmetic_write_pictures(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["steer", "vae-digits", "--attribute", "3", "--rows", "2", "--steps", "5", "-n", "500"])
    assert pictures.read(here / "steered.png").shape == (3, 2 + 2 * 66, 2 + 5 * 66)
    assert re.search(r"predicted 3 .* at offset -3, .* at 0, .* at 3\n", capsys.readouterr().out)
    terms = ["--from", "3", "--take", "3,not-1", "--add", "1", "--columns", "2"]
    main(["arithmetic", "vae-digits", *terms, "-n", "500"])
    first = pictures.read(here / "arithmetic.png")
    assert first.shape[1] == 2 + 4 * 66
    main(["arithmetic", "vae-digits", *terms, "-n", "500"])
    assert pictures.read(here / "arithmetic.png").equal(first)


def test_truncate_writes_a_row_for_each_threshold(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["truncate", "dcgan-digits", "--at", "0.2", "1", "-n", "200", "--columns", "4"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["none", "1", "0.2"]
    recalls = [float(line.rpartition(" ")[2]) for line in lines[:3]]
    assert recalls[0] > recalls[2]
    assert "200 samples" in lines[3]
    assert "pixels" in lines[3]
    assert pictures.read(here / "truncation.png").shape[1] == 2 + 3 * 66
    main(["sample", "dcgan-digits", "-n", "1", "--truncation", "0.2"])
    z = latents.truncated(GAN, 1, 0.2, seed=0)
    expected = pictures.grid(GAN.decode(z)).expand(3, -1, -1)
    assert pictures.read(here / "samples.png").equal(expected)


def test_project_writes_projections_below_images(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["project", "dcgan-digits", "-n", "2", "--steps", "20", "--starts", "2"])
    assert pictures.read(here / "projection.png").shape[1] == 2 + 2 * 66
    assert "mse 0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["steer", "vae-digits", "--attribute", "eleven"], "'eleven'"),
        (["steer", "lenet-mnist", "--attribute", "1"], "got lenet-mnist, a LeNet"),
        (["steer", "vae-digits", "--attribute", "3", "-n", "1"], "attribute"),
        (["truncate", "vae-digits", "-n", "3"], "got 3"),
        (["project", "lenet-mnist"], "got lenet-mnist, a LeNet"),
        (["sample", "stacked-ae-fashion-mnist", "--truncation", "1"], "StackedAutoencoder"),
        (["sample", "lenet-mnist", "--truncation", "1"], "got lenet-mnist, a LeNet"),
        (
            ["arithmetic", "vae-digits", "--from", "3,1", "--take", "1", "--add", "2", "-n", "9"],
            "got 0 of 9",
        ),
    ],
)
def test_errors_are_one_line_with_a_remedy(arguments: list[str], message: str, here: Path) -> None:
    error = fails(*arguments)
    assert error.startswith("zoo: ")
    assert message in error
    assert "\n" not in error.rstrip()


@pytest.mark.parametrize("text", ["", "Male,", "Male,not-Male", "not-"])
def test_invalid_attributes_raise(
    text: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["arithmetic", "vae-digits", "--from", text, "--take", "1", "--add", "2"])
    assert f"--from: must be different names, separated by commas, got {text!r}" in (
        capsys.readouterr().err
    )
