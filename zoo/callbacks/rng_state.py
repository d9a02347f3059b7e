"""The states of all random number generators of a training, as tensors and plain data."""

import random
from typing import Any

import numpy as np
import torch
from torch import distributed

State = dict[str, Any]


def states(device: torch.device) -> list[State]:
    """The states of each rank, in order; a collective call, by each rank with its device."""
    own = state(device)
    if not distributed.is_initialized():
        return [own]
    gathered: list[State] = [{} for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(gathered, own)
    return gathered


def state(device: torch.device) -> State:
    """The state of this process: of torch on the CPU and the device, of Python and of NumPy."""
    name, keys, *rest = np.random.get_state()
    current: State = {
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "numpy": ([name, *rest], torch.from_numpy(np.asarray(keys).astype(np.int64))),
    }
    if device.type == "cuda":
        current["cuda"] = torch.cuda.get_rng_state(device)
    return current


def restore(saved: State, device: torch.device) -> None:
    """Set the generators of this process to a saved state."""
    torch.set_rng_state(saved["torch"])
    random.setstate(saved["python"])
    rest, keys = saved["numpy"]
    np.random.set_state((rest[0], keys.numpy().astype(np.uint32), *rest[1:]))
    if device.type == "cuda" and "cuda" in saved:
        torch.cuda.set_rng_state(saved["cuda"], device)


def check(saved: State, device: torch.device) -> None:
    """Raise the error that `restore` would raise, and leave the generators unchanged."""
    before = state(device)
    try:
        restore(saved, device)
    finally:
        restore(before, device)
