"""Run folders: where a training keeps all that it makes, and where it goes on."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import NamedTuple

from zoo.errors import BadRecipe, ZooError
from zoo.pretrained.checkpoints import newest_checkpoint, read_checkpoint

RUNS = Path("runs")
LOCK = ".lock"
RUN = "ZOO_RUN"  # tells the processes that Lightning starts where the first one works


class Run(NamedTuple):
    """A folder, the recipe to follow, and the overrides with `--ckpt_path last` a path."""

    folder: Path
    recipe: Path
    overrides: list[str]


def prepare_run(name: str, recipe: Path, overrides: list[str]) -> Run:
    """Where to train; with `--ckpt_path last`, where the newest run can go on, as it began.

    Raises BadRecipe where there is none, or for overrides that a resumed model cannot follow, and
    BadWeights for a checkpoint that cannot be read.
    """
    if "--ckpt_path" not in overrides:
        return Run(agree_on_folder(lambda: fresh_run(name)), recipe, overrides)
    at = overrides.index("--ckpt_path") + 1
    refuse_another_model(overrides)
    if overrides[at : at + 1] != ["last"]:
        read_checkpoint(Path(*overrides[at : at + 1]))
        return Run(agree_on_folder(lambda: fresh_run(name)), recipe, overrides)
    folder = agree_on_folder(lambda: newest_run(name))
    overrides = [*overrides[:at], str(newest_checkpoint([folder])), *overrides[at + 1 :]]
    begun = folder / "recipe.yaml"
    return Run(folder, begun if begun.is_file() else recipe, overrides)


def refuse_another_model(overrides: list[str]) -> None:
    """Lightning takes the model's arguments from the checkpoint, and overrides would be lost."""
    if lost := [word for word in overrides if word.startswith("--model")]:
        raise BadRecipe(
            f"a training goes on with the model that it began with: leave out {' '.join(lost)}, or "
            "leave out --ckpt_path to start anew"
        )


def is_first() -> bool:
    """Whether this is the first of a training's processes, or the only one."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def agree_on_folder(choose: Callable[[], Path]) -> Path:
    """The folder that the first of a training's processes chooses; the others are told."""
    if RUN in os.environ:
        return Path(os.environ[RUN])
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return choose()
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    if distributed.is_initialized():  # by a training before this one
        box = [str(choose()) if is_first() else ""]
        distributed.broadcast_object_list(box)
        return Path(box[0])
    store, rank, _ = next(iter(rendezvous("env://")))
    if rank == 0:
        store.set(RUN, str(choose()))
    return Path(store.get(RUN).decode())


def fresh_run(name: str) -> Path:
    """Make the first of runs/name, runs/name.2, ... that is not there; no other process gets it."""
    RUNS.mkdir(parents=True, exist_ok=True)
    folder, count = RUNS / name, 1
    while True:
        try:
            folder.mkdir()
        except FileExistsError:
            count += 1
            folder = RUNS / f"{name}.{count}"
        else:
            return folder


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a run folder against other trainings; raises BadRecipe while one is at work in it."""
    if not is_first():
        yield
        return
    path = folder / LOCK
    with path.open("a") as file:
        try:
            lock(file.fileno())
        except BlockingIOError as error:
            raise BadRecipe(
                f"{folder} is in use by another training: wait for its end, or leave out "
                "--ckpt_path to start anew"
            ) from error
        clean_up(folder)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def lock(descriptor: int) -> None:
    """Lock an open file until it is closed or its process ends, where the system can; raises
    BlockingIOError for one that is locked."""
    with suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a network file system without locks
            return


def stopped_by(error: OSError, folder: Path) -> ZooError:
    """What a file system error in a training means for its run folder."""
    kept = sorted(folder.glob("*.ckpt"))
    rest = (
        f"{kept[-1]} is whole: continue with --ckpt_path last" if kept else "no checkpoint is kept"
    )
    return ZooError(
        f"the training stopped, as {error.filename or folder} cannot be written or read "
        f"({error.strerror or error}). Free or mount the space that it needs; {rest}"
    )


def remove_unstarted(folder: Path) -> None:
    """Take away the folder of a run that was refused before its first step."""
    log = folder / "log.txt"
    begun = log.is_file() and " starts at step " in log.read_text("utf-8")
    if is_first() and not begun and not any(folder.glob("*.ckpt")):
        shutil.rmtree(folder, ignore_errors=True)


def newest_run(name: str) -> Path:
    """The run of `name` with the newest checkpoint that can be read; raises BadRecipe."""
    return newest_checkpoint([RUNS / name, *RUNS.glob(f"{escape(name)}.[0-9]*")]).parent


def clean_up(folder: Path) -> None:
    """Clear away what a kill in the middle of a save left, and keep the log of the run so far as
    metrics-1.csv and on: CSVLogger begins a new one."""
    for half in folder.glob(".*.part"):
        half.unlink()
    log = folder / "metrics.csv"
    if log.exists():
        count = len(list(folder.glob("metrics-*.csv"))) + 1
        log.rename(log.with_name(f"metrics-{count}.csv"))
