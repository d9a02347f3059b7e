"""Weights files: safetensors whose header holds a class path and constructor arguments.

Files may come from untrusted sources: tensors are read only where their names and shapes are those
of the model that the header describes. Floating point tensors are stored as float32, whatever the
number format of the model; integer tensors as they are.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import torch
from lightning import LightningModule
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from zoo.errors import BadWeights, ZooError
from zoo.files import atomic_write
from zoo.pretrained.headers import REMEDY, build_meta, compare, construct, header, read_header
from zoo.pretrained.limits import HEADER
from zoo.pretrained.trust import is_zoo_class, trusting

FLOATS = (torch.float32, torch.float16)  # types of floating-point tensors in files


class MissingModule(nn.Module):
    """Placeholder of a module that a weights file leaves out."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, *inputs: Tensor) -> Tensor:
        raise BadWeights(
            f"the weights file leaves out the module {self.name}, which only training needs"
        )

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        raise BadWeights(
            f"the weights file leaves out the module {self.name}, so that a loaded model cannot be "
            "trained. Train from these weights by `zoo fit NAME --init_from`"
        )


def sha256(path: Path) -> str:
    """The digest of a file, as a card states it."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def inference_modules(model: LightningModule) -> tuple[str, ...] | None:
    """The children that a weights file of this model holds, None for all; raises BadWeights."""
    names = getattr(model, "inference_modules", None)
    if names is not None and not (names and isinstance(names, tuple | list)):
        raise BadWeights(
            f"{type(model).__name__}.inference_modules must be None for all modules, or names of "
            f"modules, got {names!r}"
        )
    return None if names is None else tuple(names)


def inference_state_dict(model: LightningModule) -> dict[str, Tensor]:
    """The tensors that a weights file of this model holds, by name."""
    names, state = inference_modules(model), model.state_dict()
    return {k: v for k, v in state.items() if names is None or k.partition(".")[0] in names}


def training_state_dict(model: LightningModule) -> dict[str, Tensor]:
    """The tensors that a weights file of this model leaves out, by name."""
    kept = inference_state_dict(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in kept}


def save(model: LightningModule, path: str | Path, half: bool = False) -> None:
    """Write a model to a file that `load` reads: beside the target first, then renamed.

    Floating-point tensors are stored in float32, by `half` in float16; `load` returns float32. A
    class of your own must lie in a module and call `save_hyperparameters()` with plain data; `load`
    then takes it by `classes`. Raises BadWeights for other classes, and for values that are not
    finite in the type that is stored.
    """
    metadata, path = header(model), Path(path)
    tensors = inference_state_dict(model)
    if not is_zoo_class(type(model)):  # so that a file is never written that cannot be read
        with trusting(classes=[type(model)]):
            rebuilt = inference_state_dict(build_meta(path, *read_header(path, metadata)))
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        compare(path, rebuilt, shapes, "The recorded hyperparameters must build the same modules")
    save_tensors(tensors, metadata, path, torch.float16 if half else torch.float32)


def save_tensors(
    tensors: Mapping[str, Tensor],
    metadata: dict[str, str],
    path: Path,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write tensors, floating point in one type: beside the target first, then renamed."""
    plain, storages = {}, set()
    for name, tensor in tensors.items():
        plain[name] = stored(tensor, dtype)
        if not plain[name].isfinite().all():
            too_large = bool(tensor.isfinite().all())  # for float16
            remedy = "Store float32, without half" if too_large else "Export an earlier checkpoint"
            raise BadWeights(f"{name} must be finite in {dtype}. {remedy}")
        if (storage := plain[name].untyped_storage().data_ptr()) in storages:
            plain[name] = plain[name].clone()  # safetensors takes no tied weights
        storages.add(storage)
    with atomic_write(path) as beside:
        beside.write_bytes(serialize(plain, metadata))


def stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor as a file holds it: contiguous, on the CPU, of the type if it is floating point."""
    tensor = tensor.detach().cpu().contiguous()
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def load(path: str | Path, device: str | torch.device | None = None) -> LightningModule:
    """The model in a weights file, in evaluation mode on `device` (CPU), of a class of the zoo or a
    trusted one; raises BadWeights, and ZooError for a device that is not available."""
    path, place = Path(path), find_device(device)
    with opened(path) as file:
        kind, arguments = read_header(path, file.metadata())
        model = build_meta(path, kind, arguments)
        tensors = matching(path, file, inference_state_dict(model))
        if not is_zoo_class(kind):  # which may hold tensors that no state_dict has
            with torch.random.fork_rng(devices=[]):
                model = construct(path, kind, arguments)
    if (names := inference_modules(model)) is not None:
        for name in {name for name, _ in model.named_children()} - {*names}:
            setattr(model, name, MissingModule(name))
    model.load_state_dict(tensors, assign=is_zoo_class(kind))
    return model.to(place).eval()


@contextmanager
def opened(path: Path) -> Iterator[safe_open]:
    """A safetensors file whose header is within the limit; raises BadWeights for anything else."""
    if not path.is_file():
        raise BadWeights(f"there is no file {path}")
    with path.open("rb") as start:
        size = int.from_bytes(start.read(8), "little")
    if HEADER < size < path.stat().st_size:
        raise BadWeights(f"{path}: the header must be at most {HEADER:,} bytes, got {size:,}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except SafetensorError as error:
        raise BadWeights(f"{path} {describe_invalid(path)} ({error})") from error


def matching(
    path: Path, file: safe_open, expected: Mapping[str, Tensor], remedy: str = REMEDY
) -> dict[str, Tensor]:
    """The tensors of a file; raises BadWeights unless they have the expected names, shapes and
    types and are finite."""
    found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    compare(path, expected, found, remedy)
    tensors = {name: file.get_tensor(name) for name in expected}
    for name, tensor in tensors.items():
        types = FLOATS if expected[name].is_floating_point() else (expected[name].dtype,)
        if tensor.dtype not in types:
            raise BadWeights(f"{path}: {name} must be {types[0]}, got {tensor.dtype}. {remedy}")
        if not tensor.isfinite().all():
            raise BadWeights(f"{path}: {name} must be finite. {remedy}")
    return {name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}


def find_device(device: str | torch.device | None) -> torch.device:
    """The device of that name, the CPU for None; raises ZooError if it is not available."""
    try:
        found = torch.device("cpu" if device is None else device)
        torch.empty(1, device=found).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ZooError(f"device {str(device)!r} is not available ({reason}). Use cpu") from error
    return found


def describe_invalid(path: Path) -> str:
    """Why a file is not safetensors, by its first bytes."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return "is a pickle, which may run code and is never opened. Run `zoo export` on it"
    return "is damaged or not safetensors. Download or export it again"
