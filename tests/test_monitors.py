"""Alarms of the monitors, their evidence and their actions, on digits of 8 x 8 pixels."""

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

LOW = 0.01  # above the diversity, 0, of a generator that ignores its latent


class CollapsingGAN(DCGAN):
    """A generator that ignores its latent at the steps `collapsed`."""

    collapsed = range(0)

    def prior(self, n: int, seed: int | None = None) -> Tensor:
        z = super().prior(n, seed)
        return 0 * z if self.trainer.global_step in self.collapsed else z


class TrainingImageSampler(ZooModule):
    """Samples training images; from step 12 on, of the first five classes only."""

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
        drops_classes = self.trainer.global_step >= 12
        pixels = self.pixels[self.labels < 5] if drops_classes else self.pixels
        return normalize(pixels[:n])


class StateRecorder(Callback):
    """Copies of weights, optimizer states and average at each step."""

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


def gan(collapsed: range = range(0)) -> DCGAN:
    lightning.seed_everything(0, verbose=False)
    model = CollapsingGAN(size=8, channels=1, width=8, latent=16)
    model.collapsed = collapsed
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
    """The messages of the alarms during a training."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(model, folder, *callbacks, steps=steps, resume=resume)
    return [str(w.message) for w in caught if w.category is CollapseWarning]


def equal(a: object, b: object) -> bool:
    """Bitwise equality of tensors in nested dictionaries and lists."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.equal(b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


@pytest.mark.parametrize(
    ("values", "alarms"),
    [
        ([0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2], [7]),  # rises, then does not
        ([0.1, 0.2, 0.25, 0.27, 0.28, 0.29, 0.5], []),  # rises
        ([0.9, 0.1, 0.9, 0.1, 0.1, 0.9], []),  # dips
        ([0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1], [6]),  # one alarm
        ([0.9, 0.9, 0.9, 0.1, 0.15, 0.2], [6]),  # was healthy: a rise does not matter
        ([0.9, 0.9, 0.9, 0.2, 0.2, 0.2, 0.9, 0.2, 0.2, 0.2], [6, 10]),  # recovers and fails again
        ([float("nan")] * 6, [6]),
    ],
)
def test_an_alarm_follows_three_low_values(values: list[float], alarms: list[int]) -> None:
    state = AlarmState(every_n_steps=1, threshold=0.3)
    assert [step for step, value in enumerate(values, 1) if state.should_alarm(value)] == alarms


def test_without_from_start_alarms_need_a_healthy_metric() -> None:
    state = AlarmState(every_n_steps=1, threshold=0.3, from_start=False)
    values = [0.2, 0.2, 0.2, 0.9, 0.9, 0.2, 0.2, 0.2, 0.9, 0.9, 0.9, 0.2, 0.2, 0.2]
    assert [step for step, value in enumerate(values, 1) if state.should_alarm(value)] == [14]


def test_batches_that_share_a_step_are_measured_once() -> None:
    state = AlarmState(every_n_steps=5, threshold=0.3)
    assert [step for step in (0, 4, 5, 5, 6, 10) if state.is_due(step)] == [5, 10]


def test_a_generator_that_ignores_its_latent_raises_an_alarm(tmp_path: Path) -> None:
    model = gan(collapsed=range(50))
    (alarm,) = alarms(model, tmp_path, ModeCollapse(every_n_steps=5))
    assert alarm.startswith("step 30: mode collapse?")


def test_a_healthy_start_raises_no_alarm(tmp_path: Path) -> None:
    monitors = ModeCollapse(every_n_steps=10), ClassCoverage(every_n_steps=10)
    assert alarms(gan(), tmp_path, *monitors, steps=60) == []
    assert not (tmp_path / "alarms").exists()


def test_unused_latents_raise_an_alarm(tmp_path: Path) -> None:
    monitor = PosteriorCollapse(every_n_steps=10)
    (alarm,) = alarms(vae(noise=10.0), tmp_path, monitor, steps=180)
    assert "posterior collapse? 0%" in alarm
    (picture,) = (tmp_path / "alarms").glob("*.png")
    assert read(picture).shape == (3, 8 * 66 + 2, 8 * 66 + 2)  # 32 images and their reconstructions


def test_latents_in_use_raise_no_alarm(tmp_path: Path) -> None:
    assert alarms(vae(), tmp_path, PosteriorCollapse(every_n_steps=5)) == []


