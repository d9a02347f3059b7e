"""A weights file rebuilds its model; an invalid one is rejected before it can do harm."""

import errno
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import zoo
from zoo.errors import BadWeights, UnknownName, ZooError
from zoo.gans.dcgan import DCGAN
from zoo.pretrained.arguments import LARGEST
from zoo.pretrained.weights import sha256
from zoo.vaes.vae import VAE

ARGUMENTS = {"size": 8, "channels": 1, "latent": 4, "width": 8, "lr": 2e-4}
HEADER = {"format": "zoo/1", "class": "zoo.gans.dcgan.DCGAN", "arguments": ARGUMENTS}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.safetensors"
    zoo.save(DCGAN(**ARGUMENTS), path)
    return path


def with_header(good: Path, **changes: object) -> Path:
    """A copy of a good file whose header says something else."""
    path = good.with_name("changed.safetensors")
    save_file(load_file(good), path, {"zoo": json.dumps(HEADER | changes)})
    return path


def with_arguments(good: Path, **changes: object) -> Path:
    return with_header(good, arguments=ARGUMENTS | changes)


def test_round_trip_is_the_same_file(good: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    zoo.save(zoo.load(good), again)
    assert sha256(again) == sha256(good)


def test_a_file_can_be_read_by_whoever_reads_the_users_others(good: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch()
    assert good.stat().st_mode == other.stat().st_mode


def test_a_header_holds_class_and_arguments(good: Path) -> None:
    with safe_open(good, framework="pt") as file:
        header = HEADER | {"arguments": ARGUMENTS | {"augment": []}}
        assert json.loads(file.metadata()["zoo"]) == header


def test_only_the_generator_ships(good: Path) -> None:
    assert {name.split(".")[0] for name in load_file(good)} == {"generator"}
    model = zoo.load(good)
    with pytest.raises(BadWeights, match="discriminator"):
        model.discriminator(model.sample(1))


def test_nothing_is_left_on_the_meta_device(good: Path) -> None:
    model = zoo.load(good)
    assert {t.device.type for t in model.state_dict().values()} == {"cpu"}
    assert model.device.type == "cpu"
    assert not model.training


def test_tensors_are_those_of_the_model(tmp_path: Path) -> None:
    model = VAE(size=8, channels=1, latent=3, width=8)
    zoo.save(model, tmp_path / "vae.safetensors")
    again = zoo.load(tmp_path / "vae.safetensors")
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    model = DCGAN(**ARGUMENTS)
    next(model.generator.parameters()).data[0] = torch.nan
    with pytest.raises(BadWeights, match=r"generator\.\S+ must be finite"):
        zoo.save(model, tmp_path / "broken.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(good: Path, number: float) -> None:
    tensors = load_file(good)
    name = min(tensors)
    tensors[name].view(-1)[0] = number
    path = good.with_name("broken.safetensors")
    save_file(tensors, path, {"zoo": json.dumps(HEADER)})
    refused(path, rf"{name} must be finite")


def test_a_failed_write_leaves_the_old_file(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sha256(good)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=f"no space.*{good.name}"):
        zoo.save(DCGAN(**ARGUMENTS), good)
    assert sha256(good) == before
    assert [path.name for path in good.parent.iterdir()] == [good.name]


def refused(path: Path, words: str) -> None:
    with pytest.raises(BadWeights, match=words) as error:
        zoo.load(path)
    assert isinstance(error.value, ZooError)


def test_half_the_bytes_load_as_float32(tmp_path: Path) -> None:
    model = VAE(size=8, channels=1, latent=4, width=8)
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    zoo.save(model, whole)
    zoo.save(model, half, half=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    for name, tensor in zoo.load(half).state_dict().items():
        original = model.state_dict()[name]
        assert tensor.dtype == original.dtype
        assert torch.equal(tensor, original.half().to(original.dtype))
    with torch.no_grad():
        next(model.parameters()).fill_(1e6)
    with pytest.raises(BadWeights, match=r"float16.*without half"):
        zoo.save(model, half, half=True)


def test_absent(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.safetensors", "there is no file")


@pytest.mark.parametrize("size", [0, 4, 100, 3000])
def test_truncated(good: Path, size: int) -> None:
    good.write_bytes(good.read_bytes()[:size])
    refused(good, good.name)


def test_corrupt_header(good: Path) -> None:
    raw = bytearray(good.read_bytes())
    raw[10:40] = b"\xff" * 30
    good.write_bytes(raw)
    refused(good, good.name)


def test_a_header_of_a_terabyte(good: Path) -> None:
    good.write_bytes(struct.pack("<Q", 10**12) + good.read_bytes()[8:])
    refused(good, good.name)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_pickles_are_never_opened(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bomb.safetensors"
    if how == "pickle":
        path.write_bytes(pickle.dumps(Bomb()))
    else:
        torch.save(Bomb(), path)
    refused(path, "pickle")
    assert not (tmp_path / "exploded").exists()


def test_foreign(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    refused(path, "no zoo header")
    save_file({"weight": torch.zeros(3)}, path, {"format": "pt"})
    refused(path, "no zoo header")
    for text in ("[", "[]", "null", '{"class": 3}', "[" * 100_000):
        save_file({"weight": torch.zeros(3)}, path, {"zoo": text})
        refused(path, "zoo header")


def test_another_format(good: Path) -> None:
    refused(with_header(good, format="zoo/9"), "format must be 'zoo/1', got 'zoo/9'")


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "zoo.gans.dcgan.Generator",
        "zoo.gans.dcgan.nn",
        "zoo.gans.dcgan.AdversarialModule.mro",
        "zoo.cli.main",
        "zoo.pretrained.catalog.Path",
        "zoo.gans..dcgan.DCGAN",
        "zoo.gans.../../etc/passwd.DCGAN",
        "zoo.gans.dcgan.DCGAN\n",
        None,
        ["zoo.gans.dcgan.DCGAN"],
    ],
)
def test_only_models_are_built(good: Path, name: object) -> None:
    refused(with_header(good, **{"class": name}), "names")


def test_a_near_module_is_suggested(good: Path) -> None:
    refused(with_header(good, **{"class": "zoo.gans.dcgam.DCGAN"}), "did you mean zoo.gans.dcgan")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"widht": 8}, "did you mean width"),
        ({"width": "8"}, "width must be int .*'8'"),
        ({"width": True}, "width must be int .*True"),
        ({"width": 8.5}, "width must be int .*8.5"),
        ({"width": 10**12}, "width must be int of at most 65,536, got 1000000000000"),
        ({"latent": -(10**12)}, "latent .*got -1000000000000"),
        ({"lr": float("inf")}, "lr must be float .*inf"),
        ({"lr": float("nan")}, "lr must be float .*nan"),
        ({"lr": [1]}, r"lr must be float .*\[1\]"),
        ({"size": 33}, "cannot be built"),
        ({"size": LARGEST}, "."),
        ({"width": 0}, "."),
        ({"width": -8}, "cannot be built"),
        ({"width": 16}, "has wrong shapes"),
        ({"size": 16}, "lacks"),
    ],
)
def test_bad_arguments(good: Path, changes: dict[str, object], words: str) -> None:
    refused(with_arguments(good, **changes), words)


@pytest.mark.parametrize("arguments", [None, [], "{}", 3])
def test_arguments_that_are_no_object(good: Path, arguments: object) -> None:
    refused(with_header(good, arguments=arguments), "arguments must be an object")


def test_missing_extra_and_misshapen_tensors(good: Path) -> None:
    tensors, header = load_file(good), {"zoo": json.dumps(HEADER)}
    name, tensor = next((k, v) for k, v in tensors.items() if v.is_floating_point())
    save_file({k: v for k, v in tensors.items() if k != name}, good, header)
    refused(good, f"lacks {name}")
    save_file(tensors | {"generator.stowaway": tensor.clone()}, good, header)
    refused(good, "unknown generator.stowaway")
    save_file(tensors | {name: torch.zeros(1)}, good, header)
    refused(good, f"{name} must be .*, got \\(1,\\)")
    save_file(tensors | {name: tensor.double()}, good, header)
    refused(good, f"{name} must be torch.float32, got torch.float64")


def test_a_file_too_large_for_its_tensors_is_not_allocated(good: Path) -> None:
    """A header may claim a wide model; only its shapes are ever made."""
    refused(with_arguments(good, width=LARGEST, latent=LARGEST), "has wrong shapes")


def test_load_takes_names_and_files(good: Path) -> None:
    assert isinstance(zoo.load(good), DCGAN)
    assert isinstance(zoo.load(str(good)), DCGAN)
    with pytest.raises(ZooError, match="there is no file"):
        zoo.load("nowhere/dcgan.safetensors")
    with pytest.raises(UnknownName, match="no model called 'dcgan-fashion-mnits'; did you mean"):
        zoo.load("dcgan-fashion-mnits")
    with pytest.raises(ZooError, match="there is no file"):
        zoo.load("../weights/dcgan-celeba")
