"""Which classes a weights file or a checkpoint may name: those of the zoo, and those that the
caller allows by class or by package."""

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zoo.errors import BadWeights, UnknownName, ZooError
from zoo.pretrained.moved import current_class
from zoo.text import brief

if TYPE_CHECKING:
    from lightning import LightningModule

PACKAGE = Path(__file__).parents[1]
NAME = r"[A-Za-z_]\w*"
PACKAGE_NAME = re.compile(rf"{NAME}(?:\.{NAME})*", re.ASCII)
CLASS_PATH = re.compile(rf"({NAME}(?:\.{NAME})*)\.({NAME})", re.ASCII)
ZOO_CLASS = re.compile(r"(zoo(?:\.[a-z][a-z0-9_]*)+)\.([A-Z]\w*)", re.ASCII)


class Trust(NamedTuple):
    """Classes, and packages whose modules may be imported for a class."""

    classes: tuple[type, ...] = ()
    packages: tuple[str, ...] = ()

    def includes(self, module: str) -> bool:
        """Whether a module is one of the packages, or below one."""
        return any(f"{module}.".startswith(f"{package}.") for package in self.packages)


NOTHING = Trust()
TRUST: ContextVar[Trust] = ContextVar("TRUST", default=NOTHING)


@contextmanager
def trusting(classes: Sequence[type] = (), packages: Sequence[str] = ()) -> Iterator[None]:
    """Within, files may also name these classes and classes of these packages; raises ZooError
    for a class that is no LightningModule and for an invalid package name."""
    for kind in classes:
        if not is_module_class(kind):
            raise ZooError(f"classes must be LightningModule subclasses, got {brief(kind)}")
    for package in packages:
        if not PACKAGE_NAME.fullmatch(package):
            raise ZooError(f"--trust must be the name of a package, got {brief(package)}")
    now = TRUST.get()
    token = TRUST.set(Trust((*now.classes, *classes), (*now.packages, *packages)))
    try:
        yield
    finally:
        TRUST.reset(token)


def is_module_class(kind: object) -> bool:
    """Whether an object is a subclass of LightningModule that can be built."""
    from lightning import LightningModule

    return (
        isinstance(kind, type)
        and issubclass(kind, LightningModule)
        and not inspect.isabstract(kind)
    )


def class_path_of(kind: type) -> str:
    """The path of a class in the module that defines it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def is_zoo_class(kind: type) -> bool:
    """Whether a class belongs to the package `zoo`."""
    return ZOO_CLASS.fullmatch(class_path_of(kind)) is not None


def names_class(class_path: object, kind: type) -> bool:
    """Whether a path leads to a class: that of its own module, or of a package above this module
    that re-exports the class. Imports nothing."""
    if class_path == class_path_of(kind):
        return True
    package, _, name = str(class_path).rpartition(".")
    above = kind.__module__.startswith(f"{package}.")
    return above and getattr(sys.modules.get(package), name, None) is kind


def find_class(path: Path, class_path: object) -> "type[LightningModule]":
    """The class that the file at `path` names; raises BadWeights for one that is neither of the
    zoo nor trusted. A module is imported only after its name was checked."""
    name = current_class(class_path) if isinstance(class_path, str) else brief(class_path)
    for kind in TRUST.get().classes:
        if names_class(name, kind):
            return kind
    if name.partition(".")[0] == "zoo":
        return find_zoo_class(path, name)
    match = CLASS_PATH.fullmatch(name)
    if match is None or not TRUST.get().includes(match[1]):
        package = match[1].partition(".")[0] if match else "PACKAGE"
        last = match[2] if match else "CLASS"
        raise BadWeights(
            f"{path} names the class {brief(name)}, which is not a model of the zoo. If you trust "
            f"its code, call zoo.load(..., classes=[{last}]), or add --trust {package}"
        )
    return imported(path, match[1], match[2])


def find_zoo_class(path: Path, class_path: str) -> "type[LightningModule]":
    """The class of the zoo of that path, in its module or re-exported by its package."""
    match = ZOO_CLASS.fullmatch(class_path)
    if match is None or not any(isfile(file) for file in files_of(match[1])):
        known = [f"zoo.{file.parent.name}.{file.stem}" for file in PACKAGE.glob("*/[a-z]*.py")]
        error = UnknownName("module of the zoo", class_path.rpartition(".")[0], known)
        raise BadWeights(f"{path} names the class {brief(class_path)}: {error}")
    return imported(path, match[1], match[2])


def files_of(module: str) -> tuple[Path, Path]:
    """Where a module of the zoo may lie: in a file, or as a package in a folder."""
    folder = PACKAGE.parent / module.replace(".", "/")
    return folder.with_suffix(".py"), folder / "__init__.py"


def imported(path: Path, module: str, name: str) -> "type[LightningModule]":
    """The class of that name, defined in a module that may be imported, or below it."""
    try:
        kind = getattr(import_module(module), name, None)
    except Exception as error:  # a trusted module runs its own code, which may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise BadWeights(
            f"{path} names the class {module}.{name}, whose module cannot be imported: {reason}"
        ) from error
    home = str(getattr(kind, "__module__", ""))
    if not (is_module_class(kind) and f"{home}.".startswith(f"{module}.")):
        raise BadWeights(
            f"{path} names the class {module}.{name}, which is no model: it must be a "
            f"LightningModule that {module} defines"
        )
    return kind  # type: ignore[return-value]
