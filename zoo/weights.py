"""A weights file rebuilds itself: safetensors, whose header holds a class path and its arguments.

Files come from strangers. Only classes of the zoo are built from a header, on the meta device,
where nothing is allocated; tensors are looked at only when their names and shapes fit.
"""

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from importlib import import_module
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo.animals import Animal
from zoo.errors import BadRecipe, BadWeights, UnknownName, ZooError
from zoo.files import replacing
from zoo.limits import HEADER, few_parts

FORMAT = "zoo/1"
REMEDY = "export the model again"
LARGEST = 65_536  # no argument of a model comes near it
CLASS_PATH = re.compile(r"zoo\.([a-z_]+)\.([a-z0-9_]+)\.([A-Z]\w*)")

Plain = object  # of JSON: numbers, strings, lists and objects of them


class Absent(nn.Module):
    """Stands where a part did not ship."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def forward(self, *inputs: Tensor) -> Tensor:
        raise BadWeights(f"the {self.part} did not ship: this file holds what sampling needs")

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        raise BadWeights(
            f"the {self.part} did not ship, so the model cannot be trained as it was loaded: "
            "train on from it with `zoo fit NAME --from`, which has or makes one"
        )


def sha256(path: Path) -> str:
    """The digest that a card promises."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def shipped(model: Animal) -> dict[str, Tensor]:
    """The tensors that a weights file of this model holds, by name."""
    state = model.state_dict()
    return {k: v for k, v in state.items() if not model.ships or k.split(".")[0] in model.ships}


def write(model: Animal, path: str | Path) -> None:
    """Write a model of the zoo where `read` finds it: beside the target first, then renamed.
    Raises BadWeights for a class of one's own, and for numbers that are not finite."""
    save(shipped(model), header(model), Path(path))


def header(model: Animal) -> dict[str, str]:
    """What rebuilds the model, as a safetensors header takes it: one key, so that bytes repeat."""
    kind = type(model)
    class_path = f"{kind.__module__}.{kind.__qualname__}"
    if not CLASS_PATH.fullmatch(class_path):
        raise BadWeights(
            f"{class_path} is not a class of the zoo: its file could not be read again"
        )
    arguments = {k: v for k, v in model.hparams.items() if not k.startswith("_")}
    return {"zoo": json.dumps({"format": FORMAT, "class": class_path, "arguments": arguments})}


