"""A wheel built from the repo and installed elsewhere loads, samples, and holds what it needs."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from conftest import made_once

from zoo.pretrained import catalog

USE = """
import sys, zoo
assert zoo.__file__.startswith({place!r}), zoo.__file__
assert zoo.load("dcgan-fashion-mnist").sample(4, seed=0).shape == (4, 1, 32, 32)
assert zoo.card("vae-digits").facts["recipe"] == "recipes/vae-digits.yaml"
from zoo.cli import main
main(["sample", "vae-digits", "-n", "4"])
main(["fit", "vae-digits", "--trainer.max_steps=2", "--trainer.enable_progress_bar=false"])
main(["verify", "vae-digits"])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next(made_once(tmp_path_factory, "wheel", build).glob("generative_zoo-*.whl"))


def build(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(catalog.HOME)], check=True)


def test_a_wheel_holds_recipes_cards_and_weights(wheel: Path) -> None:
    held = set(ZipFile(wheel).namelist())
    assert {f"zoo/recipes/{name}.yaml" for name in catalog.list_recipes()} <= held
    for ending in ("md", "png", "safetensors"):
        assert {f"zoo/weights/{name}.{ending}" for name in catalog.list_models()} <= held
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == {"zoo"}


def test_a_wheel_works_elsewhere(wheel: Path, tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(place), str(wheel)], check=True)
    subprocess.run(
        [sys.executable, "-c", USE.format(place=str(place))],
        check=True,
        cwd=elsewhere,
        env={"PYTHONPATH": str(place), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert (elsewhere / "samples.png").exists()
    assert (elsewhere / "runs" / "vae-digits" / "last.ckpt").exists()
