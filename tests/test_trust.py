"""LightningModules of a user's own package: saved, rejected by default, loaded where trusted."""

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning import LightningModule
from safetensors.torch import load_file, save_file
from toys import fails

import zoo
from zoo.cli import main
from zoo.errors import BadWeights, ZooError
from zoo.gans import DCGAN
from zoo.pretrained.checkpoints import model_from_checkpoint, read_checkpoint
from zoo.pretrained.trust import trusting

MODELS = '''
from pathlib import Path
from typing import Callable
import torch
from torch import nn
from lightning import LightningModule
from torch.nn.functional import relu
from zoo.core.module import ZooModule

class MyGAN(LightningModule):
    """Tied weights, a tensor that no state_dict has, a tuple, an argument without annotation."""

    def __init__(self, width: int = 4, shape: tuple[int, int, int] = (1, 8, 8), extra=None):
        super().__init__()
        self.save_hyperparameters()
        self.inner = nn.Linear(width, width)
        self.again = self.inner
        self.shape = shape + ()
        self.register_buffer("scale", torch.full((), 2.0), persistent=False)

    def sample(self, n: int, seed: int | None = None) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed or 0)
        z = torch.rand(n, *self.shape, generator=generator) * self.scale - 1
        return z * self.inner.weight.mean().sigmoid()

    def training_step(self, batch, batch_idx):
        return self.inner(torch.ones(1, self.hparams.width)).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

class Stack(LightningModule):
    def __init__(self, depth: int):
        super().__init__()
        self.save_hyperparameters()
        self.layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(depth))

class Unrecorded(LightningModule):
    def __init__(self, width: int = 4):
        super().__init__()
        self.inner = nn.Linear(width, width)

class Required(LightningModule):
    def __init__(self, net: nn.Module):
        super().__init__()
        self.save_hyperparameters(ignore=["net"])
        self.net = net

class Activated(LightningModule):
    def __init__(self, activation: Callable = relu):
        super().__init__()
        self.save_hyperparameters()

class Halves(ZooModule):
    inference_modules = ("kept",)

    def __init__(self, width: int = 4):
        super().__init__()
        self.save_hyperparameters()
        self.kept, self.left_out = nn.Linear(width, width), nn.Linear(width, width)

class Nothing(Halves):
    inference_modules = ()
'''


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A package of the user's own, whose import leaves a file behind."""
    folder = tmp_path / "mypackage"
    folder.mkdir()
    (folder / "__init__.py").write_text("from mypackage.models import MyGAN\n")
    (folder / "models.py").write_text(
        MODELS + f"\nPath({str(tmp_path / 'imported')!r}).touch()\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import mypackage.models

    yield mypackage.models
    forget()


def forget() -> None:
    """Forget the package, as a new process has not imported it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "mypackage"]:
        del sys.modules[name]


@pytest.fixture
def mine(models: object, tmp_path: Path) -> Path:
    """A file of a model of the user's own."""
    zoo.save(models.MyGAN(width=3, extra={"a": [1, None]}), tmp_path / "mine.safetensors")
    (tmp_path / "imported").unlink()
    return tmp_path / "mine.safetensors"


def test_a_module_is_saved_and_loaded_by_its_class(models: object, tmp_path: Path) -> None:
    model = models.MyGAN(width=3, shape=(1, 4, 4), extra={"a": [1, None]})
    zoo.save(model, tmp_path / "mine.safetensors")
    state = torch.get_rng_state()
    again = zoo.load(tmp_path / "mine.safetensors", classes=[models.MyGAN])
    assert torch.equal(torch.get_rng_state(), state)
    assert type(again) is models.MyGAN
    assert not again.training
    assert again.again is again.inner
    assert {tensor.device.type for tensor in [*again.parameters(), *again.buffers()]} == {"cpu"}
    assert torch.equal(again.sample(4, 0), model.sample(4, 0))
    assert (again.shape, again.hparams.extra) == ((1, 4, 4), {"a": [1, None]})


def test_without_trust_it_is_rejected_unimported(mine: Path, tmp_path: Path) -> None:
    forget()
    with pytest.raises(BadWeights) as error:
        zoo.load(mine)
    for text in ("mypackage.models.MyGAN", "classes=[MyGAN]", "--trust mypackage"):
        assert text in str(error.value)
    said = fails("sample", str(mine), "-n", "4", "--trust", "mypack", "--trust", "package")
    assert "mypackage.models.MyGAN" in said
    assert not (tmp_path / "imported").exists()


def test_a_trusted_package_is_imported(mine: Path, tmp_path: Path) -> None:
    forget()
    for package in ("mypackage", "mypackage.models"):
        main(["sample", str(mine), "-n", "4", "--to", "a.npy", "--trust", package])
    assert (tmp_path / "imported").exists()
    with pytest.raises(BadWeights):  # the trust ends with the command
        zoo.load(mine)


@pytest.mark.parametrize(
    "class_path",
    ["os.system", "posixpath.join", "mypackage.models.nn", "mypackage.models.LightningModule",
     "mypackage.models.relu", "mypackage.models.Nowhere", "mypackage.nowhere.MyGAN",
     "mypackage.models.MyGAN.mro", "mypackage..models.MyGAN", "torch.nn.Linear"],
)  # fmt: skip
def test_only_modules_that_a_trusted_package_defines(mine: Path, class_path: str) -> None:
    header = {"format": "zoo/1", "class": class_path, "arguments": {}}
    save_file(load_file(mine), mine, {"zoo": json.dumps(header)})
    with (
        trusting(packages=["mypackage", "os", "posixpath", "torch"]),
        pytest.raises(BadWeights, match=class_path),
    ):
        zoo.load(mine)


@pytest.mark.parametrize("package", ["", "my-package", "my package", "../x", "a..b"])
def test_a_package_has_a_valid_name(mine: Path, package: str) -> None:
    assert repr(package) in fails("sample", str(mine), f"--trust={package}")


def test_classes_are_lightning_modules(mine: Path) -> None:
    for kind in (torch.nn.Linear, print):
        with pytest.raises(ZooError, match="LightningModule"):
            zoo.load(mine, classes=[kind])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"width": "3"}, "width"),
        ({"width": 10**12}, "width"),
        ({"shape": [1, 8, 8, 8.5]}, "shape"),
        ({"extra": [[[[[[[[[[1]]]]]]]]]]}, "extra"),
        ({"extra": "x" * 10**5}, "extra"),
        ({"evil": 1}, "evil"),
        ({"width": 16}, "inner.weight"),
    ],
)
def test_arguments_of_a_file_are_checked(
    models: object, mine: Path, arguments: dict[str, object], name: str
) -> None:
    header = {"format": "zoo/1", "class": "mypackage.models.MyGAN", "arguments": arguments}
    save_file(load_file(mine), mine, {"zoo": json.dumps(header)})
    with pytest.raises(BadWeights, match=name):
        zoo.load(mine, classes=[models.MyGAN])


