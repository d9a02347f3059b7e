"""Conversion of half-precision results."""

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def at_least_float32(x: Tensor) -> Tensor:
    """Convert half precision to float32; return float32 and float64 unchanged.

    Sums, logarithms and exponentials lose too much accuracy in half precision.
    """
    return x.float() if x.dtype in HALF else x
