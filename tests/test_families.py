"""Every model class can be imported from its family, and every file names its paper."""

import inspect
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from lightning import LightningModule

import zoo
from zoo.gans import DCGAN, LSGAN
from zoo.pretrained.trust import find_class
from zoo.vaes import VAE, VQVAE2

FAMILIES = (
    "autoencoders", "classifiers", "energy", "gans", "sequences", "tables", "translation", "vaes",
)  # fmt: skip


def is_model(kind: object) -> bool:
    """Whether an object is a class that can be built and trained."""
    return (
        isinstance(kind, type)
        and issubclass(kind, LightningModule)
        and not inspect.isabstract(kind)
        and kind.training_step is not LightningModule.training_step
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_exports_its_models(family: str) -> None:
    package = import_module(f"zoo.{family}")
    modules = [import_module(f"zoo.{family}.{m.name}") for m in iter_modules(package.__path__)]
    defined = {
        name
        for module in modules
        for name, kind in vars(module).items()
        if is_model(kind) and kind.__module__ == module.__name__
    }
    assert set(package.__all__) == defined
    assert all(is_model(getattr(package, name)) for name in package.__all__)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_file_of_a_model_names_its_paper(family: str) -> None:
    package = import_module(f"zoo.{family}")
    for name in package.__all__:
        first, *_ = (inspect.getmodule(getattr(package, name)).__doc__ or "").splitlines()
        assert "https://" in first, name
        assert any(word.isdigit() and len(word) == 4 for word in first.replace(",", " ").split())


def test_a_short_class_path_is_the_same_class() -> None:
    for short, kind in (("zoo.gans.DCGAN", DCGAN), ("zoo.vaes.VQVAE2", VQVAE2)):
        assert find_class(Path("x"), short) is kind
        assert find_class(Path("x"), f"{kind.__module__}.{kind.__name__}") is kind


def test_a_header_names_the_module_of_the_class(tmp_path: Path) -> None:
    zoo.save(LSGAN(size=8, channels=1, latent=2, width=4), tmp_path / "a.safetensors")
    assert b"zoo.gans.lsgan.LSGAN" in (tmp_path / "a.safetensors").read_bytes()
    assert isinstance(zoo.load(tmp_path / "a.safetensors"), LSGAN)
    assert VAE.__module__ == "zoo.vaes.vae"
