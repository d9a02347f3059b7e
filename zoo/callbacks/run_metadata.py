"""What a training says of itself: to a card, to a reader of its folder, and in its progress bar."""

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
    """Seconds of training, hardware, precision, commit and versions, in every checkpoint as plain
    data and carried on by a resumed run; `environment.yaml`, and `log.txt` with a line an epoch."""

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
            command = {"date": now(), "command": shlex.join(sys.argv)}
            words = yaml.safe_dump(command | self.entries | {"changed": changed}, sort_keys=False)
            with self.file(trainer, "environment.yaml").open("a", encoding="utf-8") as file:
                file.write(f"---\n{words}")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.clock = time.monotonic()
        self.write(trainer, f"begins at step {trainer.global_step}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        values = {k: f"{float(v):.4g}" for k, v in sorted(trainer.callback_metrics.items())}
        told = " ".join(f"{name} {value}" for name, value in values.items())
        self.write(trainer, f"epoch {trainer.current_epoch} step {trainer.global_step} {told}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.write(trainer, f"ends at step {trainer.global_step}")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        words = " ".join(f"{type(exception).__name__} {exception}".split())
        self.write(trainer, f"stops at step {trainer.global_step}: {words}")

    def write(self, trainer: Trainer, words: str) -> None:
        if trainer.is_global_zero:
            with self.file(trainer, "log.txt").open("a", encoding="utf-8") as file:
                file.write(f"{now()} {words}\n")

    def file(self, trainer: Trainer, name: str) -> Path:
        folder = Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def state_dict(self) -> dict[str, str | float | int]:
        if hasattr(self, "clock"):
            now = time.monotonic()
            self.entries["seconds"] = float(self.entries["seconds"]) + now - self.clock
            self.clock = now
        return {**self.entries, "saved_at": datetime.now(UTC).isoformat(" ", "microseconds")}

    def load_state_dict(self, state_dict: Mapping[str, str | float | int]) -> None:
        self.entries |= {k: v for k, v in state_dict.items() if k in ("seconds", "init_from")}


class ThroughputMonitor(Callback):
    """Logs `images/s` and `minutes_left` whenever the losses are logged, progress bar included."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.start, self.first = time.monotonic(), trainer.global_step

    def on_train_batch_end(  # type: ignore[override]
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        done, every = trainer.global_step - self.first, trainer.log_every_n_steps  # type: ignore[attr-defined]
        if not every or trainer.global_step % every or not done:
            return
        seconds = (time.monotonic() - self.start) / done
        values = {"images/s": len(batch[0]) * trainer.world_size / seconds}
        if (left := steps(trainer) - trainer.global_step) < float("inf"):
            values["minutes_left"] = max(left, 0) * seconds / 60
        pl_module.log_dict(values, prog_bar=True)


def steps(trainer: Trainer) -> float:
    """How many steps the training will have taken."""
    limits = [float("inf")]
    if trainer.max_steps > 0:
        limits.append(trainer.max_steps)
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        limits.append(trainer.max_epochs * trainer.num_training_batches)
    return min(limits)


def now() -> str:
    return datetime.now().isoformat(" ", "seconds")
