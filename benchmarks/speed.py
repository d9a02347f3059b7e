"""Speed of the zoo: `python benchmarks/speed.py [--seconds N] [--device cpu] [--rows ...]`.

The compared implementations take turns of a few steps in one process, so that other load slows all
of them. A row is the median over rounds, without the first, and goes to benchmarks/speed.csv. Each
ratio is theirs / ours; targets are lower bounds.

    plain     DCGAN-32 step as in tutorials; target 2.2 on CPUs with native bfloat16
    switched  hand-written step with our options; target 0.95
    residual  SNGAN-32 step with the paper's widths at batch 64, as in tutorials; target 2.5 on such
              CPUs
    styles    StyleGAN2-64 step with one kernel for each image, as ports to PyTorch write it; target
              1.5
    families  step of each GAN recipe of Fashion-MNIST in a plain loop, without Lightning but with
              its options; target 0.95. One row for each recipe
    data      64 images from a torchvision DataLoader / from our data module; at most 300 us
    dense     plain loop of the VAE 784-400-20, batches of 128 / ours with Lightning; target 0.77
    pythae    pythae's VAE of that size; target 1. `--pythae PYTHON` is the interpreter of an
              environment with pythae
    read      zoo.load of a 50 MB file; import: `import zoo` in a new interpreter

The row of a step also contains images a second and the fraction of the roofline: its floating-point
operations, relative to those that matrix products of the same precision reach in that time.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import dense
import lightning
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger
from rival_styles import grouped, styles
from rivals import (
    ROOT,
    Rival,
    Spec,
    by_hand,
    gans,
    our_batches,
    plain,
    plain_residual,
    recipe,
    residual,
    switched,
    torchvision_batches,
)
from roofline import operations, peak
from tables import append

import zoo
from zoo.data import ImageDataModule
from zoo.gans.dcgan import DCGAN

ROWS = (
    "plain", "switched", "residual", "styles", "families", "dense", "pythae",
    "data", "read", "import",
)  # fmt: skip
TARGETS = {
    "plain": 2.2,
    "switched": 0.95,
    "residual": 2.5,
    "styles": 1.5,
    "dense": 0.77,
    "pythae": 1.0,
}
TARGETS |= dict.fromkeys(gans(), 0.95)  # each row has the name of its recipe
TURN = 10  # steps of a turn
SHORT_TURN = 100  # for steps of a few milliseconds
REST = 0.2  # seconds for the workers of a DataLoader to fill their queue

Turns = dict[str, list[float]]  # seconds per step of each round, by rival


class Row(NamedTuple):
    """One line of speed.csv; `ratio` is theirs / ours, empty without a comparison."""

    row: str
    unit: str
    ours: float
    theirs: float | None
    rounds: int
    precision: str = ""

    def cells(self) -> dict[str, str | int]:
        ratio = "" if self.theirs is None else f"{self.theirs / self.ours:.3f}"
        theirs = "" if self.theirs is None else f"{self.theirs:.4g}"
        target = str(TARGETS.get(self.row, ""))
        named = {"row": self.row, "unit": self.unit, "ours": f"{self.ours:.4g}", "theirs": theirs}
        return {**named, "ratio": ratio, "target": target, "rounds": self.rounds}


def clock(device: str) -> float:
    """Time in seconds, after the device has finished its work."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def turn(rival: Rival, device: str, steps: int = TURN) -> float:
    """Seconds per step of one turn."""
    start = clock(device)
    for _ in range(steps):
        next(rival)
    return (clock(device) - start) / steps


class Race(Callback):
    """Run the other implementations after each turn of the Trainer.

    The Trainer's time excludes them. Each returns the seconds per step of its turn.
    """

    def __init__(
        self, rivals: Mapping[str, Callable[[], float]], device: str, seconds: float, steps: int
    ) -> None:
        self.rivals, self.device, self.seconds = rivals, device, seconds
        self.steps, self.count = steps, 0
        self.turns: Turns = {name: [] for name in ("ours", *rivals)}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.begin = self.start = clock(self.device)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: object, batch: object, index: int
    ) -> None:
        self.count += 1
        if self.count % self.steps:
            return
        self.turns["ours"].append((clock(self.device) - self.start) / self.steps)
        with torch.enable_grad():
            for name, rival in self.rivals.items():
                self.turns[name].append(rival())
                time.sleep(REST if name == "plain" else 0)
        self.start = clock(self.device)
        rounds = len(self.turns["ours"])
        trainer.should_stop = rounds > 2 and self.start - self.begin > self.seconds


def race(
    model: LightningModule,
    data: ImageDataModule,
    referee: Race,
    settings: Mapping[str, Any],
) -> Iterator[Row]:
    """Train a model with Lightning, without callbacks, beside the referee's implementations."""
    with TemporaryDirectory() as folder:
        trainer = Trainer(
            **settings,
            accelerator="gpu" if referee.device == "cuda" else referee.device,
            devices=1,
            logger=CSVLogger(folder),
            log_every_n_steps=50,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            callbacks=[referee],
        )
        trainer.fit(model, data)
    precision = str(settings.get("precision", "32-true"))
    for name in referee.rivals:
        row = compared(name, "ms/step", 1e3, referee.turns["ours"], referee.turns[name])
        yield row._replace(precision=precision)


def convolutional(rows: list[str], device: str, seconds: float) -> Iterator[Row]:
    """Rows of the recipe dcgan-fashion-mnist, without EMA."""
    kinds: dict[str, Callable[[Spec, str], Rival]] = {"plain": plain, "switched": switched}
    raced = {name: kinds[name](recipe(), device) for name in kinds if name in rows}
    turns = {name: partial(turn, rival, device) for name, rival in raced.items()}
    spec = recipe()
    yield from race(spec.model, spec.data, Race(turns, device, seconds, TURN), spec.trainer)


