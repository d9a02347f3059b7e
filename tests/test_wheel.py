"""The wheel: small, complete, and independent of the folder that it is used in."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from conftest import made_once
from hub_server import TOKEN, Hub

from zoo.cli import main
from zoo.pretrained import catalog

PYPROJECT = tomllib.loads((catalog.HOME / "pyproject.toml").read_text(encoding="utf-8"))
EXCLUDED = PYPROJECT["tool"]["hatch"]["build"]["exclude"]
PACKAGED = {Path(line).stem for line in EXCLUDED if line.startswith("!")}
LARGEST_FILE, LARGEST_WHEEL = 8e6, 20e6  # bytes
TORCHRUN = ("-m", "torch.distributed.run")
FETCHED = ("linear-ae-fashion-mnist", "sagan-fashion-mnist", "sngan-celeba")

SCRIPT = f"""
import sys, zoo
assert zoo.__file__.startswith(sys.argv[1]), zoo.__file__
assert zoo.load("dcgan-fashion-mnist").sample(4, seed=0).shape == (4, 1, 32, 32)
assert zoo.card("vae-digits").facts["recipe"] == "recipes/vae-digits.yaml"
for name in {FETCHED}:
    assert zoo.load(name).sample(2, seed=0).isfinite().all()
from zoo.cli import main
main(["sample", "vae-digits", "-n", "4"])
main(["fit", "vae-digits", "--trainer.max_steps=2", "--trainer.enable_progress_bar=false"])
main(["verify", "vae-digits", "sngan-celeba"])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next(made_once(tmp_path_factory, "wheel", build).glob("generative_zoo-*.whl"))


def build(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(catalog.HOME)], check=True)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package."""

    def install(folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*command, "--target", str(folder), str(wheel)], check=True)

    return made_once(tmp_path_factory, "installed", install)


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs a command with the installed package, in a folder with a user's own `recipes` package
    and `weights`, and returns its output."""
    own = tmp_path / "own"
    for name in ("recipes", "weights"):
        (own / name).mkdir(parents=True)
        (own / name / "__init__.py").write_text("raise RuntimeError('imported by mistake')\n")
        (own / name / "vae-digits.yaml").write_text("model: 3\n")
        (own / name / "vae-digits.md").write_text("no card\n")
    environment = {
        "PYTHONPATH": str(installed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "ZOO_OWNER": "someone",
        "OMP_NUM_THREADS": "1",
    } | {key: value for key, value in os.environ.items() if key.startswith("HF_")}
    environment.pop("HF_TOKEN", None)

    def run(*command: str) -> str:
        before = files(installed)
        done = subprocess.run(
            [sys.executable, *command],
            cwd=own,
            env=environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
        assert files(installed) == before  # nothing is written where the package is
        return done.stdout

    return run


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


# What the wheel holds


def test_it_holds_the_package_with_cards_and_small_weights(wheel: Path) -> None:
    held = set(ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == {"zoo"}
    assert {f"zoo/recipes/{name}.yaml" for name in catalog.list_recipes()} <= held
    assert {f"zoo/weights/{name}.md" for name in catalog.list_models()} <= held
    previews = (catalog.preview_path(catalog.weights_path(name)) for name in PACKAGED)
    assert {f"zoo/weights/{preview.name}" for preview in previews} <= held
    weights = {name for name in held if name.endswith(".safetensors")}
    assert weights == {f"zoo/weights/{name}.safetensors" for name in PACKAGED}
    assert "zoo/py.typed" in held
    assert wheel.stat().st_size <= LARGEST_WHEEL


def test_it_holds_the_small_weights_of_the_readme() -> None:
    """And those of the metrics' feature spaces, so that examples run without a network."""
    text = (catalog.HOME / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```(?:python|sh)\n(.*?)```", text, re.DOTALL))
    used = {name for name in catalog.list_models() if re.search(rf"\b{name}\b(?!-)", code)}
    small = {n for n in used if catalog.weights_path(n).stat().st_size <= LARGEST_FILE}
    extractors = {
        name for kind in ("cnn", "lenet", "resnet") for name in catalog.list_models(f"{kind}-*")
    }
    assert small | extractors == PACKAGED


# The installed package


@pytest.mark.parametrize(
    "command",
    [["bin/zoo"], ["-m", "zoo"], [*TORCHRUN, "--nproc-per-node=1", "-m", "zoo"]],
    ids=["zoo", "python -m zoo", "torchrun"],
)
def test_a_users_own_folders_do_not_matter(
    run: Callable[..., str], installed: Path, command: list[str]
) -> None:
    command = [str(installed / part) if part.startswith("bin/") else part for part in command]
    said = run(*command, "show", "vae-digits")
    assert "recipe: recipes/vae-digits.yaml" in said


def test_every_published_model_loads_by_name(
    run: Callable[..., str], installed: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Published from a clone, loaded by a script of another folder, trained and verified there."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in FETCHED:
        assert name not in PACKAGED
        for ending in ("md", "png", "safetensors"):
            shutil.copyfile(catalog.WEIGHTS / f"{name}.{ending}", clone / f"{name}.{ending}")
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "WEIGHTS", clone)
        patch.setenv("HF_TOKEN", TOKEN)
        main(["publish", "--all", "someone"])
    script = tmp_path / "own" / "script.py"
    script.write_text(SCRIPT)
    run(str(script), str(installed))
    assert (tmp_path / "own" / "samples.png").exists()
    assert (tmp_path / "own" / "runs" / "vae-digits" / "last.ckpt").exists()
