"""Alarms: conditions on a metric that is measured during training, and the actions that follow."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from zoo.callbacks.requirements import name
from zoo.callbacks.rollback import rollback, snapshot
from zoo.plotting.pictures import save

Batch = tuple[Tensor, ...]
Action = Literal["warn", "stop", "rollback"]

STATE_KEYS = ("step", "was_healthy", "alarmed", "recent")
MAX_ROLLBACKS = 3  # a training that fails once more needs other settings


class CollapseWarning(UserWarning):
    """A training that may have collapsed."""


class AlarmState:
    """The recent values of a metric, and whether they are a reason for an alarm.

    A value below `threshold`, or NaN, is low. An alarm follows `patience` low values in a row, and
    the next one only after a value that is not low. A metric is healthy after `patience` values in
    a row that are not low. Before that, an alarm follows 2 `patience` low values that have not
    risen, as an untrained generator starts low, and none follows if `from_start` is false.
    """

    def __init__(
        self, every_n_steps: int, threshold: float, patience: int = 3, from_start: bool = True
    ) -> None:
        self.every_n_steps, self.threshold = every_n_steps, threshold
        self.patience, self.from_start = patience, from_start
        self.step, self.was_healthy, self.alarmed = 0, False, False
        self.recent: list[float] = []

    def is_due(self, step: int) -> bool:
        """Whether to measure at this step; at the first of several batches that share a step."""
        due = step % self.every_n_steps == 0 and step != self.step
        self.step = step
        return due

    def is_low(self, value: float) -> bool:
        """Whether a value is below the threshold, or NaN."""
        return not value >= self.threshold  # comparisons with NaN are false

    def should_alarm(self, value: float) -> bool:
        """Record a value; return whether an alarm follows."""
        self.recent = [*self.recent, value][-2 * self.patience :]
        failed = self.are_low(True, self.patience) if self.was_healthy else self.failed_from_start()
        alarm = failed and not self.alarmed
        self.alarmed = alarm or (self.alarmed and self.is_low(value))
        self.was_healthy = self.was_healthy or self.are_low(False, self.patience)
        return alarm

    def are_low(self, low: bool, n: int) -> bool:
        """Whether the last n values are all low, or, for `low` false, all not low."""
        return [self.is_low(value) for value in self.recent[-n:]] == n * [low]

    def failed_from_start(self) -> bool:
        """Whether a metric that was never healthy has stayed low without rising."""
        is_rising = self.recent[-1] > self.recent[0]
        return self.from_start and self.are_low(True, 2 * self.patience) and not is_rising

    def reset(self) -> None:
        """Forget the recent values, but not whether the metric was healthy."""
        self.recent, self.alarmed = [], False


class Monitor(Callback, ABC):
    """Base class of callbacks that raise alarms: a subclass measures in `measure` and calls
    `report`. Checkpoints contain the state.

    An alarm is a CollapseWarning, and in `alarms/` of the run folder an image and a line of
    alarms.jsonl. Then the training continues (`warn`), ends (`stop`) or returns to the last
    measurement that was not low (`rollback`). It ends after three rollbacks, and where there is no
    such measurement.
    """

    metric_name: ClassVar[str]

    def __init__(self, alarm: AlarmState, action: Action) -> None:
        self.alarm, self.action = alarm, action
        self.healthy_step: int | None = None  # of the snapshot
        self.rollbacks = 0

    @abstractmethod
    def measure(self, trainer: Trainer, pl_module: LightningModule, batch: Batch) -> None:
        """Measure the metric, and call `report`."""

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        if self.alarm.is_due(trainer.global_step):
            self.measure(trainer, pl_module, batch)

    def report(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        value: float,
        message: str,
        image: Callable[[], Tensor],
    ) -> None:
        """Log the value of rank zero; in case of an alarm, warn with `message` and act.

        `image` renders the evidence (channels, h, w) in uint8, in case of an alarm on rank zero.
        """
        value = trainer.strategy.broadcast(value)  # all ranks take the same decision
        pl_module.log(self.metric_name, value)
        if self.action == "rollback" and not self.alarm.is_low(value):
            self.healthy_step = self.alarm.step
            snapshot(trainer, self.snapshot_path(trainer))
        if not self.alarm.should_alarm(value):
            return
        message = f"step {self.alarm.step}: {message}{self.consequence()}"
        rank_zero_warn(message, category=CollapseWarning)
        if trainer.is_global_zero:
            self.write_evidence(trainer, message, image())
        self.act(trainer, pl_module)

    def act(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continue, stop, or roll back."""
        if self.can_roll_back:
            rollback(trainer, pl_module, self.snapshot_path(trainer))
            self.rollbacks += 1
            self.alarm.reset()
        elif self.action != "warn":
            trainer.should_stop = True

    @property
    def can_roll_back(self) -> bool:
        """Whether the action is a rollback, there is a snapshot, and the limit is not reached."""
        has_snapshot = self.healthy_step is not None
        return self.action == "rollback" and has_snapshot and self.rollbacks < MAX_ROLLBACKS

    def consequence(self) -> str:
        """The action, as the end of an alarm's message."""
        if self.action == "warn":
            return ""
        if self.can_roll_back:
            count = f"{self.rollbacks + 1} of {MAX_ROLLBACKS}"
            return f"; rollback {count} to step {self.healthy_step}"
        if self.action == "stop":
            return "; training stops, by the action `stop`"
        if self.healthy_step is None:
            return "; training stops, as there is no healthy state to roll back to"
        return f"; training stops after {MAX_ROLLBACKS} rollbacks"

    def snapshot_path(self, trainer: Trainer) -> Path:
        """The file of the last healthy state."""
        return Path(trainer.default_root_dir) / f"healthy-{self.metric_name}.ckpt"

    def write_evidence(self, trainer: Trainer, message: str, image: Tensor) -> None:
        """Write a PNG and a line of JSON, and log the image to TensorBoard."""
        folder = Path(trainer.default_root_dir) / "alarms"
        path = folder / f"step-{self.alarm.step:08d}-{self.metric_name}.png"
        save(image, path)
        entry = {
            "step": self.alarm.step,
            "monitor": name(self),
            "metric": self.metric_name,
            "recent": self.alarm.recent,
            "threshold": self.alarm.threshold,
            "message": message,
            "image": path.name,
        }
        with (folder / "alarms.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"alarms/{self.metric_name}", image, self.alarm.step)

    def state_dict(self) -> dict[str, Any]:
        return {
            "alarm": {key: getattr(self.alarm, key) for key in STATE_KEYS},
            "healthy_step": self.healthy_step,
            "rollbacks": self.rollbacks,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.healthy_step, self.rollbacks = state_dict["healthy_step"], state_dict["rollbacks"]
        for key, value in state_dict["alarm"].items():
            setattr(self.alarm, key, value)
