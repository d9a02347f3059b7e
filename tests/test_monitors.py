"""What the monitors tell, show and do about it, on digits of 8 x 8 pixels."""

import json
import warnings
from copy import deepcopy
from pathlib import Path

import lightning
import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor
from torch.optim import SGD, Optimizer
from toys import on_digits

from zoo.callbacks import ClassCoverage, CollapseWarning, ModeCollapse, PosteriorCollapse
from zoo.callbacks.alarms import AlarmState, Monitor
from zoo.core.module import ZooModule
from zoo.data import Digits
from zoo.data.images import normalize
from zoo.gans.dcgan import DCGAN
from zoo.plotting.pictures import grid, read
from zoo.vaes.vae import VAE

LOW = 0.01  # the diversity of a generator that is deaf is 0


class Deaf(DCGAN):
    """A generator that hears nothing of its latent at some steps."""

    deaf = range(0)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        z = super().prior(n, seed)
        return 0 * z if self.trainer.global_step in self.deaf else z


class Parrot(ZooModule):
    """Draws training images; from step 12 on, of the first five classes only."""

    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.pixels, self.labels = Digits().images("train")

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self.weight.square().sum()

    def configure_optimizers(self) -> Optimizer:
        return SGD(self.parameters())

    def sample(self, n: int, seed: int | None = None) -> Tensor:
        forgets = self.trainer.global_step >= 12
        known = self.pixels[self.labels < 5] if forgets else self.pixels
        return normalize(known[:n])


class Diary(Callback):
    """Copies of all that a training can go back to, step by step."""

    def __init__(self) -> None:
        self.states: dict[int, tuple[dict, list, dict]] = {}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        averages = [c for c in trainer.callbacks if isinstance(c, EMAWeightAveraging)]
        average = averages[0]._average_model.state_dict() if averages else {}
        optimizers = [optimizer.state_dict()["state"] for optimizer in trainer.optimizers]
        state = pl_module.state_dict(), optimizers, average
        self.states[trainer.global_step] = deepcopy(state)


def gan(deaf: range = range(0)) -> DCGAN:
    lightning.seed_everything(0, verbose=False)
    model = Deaf(size=8, channels=1, width=8, latent=16)
    model.deaf = deaf
    return model


def vae(noise: float = 0.1) -> VAE:
    lightning.seed_everything(0, verbose=False)
    return VAE(size=8, channels=1, latent=4, width=8, noise=noise)


def train(
    model: ZooModule,
    folder: Path,
    *callbacks: Callback,
    steps: int = 46,
    logs: bool = False,
    resume: Path | None = None,
) -> Trainer:
    return on_digits(model, folder, *callbacks, logs=logs, resume=resume, max_steps=steps)


def alarms(
    model: ZooModule,
    folder: Path,
    *callbacks: Callback,
    steps: int = 46,
    resume: Path | None = None,
) -> list[str]:
    """What the training is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(model, folder, *callbacks, steps=steps, resume=resume)
    return [str(w.message) for w in caught if w.category is CollapseWarning]


def equal(a: object, b: object) -> bool:
    """Bit for bit, through dictionaries and lists."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.equal(b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


@pytest.mark.parametrize(
    ("figures", "rung"),
    [
        ([0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2], [7]),  # rises, until it does not
        ([0.1, 0.2, 0.25, 0.27, 0.28, 0.29, 0.5], []),  # rises all along
        ([0.9, 0.1, 0.9, 0.1, 0.1, 0.9], []),  # dips
        ([0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1], [6]),  # rings once
        ([0.9, 0.9, 0.9, 0.1, 0.15, 0.2], [6]),  # what was learned has no need to rise
        ([0.9, 0.9, 0.9, 0.2, 0.2, 0.2, 0.9, 0.2, 0.2, 0.2], [6, 10]),  # recovers, fails again
        ([float("nan")] * 6, [6]),
    ],
)
def test_an_alarm_rings_when_low_three_times(figures: list[float], rung: list[int]) -> None:
    watch = AlarmState(every_n_steps=1, threshold=0.3)
    assert [step for step, figure in enumerate(figures, 1) if watch.should_alarm(figure)] == rung


def test_what_was_never_learned_is_not_forgotten() -> None:
    watch = AlarmState(every_n_steps=1, threshold=0.3, from_start=False)
    figures = [0.2, 0.2, 0.2, 0.9, 0.9, 0.2, 0.2, 0.2, 0.9, 0.9, 0.9, 0.2, 0.2, 0.2]
    assert [step for step, figure in enumerate(figures, 1) if watch.should_alarm(figure)] == [14]


def test_batches_that_share_a_step_are_looked_at_once() -> None:
    watch = AlarmState(every_n_steps=5, threshold=0.3)
    assert [step for step in (0, 4, 5, 5, 6, 10) if watch.is_due(step)] == [5, 10]


def test_a_generator_that_ignores_its_latent_is_told(tmp_path: Path) -> None:
    model = gan(deaf=range(50))
    (alarm,) = alarms(model, tmp_path, ModeCollapse(every_n_steps=5))
    assert alarm.startswith("step 30: mode collapse? samples are 0 times as far apart")