def residuals(device: str, seconds: float) -> Iterator[Row]:
    """Row of SNGAN, compared with an implementation as in tutorials."""
    spec, rival = residual(), plain_residual(residual(), device)
    referee = Race({"residual": partial(turn, rival, device, 1)}, device, seconds, 1)
    yield from race(spec.model, spec.data, referee, spec.trainer)


def style_based(device: str, seconds: float) -> Iterator[Row]:
    """Row of StyleGAN2, compared with grouped convolutions; a turn has both regularizers once."""
    spec, rival = styles(), grouped(styles(), device)
    referee = Race({"styles": partial(turn, rival, device, 16)}, device, seconds, 16)
    yield from race(spec.model, spec.data, referee, spec.trainer)


def families(device: str, seconds: float) -> Iterator[Row]:
    """Rows of all GANs of Fashion-MNIST: Lightning compared with a plain loop."""
    for name in gans():
        spec, rival = recipe(name), partial(turn, by_hand(recipe(name), device), device)
        referee = Race({name: rival}, device, seconds, TURN)
        yield from race(spec.model, spec.data, referee, spec.trainer)


def perceptrons(rows: list[str], device: str, seconds: float, python: Path | None) -> Iterator[Row]:
    """Rows of the dense VAE."""
    turns: dict[str, Callable[[], float]] = {}
    if "dense" in rows:
        turns["dense"] = partial(turn, dense.loop(device), device, SHORT_TURN)
    if "pythae" in rows and python is not None:
        turns["pythae"] = partial(next, dense.pythae(python, SHORT_TURN))
    referee = Race(turns, device, seconds, SHORT_TURN)
    yield from race(*dense.ours(), referee, {"max_epochs": -1})


def use(row: Row, device: str) -> dict[str, str]:
    """Images a second of the recipe's step, and its fraction of the roofline."""
    if row.row == "styles":
        images = styles().data.batch_size / (row.ours / 1e3)
        return {"images_per_second": f"{images:.4g}", "roofline": ""}
    if row.row not in ("plain", "switched"):
        return {"images_per_second": "", "roofline": ""}
    spec, seconds = recipe(), row.ours / 1e3
    dtype, step = torch.bfloat16 if spec.bfloat16 else torch.float32, switched(spec, device)
    share = operations(lambda: next(step)) / seconds / peak(device, dtype)
    images = spec.data.batch_size / seconds
    return {"images_per_second": f"{images:.4g}", "roofline": f"{share:.3f}"}


def compared(
    row: str, unit: str, scale: float, ours: list[float], theirs: list[float] | None = None
) -> Row:
    """Row of medians, without the first round."""
    other = None if theirs is None else scale * median(theirs[1:])
    return Row(row, unit, scale * median(ours[1:]), other, len(ours) - 1)


def until(seconds: float) -> Iterable[int]:
    """Rounds: at least three, then as many as start within the time."""
    end, count = time.perf_counter() + seconds, 0
    while count < 3 or time.perf_counter() < end:
        yield count
        count += 1


def data(device: str, seconds: float) -> Row:
    spec = recipe()
    spec.data.batch_size = 64
    ours = (None for _ in our_batches(spec.data, device))
    theirs = (None for _ in torchvision_batches(spec.data, 64))
    turns = []
    for _ in until(seconds):
        turns.append((turn(ours, device, 50), turn(theirs, device, 50)))
        time.sleep(REST)
    return compared("data", "us/64 images", 1e6, *map(list, zip(*turns, strict=True)))


def read(device: str, seconds: float) -> Row:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "large.safetensors"
        zoo.save(DCGAN(width=127), path)  # 50 MB
        reads = (None for _ in iter(lambda: zoo.load(path, device), None))
        return compared("read", "ms", 1e3, [turn(reads, device, 1) for _ in until(seconds)])


def imported(device: str, seconds: float) -> Row:
    code = "import time; t = time.perf_counter(); import zoo; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    times = [float(subprocess.check_output(command, cwd=ROOT)) for _ in until(seconds)]
    return compared("import", "ms", 1e3, times)


def circumstances(device: str, precision: str) -> dict[str, str | int]:
    """Hardware, software and commit of a measurement."""
    cpus = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    names = [line.split(":")[1].strip() for line in cpus.splitlines() if "model name" in line]
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return {
        "date": date.today().isoformat(),
        "commit": subprocess.run(git, capture_output=True, text=True).stdout.strip(),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "precision": precision,
        "torch": str(torch.__version__),
        "lightning": lightning.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120, help="duration of each measurement")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--pythae", type=Path, help="interpreter of an environment with pythae")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "speed.csv")
    wanted = parser.parse_args()
    torch.manual_seed(0)
    single = {"data": data, "read": read, "import": imported}
    results = [single[n](wanted.device, wanted.seconds) for n in single if n in wanted.rows]
    if {"plain", "switched"} & set(wanted.rows):
        results += convolutional(wanted.rows, wanted.device, wanted.seconds)
    if "residual" in wanted.rows:
        results += residuals(wanted.device, wanted.seconds)
    if "styles" in wanted.rows:
        results += style_based(wanted.device, wanted.seconds)
    if "families" in wanted.rows:
        results += families(wanted.device, wanted.seconds)
    if "dense" in wanted.rows or wanted.pythae:
        results += perceptrons(wanted.rows, wanted.device, wanted.seconds, wanted.pythae)
    for result in results:
        cells = result.cells() | use(result, wanted.device)
        print(*(f"{name} {value}" for name, value in cells.items()), sep="  ")
        around = circumstances(wanted.device, result.precision)
        append(wanted.output, result.cells() | around | cells)


if __name__ == "__main__":
    main()