def test_missing_classes_raise_an_alarm_of_class_coverage_only(tmp_path: Path) -> None:
    """Pixel distances within five classes of ten are nearly those within ten."""
    monitors = ClassCoverage(every_n_steps=3), ModeCollapse(every_n_steps=3)
    (alarm,) = alarms(TrainingImageSampler(), tmp_path, *monitors)
    assert alarm.startswith("step 18: missing classes?")
    assert alarm.endswith("5, 6, 7, 8, 9")
    assert "50%" in alarm


def test_evidence_of_an_alarm(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = gan(collapsed=range(50))
    with pytest.warns(CollapseWarning, match="step 30: mode collapse"):
        train(model, tmp_path, ModeCollapse(every_n_steps=5), steps=30, logs=True)
    (line,) = (tmp_path / "alarms" / "alarms.jsonl").read_text().splitlines()
    facts = json.loads(line)
    assert facts["message"].startswith("step 30: mode collapse?")
    assert (facts["monitor"], facts["metric"]) == ("ModeCollapse", "diversity")
    assert (facts["step"], facts["recent"], facts["threshold"]) == (30, 6 * [0], 0.5)
    assert facts["image"] == "step-00000030-diversity.png"
    assert read(tmp_path / "alarms" / facts["image"]).equal(grid(model.sample(64, 0)))
    assert EventAccumulator(str(tmp_path)).Reload().Tags()["images"] == ["alarms/diversity"]


def test_action_stop_ends_the_training(tmp_path: Path) -> None:
    monitor = ModeCollapse(every_n_steps=5, action="stop")
    with pytest.warns(CollapseWarning, match="step 30"):
        trainer = train(gan(collapsed=range(50)), tmp_path, monitor)
    assert trainer.global_step == 30


@pytest.mark.parametrize("first", ["average", "monitor"])
def test_rollback_restores_all_states_in_place(tmp_path: Path, first: str) -> None:
    """Weights, both optimizers and the average, in either order of the callbacks."""
    monitor = ModeCollapse(every_n_steps=5, threshold=LOW, action="rollback")
    average, recorder = EMAWeightAveraging(decay=0.9), StateRecorder()
    order = [average, monitor] if first == "average" else [monitor, average]
    model = gan(collapsed=range(17, 31))
    (alarm,) = alarms(model, tmp_path, *order, recorder)
    assert alarm.startswith("step 30: ")
    assert alarm.endswith("rollback 1 of 3 to step 15")
    states = recorder.states
    assert equal(states[30], states[15])
    assert not equal(states[29], states[15])
    assert not equal(states[31][0], states[16][0])  # other batches, other latents
    assert max(states) == 46
    assert model.images_seen == 46 * 64


def test_training_stops_after_three_rollbacks(tmp_path: Path) -> None:
    monitor = ModeCollapse(every_n_steps=5, threshold=LOW, action="rollback")
    messages = alarms(gan(collapsed=range(17, 999)), tmp_path, monitor, steps=999)
    steps = [message.split(":")[0] for message in messages]
    assert steps == ["step 30", "step 45", "step 60", "step 75"]
    assert messages[2].endswith("rollback 3 of 3 to step 15")
    assert messages[3].endswith("training stops after 3 rollbacks")


def test_training_stops_without_a_healthy_state(tmp_path: Path) -> None:
    monitor = ModeCollapse(every_n_steps=5, action="rollback")
    (alarm,) = alarms(gan(collapsed=range(999)), tmp_path, monitor, steps=999)
    assert alarm.startswith("step 30: ")
    assert "training stops" in alarm


@pytest.mark.parametrize("action", ["warn", "rollback"])
def test_a_resumed_run_continues_its_monitors(tmp_path: Path, action: str) -> None:
    """Values before and after the checkpoint count together, and the snapshot remains known."""
    checkpoint = tmp_path / "resumed.ckpt"
    monitor = ModeCollapse(every_n_steps=5, threshold=LOW, action=action)
    trainer = train(gan(collapsed=range(17, 31)), tmp_path, monitor, steps=23)
    trainer.save_checkpoint(checkpoint)
    again: Monitor = ModeCollapse(every_n_steps=5, threshold=LOW, action=action)
    (alarm,) = alarms(gan(collapsed=range(17, 31)), tmp_path, again, steps=35, resume=checkpoint)
    assert alarm.startswith("step 30: ")
    assert ("to step 15" in alarm) == (action == "rollback")
