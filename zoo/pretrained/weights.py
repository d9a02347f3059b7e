"""A weights file rebuilds itself: safetensors, whose header holds a class path and its arguments.

Files come from strangers. Tensors are looked at only when their names and shapes are those of the
model that the header describes. Floating point numbers are stored as float32, whatever the type in
which a model computes; integers as they are.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from zoo.core.module import ZooModule
from zoo.errors import BadWeights, ZooError
from zoo.files import atomic_write
from zoo.pretrained.headers import REMEDY, build, compare, header
from zoo.pretrained.limits import HEADER


class MissingModule(nn.Module):
    """Stands where a part did not ship."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def forward(self, *inputs: Tensor) -> Tensor:
        raise BadWeights(f"the {self.part} did not ship: this file holds what sampling needs")

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        raise BadWeights(
            f"the {self.part} did not ship, so the model cannot be trained as it was loaded: "
            "train on from it with `zoo fit NAME --init_from`, which has or makes one"
        )


def sha256(path: Path) -> str:
    """The digest that a card promises."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def inference_state_dict(model: ZooModule) -> dict[str, Tensor]:
    """The tensors that a weights file of this model holds, by name."""
    state = model.state_dict()
    return {
        k: v
        for k, v in state.items()
        if not model.inference_modules or k.split(".")[0] in model.inference_modules
    }


def training_state_dict(model: ZooModule) -> dict[str, Tensor]:
    """The tensors that a weights file of this model leaves out, by name."""
    ships = inference_state_dict(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in ships}


def save(model: ZooModule, path: str | Path) -> None:
    """Write a model of the zoo where `load` finds it: beside the target first, then renamed.

    A model in bfloat16, float16 or float64 is written as float32, in which `load` gives it back.
    Raises BadWeights for a class of one's own, and for numbers that are not finite in float32.
    """
    save_tensors(inference_state_dict(model), header(model), Path(path))


def save_tensors(tensors: Mapping[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    """Write tensors, floating point as float32: beside the target first, then renamed."""
    plain = {name: stored(tensor).contiguous() for name, tensor in tensors.items()}
    for broken in (name for name, tensor in plain.items() if not tensor.isfinite().all()):
        raise BadWeights(f"{broken} is not finite: take a checkpoint from before that")
    with atomic_write(path) as beside:
        beside.write_bytes(serialize(plain, metadata))


def stored(tensor: Tensor) -> Tensor:
    """A tensor as a file has it: on the CPU, float32 if its numbers are floating point."""
    tensor = tensor.detach().cpu()
    return tensor.float() if tensor.is_floating_point() else tensor


def load(path: str | Path, device: str | torch.device | None = None) -> ZooModule:
    """The model in a weights file, in evaluation mode on `device` (CPU); raises BadWeights,
    and ZooError for a device that is not there."""
    path, place = Path(path), find_device(device)
    with opened(path) as file:
        model = build(path, file.metadata())
        tensors = matching(path, file, inference_state_dict(model))
    for part in [part for part, _ in model.named_children() if model.inference_modules]:
        if part not in model.inference_modules:
            setattr(model, part, MissingModule(part))
    model.load_state_dict(tensors, assign=True)
    return model.to(place).eval()


@contextmanager
def opened(path: Path) -> Iterator[safe_open]:
    """A safetensors file with a header of a sane size; raises BadWeights for anything else."""
    if not path.is_file():
        raise BadWeights(f"there is no file {path}")
    with path.open("rb") as start:
        size = int.from_bytes(start.read(8), "little")
    if HEADER < size < path.stat().st_size:
        raise BadWeights(f"{path} has a header of {size:,} bytes, more than any model needs")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except SafetensorError as error:
        raise BadWeights(f"{path} {complaint(path)} ({error})") from error


def matching(
    path: Path, file: safe_open, wanted: Mapping[str, Tensor], remedy: str = REMEDY
) -> dict[str, Tensor]:
    """The tensors of a file, which are those wanted by name, shape and type; else BadWeights."""
    found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    compare(path, wanted, found, remedy)
    tensors = {name: file.get_tensor(name) for name in wanted}
    for name, tensor in tensors.items():
        dtype = torch.float32 if wanted[name].is_floating_point() else wanted[name].dtype
        if tensor.dtype != dtype:
            raise BadWeights(f"{path}: {name} is {tensor.dtype}, should be {dtype}")
        if not tensor.isfinite().all():
            raise BadWeights(f"{path}: {name} is not finite: {remedy}")
    return tensors


def find_device(device: str | torch.device | None) -> torch.device:
    """The device of that name, the CPU for None; raises ZooError where it is not here."""
    try:
        found = torch.device("cpu" if device is None else device)
        torch.empty(1, device=found).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ZooError(f"device {str(device)!r} cannot be used here ({reason}): try cpu") from error
    return found


def complaint(path: Path) -> str:
    """What a file that is not safetensors looks like."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return "is a pickle, which the zoo never opens: make weights of it with `zoo export`"
    return "is damaged or not safetensors: download or export it again"
