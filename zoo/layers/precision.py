"""Number formats in which results are kept."""

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision as float32, in which sums, logarithms and exponentials are sound; float32 and
    float64 as they are."""
    return x.float() if x.dtype in HALF else x
