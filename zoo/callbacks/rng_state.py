"""The streams of random numbers that a training draws from, as tensors and plain data."""

import random
from typing import Any

import numpy as np
import torch
from torch import distributed

State = dict[str, Any]


def states(device: torch.device) -> list[State]:
    """The state of every stream, for each rank; every rank calls it, with its own device."""
    mine = state(device)
    if not distributed.is_initialized():
        return [mine]
    everyones: list[State] = [{} for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(everyones, mine)
    return everyones


def state(device: torch.device) -> State:
    """The streams of this process: torch's on the CPU and on the device, Python's, NumPy's."""
    name, keys, *rest = np.random.get_state()
    found: State = {
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "numpy": ([name, *rest], torch.from_numpy(np.asarray(keys).astype(np.int64))),
    }
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    return found


def restore(kept: State, device: torch.device) -> None:
    """Put this process's streams back to where they were."""
    torch.set_rng_state(kept["torch"])
    random.setstate(kept["python"])
    words, keys = kept["numpy"]
    np.random.set_state((words[0], keys.numpy().astype(np.uint32), *words[1:]))
    if device.type == "cuda" and "cuda" in kept:
        torch.cuda.set_rng_state(kept["cuda"], device)


def check(kept: State, device: torch.device) -> None:
    """Raise what `restore` will raise, if it will; the streams stay where they are."""
    before = state(device)
    try:
        restore(kept, device)
    finally:
        restore(before, device)