def test_a_healthy_start_is_left_alone(tmp_path: Path) -> None:
    watches = ModeCollapse(every_n_steps=10), ClassCoverage(every_n_steps=10)
    assert alarms(gan(), tmp_path, *watches, steps=60) == []
    assert not (tmp_path / "alarms").exists()


def test_dead_latents_are_told(tmp_path: Path) -> None:
    watch = PosteriorCollapse(every_n_steps=10)
    (alarm,) = alarms(vae(noise=10.0), tmp_path, watch, steps=180)
    assert "posterior collapse? 0% of the latents depend on the image" in alarm
    (picture,) = (tmp_path / "alarms").glob("*.png")
    assert read(picture).shape == (3, 8 * 66 + 2, 8 * 66 + 2)  # 32 images and what is made of them


def test_live_latents_are_left_alone(tmp_path: Path) -> None:
    assert alarms(vae(), tmp_path, PosteriorCollapse(every_n_steps=5)) == []


def test_forgotten_classes_are_told(tmp_path: Path) -> None:
    """Pixels do not show them: five classes of ten are nearly as far apart as ten."""
    watches = ClassCoverage(every_n_steps=3), ModeCollapse(every_n_steps=3)
    (alarm,) = alarms(Parrot(), tmp_path, *watches)
    assert alarm == (
        "step 18: classes forgotten? samples spread over 50% of the classes (less than 80%); "
        "hardly drawn: 5, 6, 7, 8, 9"
    )


def test_evidence_of_an_alarm(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = gan(deaf=range(50))
    with pytest.warns(CollapseWarning, match="step 30: mode collapse"):
        train(model, tmp_path, ModeCollapse(every_n_steps=5), steps=30, logs=True)
    (line,) = (tmp_path / "alarms" / "alarms.jsonl").read_text().splitlines()
    facts = json.loads(line)
    assert facts["words"].startswith("step 30: mode collapse?")
    assert (facts["monitor"], facts["figure"]) == ("ModeCollapse", "diversity")
    assert (facts["step"], facts["recent"], facts["threshold"]) == (30, 6 * [0], 0.5)
    assert facts["picture"] == "step-00000030-diversity.png"
    assert read(tmp_path / "alarms" / facts["picture"]).equal(grid(model.sample(64, 0)))
    assert EventAccumulator(str(tmp_path)).Reload().Tags()["images"] == ["alarms/diversity"]


def test_stopping(tmp_path: Path) -> None:
    watch = ModeCollapse(every_n_steps=5, action="stop")
    with pytest.warns(CollapseWarning, match="stopping here, as was asked"):
        trainer = train(gan(deaf=range(50)), tmp_path, watch)
    assert trainer.global_step == 30


@pytest.mark.parametrize("first", ["average", "monitor"])
def test_going_back_restores_everything_in_place(tmp_path: Path, first: str) -> None:
    """Weights, both optimizers and the average, whichever callback comes first."""
    watch = ModeCollapse(every_n_steps=5, threshold=LOW, action="rollback")
    average, diary = EMAWeightAveraging(decay=0.9), Diary()
    order = [average, watch] if first == "average" else [watch, average]
    model = gan(deaf=range(17, 31))
    (alarm,) = alarms(model, tmp_path, *order, diary)
    assert alarm.startswith("step 30: ")
    assert alarm.endswith("; going back to step 15 (1 of 3 times)")
    states = diary.states
    assert equal(states[30], states[15])
    assert not equal(states[29], states[15])
    assert not equal(states[31][0], states[16][0])  # other batches, other latents
    assert max(states) == 46
    assert model.images_seen == 46 * 64


def test_going_back_helps_three_times_at_most(tmp_path: Path) -> None:
    watch = ModeCollapse(every_n_steps=5, threshold=LOW, action="rollback")
    told = alarms(gan(deaf=range(17, 999)), tmp_path, watch, steps=999)
    assert [alarm.split(":")[0] for alarm in told] == ["step 30", "step 45", "step 60", "step 75"]
    assert told[2].endswith("going back to step 15 (3 of 3 times)")
    assert told[3].endswith("stopping here, as going back 3 times did not help")


def test_there_may_be_nothing_to_go_back_to(tmp_path: Path) -> None:
    watch = ModeCollapse(every_n_steps=5, action="rollback")
    (alarm,) = alarms(gan(deaf=range(999)), tmp_path, watch, steps=999)
    assert alarm.startswith("step 30: ")
    assert alarm.endswith("stopping here, as there is no healthy state to go back to")


@pytest.mark.parametrize("then", ["warn", "rollback"])
def test_a_resumed_run_watches_on(tmp_path: Path, then: str) -> None:
    """The looks before and after a checkpoint count together, and what is kept is known."""
    kept = tmp_path / "kept.ckpt"
    watch = ModeCollapse(every_n_steps=5, threshold=LOW, action=then)
    trainer = train(gan(deaf=range(17, 31)), tmp_path, watch, steps=23)
    trainer.save_checkpoint(kept)
    again: Monitor = ModeCollapse(every_n_steps=5, threshold=LOW, action=then)
    (alarm,) = alarms(gan(deaf=range(17, 31)), tmp_path, again, steps=35, resume=kept)
    assert alarm.startswith("step 30: ")
    assert ("going back to step 15" in alarm) == (then == "rollback")
