"""Colorization and the context encoder: steps that equal plain loops, inputs made from images."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from loops import assert_same, descend, fit, one_thread
from PIL import Image
from torch import Tensor
from torch.nn.functional import softplus
from torch.optim import Adam
from toys import QUIET

import zoo
from zoo.cli import main
from zoo.core.translator import ImageRestorer
from zoo.data import Digits
from zoo.errors import BadRecipe
from zoo.evaluation import translations
from zoo.evaluation.translations import Translations, attributes_of_faces
from zoo.layers.lab import rgb_to_lab
from zoo.metrics.extractors import AttributeFeatures
from zoo.plotting import pictures
from zoo.translation import Colorization, ContextEncoder, Pix2Pix
from zoo.translation.context_encoder import Decoder, Encoder

__all__ = ["one_thread"]  # for every test of this file too


def images() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    shape = 4, 3, 32, 32
    return [(torch.rand(shape, generator=generator) * 2 - 1, torch.empty(4, 0)) for _ in range(3)]


def colorization() -> Colorization:
    torch.manual_seed(0)
    return Colorization(size=32, width=4)


def context_encoder() -> ContextEncoder:
    torch.manual_seed(0)
    return ContextEncoder(size=32, latent=8, width=4, overlap=2)


def isola_2017(model: Colorization) -> None:
    """Section 3.3 of pix2pix with L as the input and (a, b) as the target."""
    pix2pix = Pix2Pix(size=32, input_channels=1, channels=2, width=4)
    pix2pix.load_state_dict(model.state_dict())
    pairs = [tuple(rgb_to_lab(x).split([1, 2], dim=1)) for x, _ in images()]
    fit(pix2pix, batches=pairs)
    model.load_state_dict(pix2pix.state_dict())


def pathak_2016(model: ContextEncoder) -> None:
    """Section 3.2 on centers of 16 x 16, with holes of 12 x 12."""
    D, G = model.discriminator, model.generator
    of_d = Adam(D.parameters(), 2e-4, (0.5, 0.999), fused=True)
    of_g = Adam(G.parameters(), 2e-3, (0.5, 0.999), fused=True)
    weight = torch.full((16, 16), 10.0)
    weight[2:14, 2:14] = 1
    for x, _ in images():
        hole = x.clone()
        for channel, level in enumerate((117, 104, 123)):
            hole[:, channel, 10:22, 10:22] = torch.tensor(float(level)) / 127.5 - 1
        y, fake = x[..., 8:24, 8:24], G(hole)
        descend(of_d, softplus(-D(y)).mean() + softplus(D(fake.detach())).mean())
        D.requires_grad_(False)
        l2 = (weight * (fake - y).square()).mean()
        descend(of_g, 0.999 * l2 + 0.001 * softplus(-D(fake)).mean())
        D.requires_grad_(True)


@pytest.mark.parametrize(
    ("build", "loop"), [(colorization, isola_2017), (context_encoder, pathak_2016)]
)
def test_a_step_is_the_algorithm_of_the_paper(
    build: Callable[[], ImageRestorer], loop: Callable[[ImageRestorer], None]
) -> None:
    model, plain = build(), build()
    fit(model, batches=images())
    torch.manual_seed(1)
    loop(plain)
    assert_same(model.state_dict(), plain.state_dict())


@pytest.mark.parametrize("build", [colorization, context_encoder])
def test_a_restoration_depends_on_the_degraded_image_alone(
    build: Callable[[], ImageRestorer],
) -> None:
    model = build().eval()
    x, _ = images()[0]
    degraded = model.degrade(x)
    torch.testing.assert_close(model.degrade(degraded), degraded, atol=1e-5, rtol=0)
    torch.testing.assert_close(model.translate(degraded), model.translate(x), atol=1e-3, rtol=0)
    assert model.translate(x).shape == x.shape


def test_colors_are_added_to_the_own_lightness() -> None:
    model, (x, _) = colorization().eval(), images()[0]
    gray = model.degrade(x)
    torch.testing.assert_close(gray[:, :1].expand(-1, 3, -1, -1), gray, atol=1e-5, rtol=0)
    torch.testing.assert_close(model.recolor(gray, x), x, atol=1e-3, rtol=0)


def test_the_context_is_kept() -> None:
    model, (x, _) = context_encoder().eval(), images()[0]
    hole = torch.zeros(32, 32, dtype=torch.bool)
    hole[10:22, 10:22] = True
    assert model.hole_size() == 12
    filled = model.translate(x)
    assert torch.equal(filled[..., ~hole], x[..., ~hole])
    assert not torch.isclose(filled, x)[..., hole].all()


def test_the_networks_of_128_pixels_are_those_of_figure_9() -> None:
    with torch.device("meta"):
        encoder, decoder = Encoder(128, 4000, 64), Decoder(128, 4000, 64)
        code = encoder(torch.empty(2, 3, 128, 128))
    convs = [m.out_channels for m in encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert convs == [64, 64, 128, 256, 512, 4000]
    ups = [m.out_channels for m in decoder.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert ups == [512, 256, 128, 64, 3]
    assert code.shape == (2, 4000, 1, 1)
    assert decoder(code).shape == (2, 3, 64, 64)


@pytest.mark.parametrize(
    ("settings", "name"), [({"size": 24}, "size"), ({"size": 32, "overlap": 8}, "overlap")]
)
def test_invalid_settings_are_named(settings: dict[str, int], name: str) -> None:
    with pytest.raises(BadRecipe, match=name):
        ContextEncoder(latent=4, width=2, **settings)


def test_data_of_another_shape_is_refused() -> None:
    with pytest.raises(BadRecipe, match="channels"):
        colorization().modality.check_data(Digits().modality)


def test_own_pictures_are_colored(here: Path) -> None:
    """The card of a restorer, with what real pictures have beside each number, can be read."""
    (here / "mine").mkdir()
    for i in range(12):
        Image.new("RGB", (40, 36), (20 * i, 100, 255 - 20 * i)).save(here / "mine" / f"{i:02}.png")
    size = ["--model.init_args.size", "32", "--model.init_args.width", "2", *QUIET]
    steps = ["--trainer.max_epochs", "1", "--trainer.log_every_n_steps", "1"]
    main(["fit", "colorization-celeba", "--name", "colors", "--data", "mine", *size, *steps])
    terms = ["--license", "CC0-1.0", "--terms", "my own pictures"]
    space = ["--protocol", "quick", "--extractor", "thumbnails"]
    main(["export", "runs/colors", "colors", *terms, *space])
    path = here / "exports" / "colors.safetensors"
    metrics = {record["metric"]: record for record in zoo.card(path).metrics}
    assert metrics["colorfulness"]["targets"] > metrics["colorfulness"]["copied"]
    main(["verify", str(path)])
    main(["translate", str(path), "mine", "--to", "colored"])
    assert pictures.read(Path("colored/03.png")).shape == (3, 36, 40)


def test_attributes_are_counted_in_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that finds an attribute in bright images alone."""
    white, black = torch.full((3, 3, 8, 8), 255, dtype=torch.uint8), torch.zeros(3, 3, 8, 8)
    found = Translations(white, white, black.to(torch.uint8))
    monkeypatch.setattr(translations, "spaces_of", lambda data: ("resnet-celeba",))
    extractor = object.__new__(AttributeFeatures)
    monkeypatch.setattr(translations, "load_extractor", lambda name, device: extractor)
    monkeypatch.setattr(
        AttributeFeatures, "__call__", lambda self, x: x.float().flatten(1).mean(1, keepdim=True)
    )
    monkeypatch.setattr(AttributeFeatures, "probabilities", lambda self, x: x / 255)
    monkeypatch.setattr(AttributeFeatures, "sha256", lambda self: "0")
    labels = torch.tensor([[1], [1], [0]])
    (record,) = attributes_of_faces(found, labels, Digits(), torch.device("cpu"))
    shares = [record[key] for key in ("value", "copied", "targets")]
    assert shares == pytest.approx([2 / 3, 1 / 3, 2 / 3], abs=1e-5)
    assert not [*attributes_of_faces(found, labels[:, 0], Digits(), torch.device("cpu"))]
