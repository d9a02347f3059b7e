"""Checkpoints whose states differ from those of the training fail before the first step."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from toys import QUIET, fails, fit

from zoo.cli import main

pytestmark = pytest.mark.usefixtures("here")
State = dict[str, Any]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> State:
    """The checkpoint of a VAE with averaged weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        return fit("vae-digits")


def resume_error(state: State) -> str:
    """The message of `zoo fit` for an invalid checkpoint."""
    torch.save(state, "strange.ckpt")
    return fails("fit", "vae-digits", "--ckpt_path", "strange.ckpt", *QUIET)


def copy(node: object) -> Any:
    """A copy of nested dictionaries and lists with the same leaves."""
    if isinstance(node, dict):
        return {key: copy(value) for key, value in node.items()}
    return [copy(part) for part in node] if isinstance(node, list) else node


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["loops"], None),
        (["loops", "fit_loop", "epoch_progress"], 3),
        (["loops", "fit_loop", "epoch_progress", "total", "completed"], "x"),
        (["loops", "fit_loop", "epoch_loop.state_dict", "_batches_that_stepped"], None),
        (["optimizer_states"], []),
        (["optimizer_states"], "x"),
        (["optimizer_states", 0, "param_groups", 0, "lr"], "fast"),
        (["optimizer_states", 0, "state", 0, "exp_avg"], torch.zeros(3)),
        (["optimizer_states", 0, "state", 0, "exp_avg"], "x"),
        (["lr_schedulers"], 3),
        (["rng_states"], None),
        (["rng_states", 0, "torch"], torch.zeros(3)),
        (["Digits"], []),
        (["state_dict"], {}),
        (["averaging_state"], None),
        (["callbacks", "RunMetadata", "seconds"], "x"),
        (["callbacks", "Checkpoint"], 3),
        (["pytorch-lightning_version"], "x"),
    ],
)
def test_states_of_another_type_or_shape(path: list[str | int], value: object, good: State) -> None:
    state = copy(good)
    part: Any = state
    for key in path[:-1]:
        matching = [k for k in part if str(k).startswith(str(key))] if key == "Checkpoint" else []
        part = part[matching[0] if matching else key]
    last = path[-1]
    if last == "Checkpoint":
        last = next(key for key in part if key.startswith("Checkpoint"))
    part[last] = value
    assert "strange.ckpt" in resume_error(state)
    assert not Path("runs/vae-digits").exists()


@pytest.mark.parametrize("key", ["loops", "optimizer_states", "pytorch-lightning_version"])
def test_missing_states(key: str, good: State) -> None:
    assert "strange.ckpt" in resume_error({k: v for k, v in good.items() if k != key})


@pytest.mark.parametrize("key", [3, "_foo", "__path__", "class_path", "init_args"])
def test_invalid_arguments_of_the_model(key: object, good: State) -> None:
    state = copy(good)
    state["hyper_parameters"][key] = {"class_path": "antigravity.X"}
    assert str(key) in resume_error(state)


OWN = """
import lightning, torch
from torch.utils.data import DataLoader, TensorDataset

class Model(lightning.LightningModule):
    def __init__(self, width: int = 4):
        super().__init__()
        self.layer = torch.nn.Linear(4, width)
    def training_step(self, batch, index):
        return self.layer(batch[0]).square().mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

class Data(lightning.LightningDataModule):
    def train_dataloader(self):
        return DataLoader(TensorDataset(torch.rand(8, 4)), batch_size=4)
"""


def test_a_lightning_module_of_other_code_is_resumed(
    monkeypatch: pytest.MonkeyPatch, good: State
) -> None:
    """Without saved hyperparameters, the recipe has the arguments."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("plain_module.py").write_text(OWN)
    model = {"class_path": "plain_module.Model", "init_args": {"width": 3}}
    trainer = {"max_epochs": 1}
    settings = {"model": model, "data": "plain_module.Data", "trainer": trainer}
    Path("own.yaml").write_text(yaml.safe_dump(settings))
    main(["fit", "--config", "own.yaml", *QUIET])
    main(["fit", "--config", "own.yaml", "--ckpt_path", "last", "--trainer.max_epochs=2", *QUIET])
    state = torch.load("runs/own/last.ckpt", weights_only=True)
    assert state["global_step"] == 4
    assert state["state_dict"]["layer.weight"].shape == (3, 4)