def save(tensors: Mapping[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    """Write tensors: beside the target first, then renamed."""
    plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    for broken in (name for name, tensor in plain.items() if not tensor.isfinite().all()):
        raise BadWeights(f"{broken} is not finite: take a checkpoint from before that")
    with replacing(path) as beside:
        save_file(plain, beside, metadata)


def read(path: str | Path, device: str | torch.device | None = None) -> Animal:
    """The model in a weights file, in evaluation mode on `device` (CPU); raises BadWeights,
    and ZooError for a device that is not there."""
    path, place = Path(path), find_device(device)
    with opened(path) as file:
        model = build(path, file.metadata())
        tensors = matching(path, file, shipped(model))
    for part in [part for part, _ in model.named_children() if model.ships]:
        if part not in model.ships:
            setattr(model, part, Absent(part))
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
        if tensor.dtype != wanted[name].dtype:
            raise BadWeights(f"{path}: {name} is {tensor.dtype}, should be {wanted[name].dtype}")
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


def build(path: Path, metadata: Mapping[str, str] | None) -> Animal:
    """The class that a header names, on the meta device: no memory, no initial weights."""
    header = parse(path, metadata)
    kind = find_class(path, header["class"])
    arguments = check_arguments(path, kind, header["arguments"])
    try:
        with torch.device("meta"), few_parts():
            return kind(**arguments)
    except (BadRecipe, TypeError, ValueError, RuntimeError) as error:
        raise BadWeights(
            f"{path}: {kind.__name__}({arguments}) cannot be built: {error}"
        ) from error


def parse(path: Path, metadata: Mapping[str, str] | None) -> dict[str, Plain]:
    """The zoo's part of a safetensors header: one JSON object (one key, so that bytes repeat)."""
    try:
        header = json.loads((metadata or {}).get("zoo", "null"))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadWeights(f"the zoo header of {path} is not JSON: {error}") from error
    if not isinstance(header, dict) or not {"class", "arguments"} <= header.keys():
        raise BadWeights(f"{path} has no zoo header: was it written by zoo.write or zoo export?")
    if header.get("format") != FORMAT:
        raise BadWeights(f"{path} is in format {header.get('format')!r}, this zoo reads {FORMAT!r}")
    return header


def find_class(path: Path, class_path: Plain) -> type[Animal]:
    """The class of the zoo that a header names, and no other."""
    class_path = str(class_path)
    match = CLASS_PATH.fullmatch(class_path)
    home = Path(__file__).parent
    if match is None or not (home / match[1] / f"{match[2]}.py").is_file():
        known = [f"zoo.{file.parent.name}.{file.stem}" for file in home.glob("*/[a-z]*.py")]
        error = UnknownName("module of the zoo", class_path.rpartition(".")[0], known)
        raise BadWeights(f"{path} names the class {class_path!r}: {error}")
    kind = getattr(import_module(f"zoo.{match[1]}.{match[2]}"), match[3], None)
    at_home = getattr(kind, "__module__", None) == f"zoo.{match[1]}.{match[2]}"
    animal = isinstance(kind, type) and issubclass(kind, Animal) and not inspect.isabstract(kind)
    if kind is None or not (at_home and animal):
        raise BadWeights(f"{path} names {class_path}, which is not a model of the zoo")
    return kind


def check_arguments(path: Path, kind: type[Animal], arguments: Plain) -> dict[str, Plain]:
    """Arguments out of a header, as `kind` declares them."""
    if not isinstance(arguments, dict):
        raise BadWeights(f"{path}: the header's arguments are not an object but {arguments!r}")
    hints, known = get_type_hints(kind.__init__), list(inspect.signature(kind).parameters)
    for name, value in arguments.items():
        if name not in known:
            raise BadWeights(f"{path}: {UnknownName(f'argument of {kind.__name__}', name, known)}")
        if not fits(value, hints[name]):
            kind_of = getattr(hints[name], "__name__", str(hints[name]))
            raise BadWeights(f"{path}: {name}={value!r:.60} is not {kind_of} up to {LARGEST}")
    return arguments


def fits(value: Plain, hint: object) -> bool:
    """Whether a value, of JSON or of a recipe, is of an annotated type and of a sane size."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) in (tuple, list):
        return (
            isinstance(value, list | tuple)
            and len(value) <= 64
            and all(fits(item, get_args(hint)[0]) for item in value)
        )
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    if hint is float and isinstance(value, int | float):
        return abs(value) <= LARGEST
    if hint is int and isinstance(value, int):
        return abs(value) <= LARGEST
    return hint is str and isinstance(value, str)


def compare(
    path: Path,
    wanted: Mapping[str, Tensor],
    found: Mapping[str, tuple[int, ...]],
    remedy: str = REMEDY,
) -> None:
    """Refuse a file whose tensors are not, by name and shape, those of its model."""
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    wrong = [
        f"{name} is {found[name]}, should be {tuple(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name] != tuple(wanted[name].shape)
    ]
    for title, rows in ("lacks", missing), ("has unknown", extra), ("has wrong shapes:", wrong):
        if rows:
            more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
            raise BadWeights(f"{path} {title} {', '.join(rows[:3])}{more}: {remedy}")


def complaint(path: Path) -> str:
    """What a file that is not safetensors looks like."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return "is a pickle, which the zoo never opens: make weights of it with `zoo export`"
    return "is damaged or not safetensors: download or export it again"
