"""Run folders: the files of a training, from its start and through its resumes."""

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
RUN = "ZOO_RUN"  # environment variable: the run folder, for processes that Lightning starts


class Run(NamedTuple):
    """A run folder, its recipe, and overrides in which `--ckpt_path last` is a path."""

    folder: Path
    recipe: Path
    overrides: list[str]


def prepare_run(name: str, recipe: Path, overrides: list[str]) -> Run:
    """A new run folder; with `--ckpt_path last`, the newest run of that name with its own recipe.

    Raises BadRecipe where there is no such run and for overrides of a resumed model, BadWeights for
    an unreadable checkpoint.
    """
    if "--ckpt_path" not in overrides:
        return Run(agree_on_folder(lambda: make_run_folder(name)), recipe, overrides)
    at = overrides.index("--ckpt_path") + 1
    check_same_model(overrides)
    if overrides[at : at + 1] != ["last"]:
        read_checkpoint(Path(*overrides[at : at + 1]))
        return Run(agree_on_folder(lambda: make_run_folder(name)), recipe, overrides)
    folder = agree_on_folder(lambda: newest_run(name))
    overrides = [*overrides[:at], str(newest_checkpoint([folder])), *overrides[at + 1 :]]
    own_recipe = folder / "recipe.yaml"
    return Run(folder, own_recipe if own_recipe.is_file() else recipe, overrides)


def check_same_model(overrides: list[str]) -> None:
    """Raise BadRecipe for overrides of the model: Lightning takes its arguments from the
    checkpoint."""
    if of_model := [word for word in overrides if word.startswith("--model")]:
        raise BadRecipe(
            f"the model of a resumed training must be that of its checkpoint, got overrides "
            f"{' '.join(of_model)}. Leave them out, or leave out --ckpt_path for a new training"
        )


def is_first() -> bool:
    """Whether this process has rank 0 of the training, or is the only one."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def agree_on_folder(choose: Callable[[], Path]) -> Path:
    """The folder that rank 0 chooses, sent to all processes of the training."""
    if RUN in os.environ:
        return Path(os.environ[RUN])
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return choose()
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    if distributed.is_initialized():  # by an earlier training in these processes
        message = [str(choose()) if is_first() else ""]
        distributed.broadcast_object_list(message)
        return Path(message[0])
    store, rank, _ = next(iter(rendezvous("env://")))
    if rank == 0:
        store.set(RUN, str(choose()))
    return Path(store.get(RUN).decode())


def make_run_folder(name: str) -> Path:
    """Make the first missing one of runs/name, runs/name.2, ...; atomic among processes."""
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
    """Lock a run folder within the context; raises BadRecipe while another training locks it."""
    if not is_first():
        yield
        return
    path = folder / LOCK
    with path.open("a") as file:
        try:
            lock(file.fileno())
        except BlockingIOError as error:
            raise BadRecipe(
                f"{folder} must not be in use, got a training that runs in it. Wait for its end, "
                "or leave out --ckpt_path for a new training"
            ) from error
        clean_up(folder)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()


def lock(descriptor: int) -> None:
    """Lock an open file until it is closed or its process ends, where the system supports it;
    raises BlockingIOError for a locked file."""
    with suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a network file system without locks
            return


def disk_error(error: OSError, folder: Path) -> ZooError:
    """The error of a training that an OSError stopped, with the last checkpoint of its run."""
    checkpoints = sorted(folder.glob("*.ckpt"))
    rest = "There is no checkpoint"
    if checkpoints:
        rest = f"Then resume from {checkpoints[-1]} by --ckpt_path last"
    return ZooError(
        f"training stopped: {error.filename or folder} cannot be written or read "
        f"({error.strerror or error}). Free or mount the disk space. {rest}"
    )


def remove_unstarted(folder: Path) -> None:
    """Remove a run folder whose training took no step and has no checkpoint."""
    log = folder / "log.txt"
    started = log.is_file() and " starts at step " in log.read_text("utf-8")
    if is_first() and not started and not any(folder.glob("*.ckpt")):
        shutil.rmtree(folder, ignore_errors=True)


def newest_run(name: str) -> Path:
    """The run of `name` with the newest readable checkpoint; raises BadRecipe without one."""
    return newest_checkpoint([RUNS / name, *RUNS.glob(f"{escape(name)}.[0-9]*")]).parent


def clean_up(folder: Path) -> None:
    """Remove the partial files of a killed process; rename metrics.csv, which CSVLogger would
    overwrite, to metrics-1.csv and so on."""
    for partial in folder.glob(".*.part"):
        partial.unlink()
    log = folder / "metrics.csv"
    if log.exists():
        count = len(list(folder.glob("metrics-*.csv"))) + 1
        log.rename(log.with_name(f"metrics-{count}.csv"))
