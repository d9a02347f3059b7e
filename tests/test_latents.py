"""Latent-space tools, and the commands that use them."""

import math
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor
from toys import fails

import zoo
from zoo.analysis import latents
from zoo.analysis.attributes import AttributeClassifier
from zoo.cli import main
from zoo.cli.steer import parse_attributes
from zoo.core.latent_models import LatentVariableModel
from zoo.data import CelebA, Digits
from zoo.data.images import DatasetInfo, Examples, ImageDataModule, Split
from zoo.errors import UnknownName, ZooError
from zoo.gans.acgan import ACGAN
from zoo.gans.conditional_gan import ConditionalGAN
from zoo.gans.infogan import InfoGAN
from zoo.losses.reconstruction import pixel_error
from zoo.plotting import pictures

GAN = zoo.load("dcgan-digits")
VAE = zoo.load("vae-digits")


class Line(LatentVariableModel):
    """Decodes two latents to two pixels, a tenth of them."""

    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters({"latent": 2})

    def decode(self, z: Tensor) -> Tensor:
        return z.view(-1, 1, 1, 2) / 10


class Halves(ImageDataModule):
    """Noise with the attributes of a bright left pixel, a bright right pixel, and one of all."""

    source = DatasetInfo("Halves", "", "", "")
    channels = 1
    extractor = "pixels"
    attributes = ("Left", "Right", "Always")

    def read(self, split: Split) -> Examples:
        generator = torch.Generator().manual_seed(len(split))
        pixels = torch.randint(256, (500, 1, 1, 2), generator=generator, dtype=torch.uint8)
        bright = (pixels > 127).flatten(1).long()
        return Examples(pixels, torch.cat([bright, torch.ones(500, 1).long()], 1))


def test_truncation_equals_rejection_sampling() -> None:
    z = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    accepted, truncated = z[z.abs() <= 0.7], latents.truncate(z, 0.7)
    assert truncated.abs().max() <= 0.7
    quantiles = torch.linspace(0.01, 0.99, 15)
    values, expected = (x.sort().values[(quantiles * len(x)).long()] for x in (truncated, accepted))
    assert torch.allclose(values, expected, atol=0.01)
    assert (truncated[z.argsort()].diff() >= 0).all()


def test_a_large_threshold_changes_nothing() -> None:
    z = GAN.prior(100, seed=0)
    assert torch.allclose(latents.truncate(z, math.inf), z, atol=1e-5)
    assert torch.allclose(latents.truncate(z, 8.0), z, atol=1e-5)
    assert latents.truncate(z, 1e-3).abs().max() <= 1e-3


def test_truncation_of_another_prior_raises() -> None:
    with pytest.raises(ZooError, match=r"prior.*InfoGAN"):
        latents.truncated(InfoGAN(size=8, width=8), 4, 1.0, seed=0)
    assert latents.truncated(VAE, 4, 1.0, seed=0).shape == (4, 16)


def test_decode_is_differentiable_on_request() -> None:
    z = GAN.prior(3, seed=0)
    assert not GAN.decode(z).requires_grad
    (grad,) = torch.autograd.grad(GAN.decode(z.requires_grad_()).sum(), z)
    assert grad.abs().sum(1).min() > 0
    with torch.no_grad():
        assert not GAN.decode(z).requires_grad


def test_projection_recovers_samples() -> None:
    images = GAN.sample(4, seed=1)
    z = latents.project(GAN, images, steps=200, seed=0)
    assert z.shape == (4, 32)
    assert pixel_error(GAN.decode(z), images).max() < 2e-3
    assert pixel_error(GAN.sample(4, seed=2), images).min() > 5e-2
    assert all(weight.grad is None for weight in GAN.parameters())


def test_projection_returns_the_best_start() -> None:
    images = GAN.sample(3, seed=1)
    one, many = (latents.project(GAN, images, 5, starts, seed=0) for starts in (1, 8))
    errors = [pixel_error(GAN.decode(z), images) for z in (one, many)]
    assert (errors[1] <= errors[0] + 1e-6).all()


def test_projection_of_a_conditional_model_raises() -> None:
    model = ConditionalGAN(size=8, channels=1, width=8, classes=3)
    with pytest.raises(ZooError, match="ConditionalGAN"):
        latents.project(model, GAN.sample(1))


def test_projection_of_images_of_another_shape_raises() -> None:
    with pytest.raises(ZooError, match=r"shape \(n, 1, 8, 8\), got \(2, 3, 8, 8\)"):
        latents.project(GAN, torch.zeros(2, 3, 8, 8))
    assert latents.project(GAN, torch.zeros(0, 1, 8, 8), steps=1).shape == (0, 32)


