"""Invalid inputs of models: images, latents, labels, counts and seeds."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from zoo.analysis.latents import project
from zoo.autoencoders.denoising import DenoisingAutoencoder
from zoo.classifiers.lenet import LeNet
from zoo.classifiers.resnet import ResNet
from zoo.core import protocols
from zoo.core.module import ZooModule, eval_mode
from zoo.errors import BadInput, ZooError
from zoo.gans.bigan import BiGAN
from zoo.gans.dcgan import DCGAN
from zoo.gans.infogan import InfoGAN
from zoo.layers.noise import normal
from zoo.vaes.conditional_vae import ConditionalVAE
from zoo.vaes.quantized import QuantizedModel
from zoo.vaes.rae import RAE
from zoo.vaes.vae import VAE
from zoo.vaes.vamp import VampVAE
from zoo.vaes.vq_vae import VQVAE
from zoo.vaes.vq_vae_2 import VQVAE2

SMALL = {"size": 8, "channels": 1, "width": 8}


MODELS: dict[str, Callable[[], ZooModule]] = {
    "vae": lambda: VAE(**SMALL, latent=4),
    "conditional-vae": lambda: ConditionalVAE(**SMALL, latent=4),
    "vamp": lambda: VampVAE(**SMALL, latent=4, components=3),
    "rae": lambda: RAE(**SMALL, latent=4, components=2),
    "denoising": lambda: DenoisingAutoencoder(size=8, widths=(8,), latent=4),
    "vq-vae": lambda: VQVAE(**SMALL, codebook=4, dim=2, depth=1),
    "vq-vae-2": lambda: VQVAE2(**SMALL, codebook=4, dim=2, depth=1),
    "bigan": lambda: BiGAN(**SMALL, latent=4),
    "infogan": lambda: InfoGAN(**SMALL),
    "dcgan": lambda: DCGAN(**SMALL, latent=4),
    "lenet": lambda: LeNet(width=4),
    "resnet": lambda: ResNet(size=8, channels=1, width=4, blocks=1),
}


ON_IMAGES = (
    "encode", "reconstruct", "elbo_terms", "posterior", "encode_indices", "predict_category",
    "activity", "corrupt", "features", "classify", "infer_labels", "log_likelihood",
)  # fmt: skip


def methods(model: ZooModule) -> dict[str, Callable[[Tensor], object]]:
    """Methods of a model that take images, by name."""
    found = {name: getattr(model, name) for name in ON_IMAGES if hasattr(model, name)}
    if hasattr(model, "log_importance_weights"):
        found["weights"] = lambda x: model.log_importance_weights(x, 2)  # type: ignore[operator]
    if isinstance(model, VAE):
        z = torch.zeros(1, 14 if isinstance(model, ConditionalVAE) else 4)
        found["log_likelihood"] = lambda x: model.log_likelihood(x, z.expand(len(x), -1))
    return found


def invalid(shape: tuple[int, ...]) -> dict[str, object]:
    """Images for a shape (channels, size, size) that are invalid in different ways."""
    c, s, _ = shape
    good = torch.rand(2, c, s, s) * 2 - 1
    nan = good.clone()
    nan[0, 0, 0, 0] = torch.nan
    return {
        "uint8": (good * 127).to(torch.uint8),
        "int64": (good * 127).long(),
        "255": (good + 1) * 127.5,
        "nan": nan,
        "infinite": good / 0,
        "no batch": good[0],
        "larger": torch.zeros(2, c, 2 * s, 2 * s),
        "channels": torch.zeros(2, c + 1, s, s),
        "not square": torch.zeros(2, c, s, 2 * s),
        "flat": torch.zeros(2, c * s * s),
        "numpy": np.zeros((2, c, s, s), dtype=np.float32),
    }


@pytest.mark.parametrize("kind", MODELS)
def test_invalid_images_raise_in_every_method(kind: str) -> None:
    model = MODELS[kind]().eval()
    for name, call in methods(model).items():
        for what, x in invalid(model.modality.shapes[0]).items():
            with pytest.raises(BadInput, match="images"):
                pytest.fail(f"{name} accepts {what}: {call(x)}")  # type: ignore[arg-type]
        call((torch.rand(3, *model.modality.shapes[0]) * 2 - 1) * 1.001)


@pytest.mark.parametrize("kind", MODELS)
def test_invalid_latents_raise(kind: str) -> None:
    model = MODELS[kind]().eval()
    if not isinstance(model, protocols.SupportsSampling):
        return
    width = len(model.encode(torch.zeros(1, 1, 8, 8))[0]) if hasattr(model, "encode") else 4
    good = torch.zeros(2, width)
    for z in (good[:, :-1], good[0], good[None], good.long(), good / 0):
        with pytest.raises(BadInput, match="latents"):
            model.decode(z)  # type: ignore[operator]


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind not in ("lenet", "resnet")])
def test_invalid_numbers_of_samples_and_seeds_raise(kind: str) -> None:
    model = MODELS[kind]().eval()
    for n in (-1, 2.0, "3", True, None):
        with pytest.raises(BadInput, match=rf"n .*got {n!r}"):
            model.sample(n)  # type: ignore[operator]
    for seed in (-1, 2**64, 1.5, "0", False):
        with pytest.raises(BadInput, match=rf"seed .*got {seed!r}"):
            model.sample(2, seed)  # type: ignore[operator]
    assert len(model.sample(0)) == 0  # type: ignore[operator]
    whole = model.sample(np.int64(3), seed=np.int64(1))  # type: ignore[operator]
    chunks = torch.cat([*model.sample_chunks(3, seed=1)])  # type: ignore[operator]
    torch.testing.assert_close(whole, chunks)


def test_chunks_of_a_conditional_model_continue_the_labels() -> None:
    model = ConditionalVAE(**SMALL, latent=4, classes=3).eval()
    whole, chunks = model.sample(300, seed=0), torch.cat([*model.sample_chunks(300, seed=0)])
    torch.testing.assert_close(whole, chunks)


def test_a_seed_does_not_depend_on_the_default_dtype() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        samples = normal(5, 3, 0, "cpu")
    finally:
        torch.set_default_dtype(torch.float32)
    assert samples.equal(normal(5, 3, 0, "cpu"))


def test_projection_of_invalid_images_raises() -> None:
    for x in invalid((1, 8, 8)).values():
        with pytest.raises(ZooError, match="images"):
            project(MODELS["dcgan"](), x, steps=1)  # type: ignore[arg-type]


def test_a_denoiser_accepts_the_noise_of_its_training() -> None:
    model = DenoisingAutoencoder(size=8, widths=(8,), latent=4, corruption="gaussian", amount=0.5)
    assert model.reconstruct(model.corrupt(torch.ones(50, 1, 8, 8))).isfinite().all()
    with pytest.raises(BadInput):
        model.reconstruct(torch.full((1, 1, 8, 8), 255.0))


def test_inference_restores_the_mode_of_each_module() -> None:
    model = VAE(**SMALL, latent=4)
    model.encoder.eval()
    model.encode(torch.zeros(1, 1, 8, 8))
    assert model.training
    assert model.decoder.training
    assert not model.encoder.training
    with eval_mode(model):
        assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("kind", ["vae", "conditional-vae", "vamp", "rae", "vq-vae"])
def test_empty_batches_are_valid(kind: str) -> None:
    model = MODELS[kind]().eval()
    for call in methods(model).values():
        call(torch.zeros(0, 1, 8, 8))


@pytest.mark.parametrize("kind", ["vae", "conditional-vae", "vamp"])
def test_an_invalid_number_of_importance_samples_raises(kind: str) -> None:
    model = MODELS[kind]().eval()
    for k in (0, -1, 1.5, True, "3"):
        with pytest.raises(BadInput, match=rf"k .*got {k!r}"):
            model.log_importance_weights(torch.zeros(1, 1, 8, 8), k)  # type: ignore[operator]


@pytest.mark.parametrize(
    "labels", [[0, 10], [-1, 0], [0], [0.0, 1.0], [True, False], "ab", [1, None]]
)
def test_labels_that_are_not_classes_raise(labels: object) -> None:
    model, x = ConditionalVAE(**SMALL, latent=4).eval(), torch.zeros(2, 1, 8, 8)
    calls = model.sample, lambda n, labels: model.elbo_terms(x, labels)
    for call in (*calls, lambda n, labels: model.posterior(x, labels)):
        with pytest.raises(BadInput, match="labels"):
            call(2, labels=labels)  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["vq-vae", "vq-vae-2"])
def test_invalid_codes_raise(kind: str) -> None:
    model = MODELS[kind]().eval()
    assert isinstance(model, QuantizedModel)
    codes = model.encode_indices(torch.zeros(2, 1, 8, 8))
    wrong = codes.float(), codes.int(), codes[0], codes[:, 1:], codes - 99, codes + 4, [1], None
    for call in (model.code_nll, model.embed_indices):
        assert len(call(codes[:0])) == 0
        for other in wrong:
            with pytest.raises(BadInput, match="codes"):
                call(other)  # type: ignore[arg-type]


def test_invalid_latents_of_traversals_and_chunks_raise() -> None:
    model = InfoGAN(**SMALL).eval()
    good = model.prior(2)
    for z in (good[:, 1:], good[0], good.long(), good / 0, [1.0], None):
        with pytest.raises(BadInput, match="latents"):
            model.traverse_codes(z, 3, 2.0)  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="latents"):
            list(model.decode_chunks(z))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="steps"):
        model.traverse_codes(good, -1, 2.0)


def test_invalid_features_of_a_classifier_raise() -> None:
    model = LeNet(width=4).eval()
    good = torch.zeros(2, 84)
    for features in (good[:, 1:], good.long(), good / 0, [1.0], None):
        with pytest.raises(BadInput, match="features"):
            model.logits(features)  # type: ignore[arg-type]
    assert model.logits(good[None]).shape == (1, 2, 10)
