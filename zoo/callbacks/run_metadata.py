"""Run metadata for cards and run folders, and the throughput of a training."""

import shlex
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import yaml
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from zoo.core.provenance import changes, commit, hardware, versions

Batch = tuple[Tensor, ...]


class RunMetadata(Callback):
    """Stores seconds of training, hardware, precision, commit and versions in every checkpoint, as
    plain data; a resumed run continues the seconds. Writes `environment.yaml` and, with a line for
    each epoch, `log.txt` into the run folder."""

    def __init__(self) -> None:
        self.entries: dict[str, str | float | int] = {"seconds": 0.0}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        changed = changes()
        self.entries |= {
            "hardware": hardware(trainer.strategy.root_device, trainer.world_size),
            "precision": str(trainer.precision),
            "commit": commit() + " with changes" * bool(changed),
            **versions(),
        }
        if trainer.is_global_zero:
            command = {"date": timestamp(), "command": shlex.join(sys.argv)}
            text = yaml.safe_dump(command | self.entries | {"changed": changed}, sort_keys=False)
            with self.run_file(trainer, "environment.yaml").open("a", encoding="utf-8") as file:
                file.write(f"---\n{text}")  # one document for each start of the run

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last_time = time.monotonic()
        self.log_line(trainer, f"starts at step {trainer.global_step}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        values = {k: f"{float(v):.4g}" for k, v in sorted(trainer.callback_metrics.items())}
        metrics = " ".join(f"{name} {value}" for name, value in values.items())
        self.log_line(
            trainer, f"epoch {trainer.current_epoch} step {trainer.global_step} {metrics}"
        )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.log_line(trainer, f"ends at step {trainer.global_step}")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        reason = " ".join(f"{type(exception).__name__} {exception}".split())
        self.log_line(trainer, f"stops at step {trainer.global_step}: {reason}")

    def log_line(self, trainer: Trainer, text: str) -> None:
        """Append a line to `log.txt`, with the time."""
        if trainer.is_global_zero:
            with self.run_file(trainer, "log.txt").open("a", encoding="utf-8") as file:
                file.write(f"{timestamp()} {text}\n")

    def run_file(self, trainer: Trainer, name: str) -> Path:
        """The path of a file in the run folder, which is made."""
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def state_dict(self) -> dict[str, str | float | int]:
        if hasattr(self, "last_time"):
            now = time.monotonic()
            self.entries["seconds"] = float(self.entries["seconds"]) + now - self.last_time
            self.last_time = now
        return {**self.entries, "saved_at": datetime.now(UTC).isoformat(" ", "microseconds")}

    def load_state_dict(self, state_dict: Mapping[str, str | float | int]) -> None:
        self.entries |= {k: v for k, v in state_dict.items() if k in ("seconds", "init_from")}


class ThroughputMonitor(Callback):
    """Logs `images/s` and `minutes_left` at the interval of `log_every_n_steps`."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.start_time, self.start_step = time.monotonic(), trainer.global_step

    def on_train_batch_end(  # type: ignore[override]
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        done, every = trainer.global_step - self.start_step, trainer.log_every_n_steps  # type: ignore[attr-defined]
        if not every or trainer.global_step % every or not done:
            return
        seconds = (time.monotonic() - self.start_time) / done
        values = {"images/s": len(batch[0]) * trainer.world_size / seconds}
        if (left := total_steps(trainer) - trainer.global_step) < float("inf"):
            values["minutes_left"] = max(left, 0) * seconds / 60
        pl_module.log_dict(values, prog_bar=True)


def total_steps(trainer: Trainer) -> float:
    """The number of steps of the training; infinite without a limit."""
    limits = [float("inf")]
    if trainer.max_steps > 0:
        limits.append(trainer.max_steps)
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        limits.append(trainer.max_epochs * trainer.num_training_batches)
    return min(limits)


def timestamp() -> str:
    """The local date and time, to a second."""
    return datetime.now().isoformat(" ", "seconds")