def test_a_direction_is_the_difference_of_means() -> None:
    z = torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 9.0], [6.0, 9.0]])
    direction = latents.attribute_direction(z, torch.tensor([0.0, 0.0, 1.0, 1.0]))
    assert torch.allclose(direction, torch.tensor([4.0, 8.0]) / 80**0.5)


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_an_attribute_of_all_or_no_samples_raises(probability: float) -> None:
    with pytest.raises(ZooError, match="attribute"):
        latents.attribute_direction(torch.randn(5, 4), torch.full((5,), probability))


def test_a_direction_is_parallel_to_the_gradient() -> None:
    """Stein's lemma, for a probability with a gradient along (3, 4) / 5."""
    z = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    direction = latents.attribute_direction(z, (z @ torch.tensor([3.0, 4.0])).sigmoid())
    assert torch.allclose(direction, torch.tensor([0.6, 0.8]), atol=0.03)


def test_steering_moves_in_both_directions() -> None:
    path = latents.steer(torch.tensor([[1.0, 1.0], [5.0, 0.0]]), torch.tensor([0.0, 1.0]), 3, 2)
    assert path.tolist() == [[1, -1], [1, 1], [1, 3], [5, -2], [5, 0], [5, 2]]


def test_latent_arithmetic_uses_means() -> None:
    a, b, c = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(latents.latent_arithmetic(a, b, c), (a - b + c).mean(0))


def test_rescaled_means_have_the_norm_of_samples() -> None:
    samples = GAN.prior(3000, seed=0) + 5
    means = torch.stack([samples[:100].mean(0), samples[:3].mean(0)])
    rescaled = latents.rescale_to_prior_norm(means, samples) - samples.mean(0)
    assert torch.allclose(rescaled.norm(dim=1), torch.tensor(32**0.5), rtol=0.02)
    cosine = torch.cosine_similarity(rescaled, means - samples.mean(0))
    assert torch.allclose(cosine, torch.ones(2))


def test_paths_start_and_end_at_the_given_latents() -> None:
    a, b = GAN.prior(4, seed=0).chunk(2)
    for path in latents.PATHS.values():
        z = path(a, b, 5).unflatten(0, (2, 5))
        assert torch.allclose(z[:, 0], a, atol=1e-5)
        assert torch.allclose(z[:, -1], b, atol=1e-5)
    straight = latents.PATHS["straight"](a, b, 3).unflatten(0, (2, 3))
    assert torch.allclose(straight[:, 1], (a + b) / 2)


def test_an_interpolation_of_a_conditional_model_has_one_label(here: Path) -> None:
    torch.manual_seed(0)
    model = ACGAN(size=8, channels=1, width=8, classes=3)
    zoo.save(model, here / "toy.safetensors")
    main(["interpolate", "toy.safetensors", "--rows", "2", "--steps", "4", "--path", "straight"])
    path = latents.lerp(*model.prior(4, seed=0).chunk(2), 4)
    expected = pictures.grid(model.decode(path, torch.tensor([0] * 4 + [1] * 4)), columns=4)
    written = pictures.read(here / "interpolation.png")
    assert (written.int() - expected.int()).abs().max() <= 1


def test_attributes_are_learned_from_real_images() -> None:
    classifier = AttributeClassifier(Halves(size=1), ["Right", "Left"])
    assert min(classifier.auroc()) > 0.99
    images = torch.tensor([[-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]).view(3, 1, 1, 2)
    assert (classifier.predict_proba(images) > 0.5).tolist() == [
        [True, False],
        [False, True],
        [True, True],
    ]


def test_an_attribute_of_pixels_is_a_direction_of_latents() -> None:
    z = Line().prior(2000, seed=0)
    probabilities = AttributeClassifier(Halves(size=1), ["Right"]).predict_proba(Line().decode(z))[
        :, 0
    ]
    assert latents.attribute_direction(z, probabilities)[1] > 0.99


def test_unknown_and_constant_attributes_raise() -> None:
    with pytest.raises(UnknownName, match=r"Rigth.*Right"):
        AttributeClassifier(Halves(size=1), ["Rigth"])
    with pytest.raises(ZooError, match=r"Always.*got 500 of 500"):
        AttributeClassifier(Halves(size=1), ["Always"])


def test_classes_are_attributes() -> None:
    assert Digits().attributes == tuple("0123456789")
    classifier = AttributeClassifier(Digits(), ["0"])
    digits = Digits().images("test")
    zeros = digits.pixels[digits.labels == 0].float() / 127.5 - 1
    assert classifier.predict_proba(zeros).mean() > 0.8


def test_faces_have_the_attributes_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CelebA, "prepare_data", lambda self: None)
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba" / "list_attr_celeba.txt").write_text("1\nMale Young \n000001.jpg -1 1\n")
    assert CelebA(root=str(tmp_path)).attributes == ("Male", "Young")


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