def test_building_is_limited(models: object, mine: Path) -> None:
    header = {"format": "zoo/1", "class": "mypackage.models.Stack", "arguments": {"depth": 10**6}}
    save_file(load_file(mine), mine, {"zoo": json.dumps(header)})
    with pytest.raises(BadWeights, match="20,000 operations"):
        zoo.load(mine, classes=[models.Stack])


class InTests(LightningModule):
    """A class that __main__ may define."""


def test_a_class_that_no_file_can_name(models: object, tmp_path: Path) -> None:
    class Local(DCGAN):
        pass

    small = {"size": 8, "channels": 1, "latent": 2, "width": 4}
    InTests.__module__ = "__main__"
    cases = (
        (Local(**small), "Local"),
        (InTests(), "__main__.InTests"),
        (models.Unrecorded(), r"width.*save_hyperparameters\(\)"),
        (models.Required(torch.nn.Linear(1, 1)), "net"),
        (models.Activated(), r"activation.*ignore=\['activation'\]"),
        (models.Nothing(), r"Nothing.inference_modules must be None.*got \(\)"),
    )
    for model, words in cases:
        with pytest.raises(BadWeights, match=words):
            zoo.save(model, tmp_path / "bad.safetensors")
    assert not (tmp_path / "bad.safetensors").exists()


def test_inference_modules_of_ones_own(models: object, tmp_path: Path) -> None:
    zoo.save(models.Halves(), path := tmp_path / "halves.safetensors")
    assert {name.partition(".")[0] for name in load_file(path)} == {"kept"}
    with pytest.raises(BadWeights, match="left_out"):
        zoo.load(path, classes=[models.Halves]).left_out(torch.ones(1, 4))


def test_fit_then_load_the_checkpoint(models: object, tmp_path: Path) -> None:
    """A checkpoint names the class as its package exports it."""
    recipe = """
    model: {class_path: mypackage.MyGAN, init_args: {width: 3}}
    data: {class_path: zoo.data.Digits, init_args: {batch_size: 32}}
    trainer: {max_steps: 2, accelerator: cpu, limit_val_batches: 0}
    """
    (tmp_path / "own.yaml").write_text(textwrap.dedent(recipe))
    quick = ["--trainer.enable_progress_bar", "false", "--trainer.max_steps", "2"]
    main(["fit", "--config", "own.yaml", *quick])
    path = tmp_path / "runs" / "own" / "last.ckpt"
    state = read_checkpoint(path)
    short = ("mypackage.MyGAN", "mypackage.models.MyGAN")
    assert state["hyper_parameters"]["_class_path"] in short
    with pytest.raises(BadWeights, match="--trust mypackage"):
        model_from_checkpoint(path, state)
    with trusting(packages=["mypackage"]):
        assert type(model_from_checkpoint(path, state)) is models.MyGAN
    with trusting(classes=[models.MyGAN]):
        assert type(model_from_checkpoint(path, state)) is models.MyGAN
    main(["fit", "--config", "own.yaml", *quick, "--init_from", "runs/own", "--trust", "other"])
    quick[-1] = "4"
    main(["fit", "--config", "own.yaml", "--ckpt_path", "last", *quick])
    export = ["export", "runs/own.2", "mine", "--protocol", "quick"]
    assert "--trust mypackage" in fails(*export)
    main([*export, "--trust", "mypackage"])
    assert "--trust mypackage" in fails("sample", "exports/mine.safetensors")
    main(["verify", "exports/mine.safetensors", "--trust", "mypackage"])
    assert zoo.card("exports/mine.safetensors").facts["class"] == "mypackage.models.MyGAN"
