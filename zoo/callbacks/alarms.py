"""When a figure that is measured now and then is a reason for alarm, and what follows from it."""

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

REMEMBERED = ("step", "learned", "alarmed", "recent")
RETURNS = 3  # a training that fails once more needs other settings, not other luck


class CollapseWarning(UserWarning):
    """A training that may have collapsed."""


class AlarmState:
    """Turns with the steps, and an alarm that rings once until the figure has recovered.

    It rings when the figure was low at `looks` looks in a row, as one dip is noise. A figure that
    was not low for as long is `learned`. Before that, an alarm is due only `from_start`, after
    twice as many looks, over which the figure has not risen: an untrained generator draws noise,
    then grey, and grows out of it.
    """

    def __init__(
        self, every_n_steps: int, threshold: float, looks: int = 3, from_start: bool = True
    ) -> None:
        self.every_n_steps, self.threshold = every_n_steps, threshold
        self.looks, self.from_start = looks, from_start
        self.step, self.learned, self.alarmed = 0, False, False
        self.recent: list[float] = []

    def is_due(self, step: int) -> bool:
        """Whether this step is one to look at; batches that share a step are looked at once."""
        due = step % self.every_n_steps == 0 and step != self.step
        self.step = step
        return due

    def is_low(self, figure: float) -> bool:
        return not figure >= self.threshold  # what is not a number is low

    def should_alarm(self, figure: float) -> bool:
        """Whether the alarm goes off at this look."""
        self.recent = [*self.recent, figure][-2 * self.looks :]
        low = self.is_low(figure)
        due = self.always(True, self.looks) if self.learned else self.never_began()
        rings = due and not self.alarmed
        self.alarmed = rings or (self.alarmed and low)
        self.learned = self.learned or self.always(False, self.looks)
        return rings

    def always(self, low: bool, looks: int) -> bool:
        """Whether the figure was low, or not low, at so many looks in a row."""
        return [self.is_low(figure) for figure in self.recent[-looks:]] == looks * [low]

    def never_began(self) -> bool:
        rising = self.recent[-1] > self.recent[0]
        return self.from_start and self.always(True, 2 * self.looks) and not rising

    def forget(self) -> None:
        """Begin anew, with what was learned."""
        self.recent, self.alarmed = [], False


class Monitor(Callback, ABC):
    """A subclass measures in `measure` and calls `report`; its state is kept in checkpoints.

    An alarm is a CollapseWarning and files in `alarms/`, in the run's folder: a picture, and a
    line of alarms.jsonl. Then the training goes on (`warn`), ends (`stop`), or returns to the last
    look at which the figure was not low (`go back`); after three returns, or without such a
    look, it ends.
    """

    metric_name: ClassVar[str]

    def __init__(self, watch: AlarmState, action: Action) -> None:
        self.watch, self.action = watch, action
        self.healthy: int | None = None  # the step to go back to
        self.returns = 0

    @abstractmethod
    def measure(self, trainer: Trainer, pl_module: LightningModule, batch: Batch) -> None:
        """Measure the figure, and report it."""

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        if self.watch.is_due(trainer.global_step):
            self.measure(trainer, pl_module, batch)

    def report(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        figure: float,
        words: str,
        picture: Callable[[], Tensor],
    ) -> None:
        """Log the figure that rank zero measured; if it is an alarm, say so in `words` and act.

        Only then, and there, the picture (channels, h, w) in uint8 is drawn.
        """
        figure = trainer.strategy.broadcast(figure)  # all ranks take the same decision
        pl_module.log(self.metric_name, figure)
        if self.action == "rollback" and not self.watch.is_low(figure):
            self.healthy = self.watch.step
            snapshot(trainer, self.checkpoint(trainer))
        if not self.watch.should_alarm(figure):
            return
        told = f"step {self.watch.step}: {words}{self.consequence()}"
        rank_zero_warn(told, category=CollapseWarning)
        if trainer.is_global_zero:
            self.file(trainer, told, picture())
        self.act(trainer, pl_module)

    def act(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.goes_back:
            rollback(trainer, pl_module, self.checkpoint(trainer))
            self.returns += 1
            self.watch.forget()
        elif self.action != "warn":
            trainer.should_stop = True

    @property
    def goes_back(self) -> bool:
        return self.action == "rollback" and self.healthy is not None and self.returns < RETURNS

    def consequence(self) -> str:
        """What follows, as the end of an alarm's words."""
        if self.action == "warn":
            return ""
        if self.goes_back:
            return f"; going back to step {self.healthy} ({self.returns + 1} of {RETURNS} times)"
        if self.action == "stop":
            return "; stopping here, as was asked"
        if self.healthy is None:
            return "; stopping here, as there is no healthy state to go back to"
        return f"; stopping here, as going back {RETURNS} times did not help"

    def checkpoint(self, trainer: Trainer) -> Path:
        """Where the last healthy state is kept."""
        return Path(trainer.default_root_dir) / f"healthy-{self.metric_name}.ckpt"

    def file(self, trainer: Trainer, told: str, picture: Tensor) -> None:
        """The evidence: a PNG, a line of JSON, and an image where TensorBoard is in use."""
        folder = Path(trainer.default_root_dir) / "alarms"
        image = folder / f"step-{self.watch.step:08d}-{self.metric_name}.png"
        save(picture, image)
        line = {
            "step": self.watch.step,
            "monitor": name(self),
            "figure": self.metric_name,
            "recent": self.watch.recent,
            "threshold": self.watch.threshold,
            "words": told,
            "picture": image.name,
        }
        with (folder / "alarms.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"alarms/{self.metric_name}", picture, self.watch.step)

    def state_dict(self) -> dict[str, Any]:
        return {
            "watch": {key: getattr(self.watch, key) for key in REMEMBERED},
            "healthy": self.healthy,
            "returns": self.returns,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.healthy, self.returns = state_dict["healthy"], state_dict["returns"]
        for key, value in state_dict["watch"].items():
            setattr(self.watch, key, value)
