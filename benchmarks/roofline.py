"""Peak throughput of a device, and floating-point operations of a training step."""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

SIDE = {"cpu": 1024, "cuda": 8192}  # of the matrices in the measurement of the peak


def operations(step: Callable[[], object]) -> int:
    """Floating-point operations of a step; a multiplication and an addition count as two."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def peak(device: str, dtype: torch.dtype, seconds: float = 2.0, side: int | None = None) -> float:
    """Operations a second of the fastest of many matrix products on this device."""
    n = side or SIDE[device]
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        start = time.perf_counter()
        c = a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    assert c.shape == (n, n)
    return 2 * n**3 / best
