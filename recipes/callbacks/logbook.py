"""What a card will say of a training: kept in every checkpoint, carried on by a resumed run."""

import platform
import time
from collections.abc import Mapping

import lightning
import torch
from lightning import Callback, LightningModule, Trainer


class Logbook(Callback):
    """Seconds of training, hardware, precision and versions; `entries` holds them as plain data."""

    def __init__(self) -> None:
        self.entries: dict[str, str | float | int] = {"seconds": 0.0}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.entries |= {
            "hardware": hardware(trainer),
            "precision": str(trainer.precision),
            "torch": str(torch.__version__),
            "lightning": lightning.__version__,
        }

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.clock = time.monotonic()

    def state_dict(self) -> dict[str, str | float | int]:
        if hasattr(self, "clock"):
            now = time.monotonic()
            self.entries["seconds"] = float(self.entries["seconds"]) + now - self.clock
            self.clock = now
        return dict(self.entries)

    def load_state_dict(self, state_dict: Mapping[str, str | float | int]) -> None:
        self.entries |= {k: v for k, v in state_dict.items() if k in ("seconds", "begun_from")}


def hardware(trainer: Trainer) -> str:
    """The devices that train, in words."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return f"{trainer.world_size} x {torch.cuda.get_device_name(device)}"
    count = torch.get_num_threads()
    return f"{count} CPU core{'s' * (count > 1)} ({platform.machine()})"
