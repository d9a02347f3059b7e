"""Limits for a model that a file describes, enforced before memory is allocated for it."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.overrides import TorchFunctionMode

OPERATIONS = 20_000  # of torch, to build one model: five for each layer, 200 for spectral norm
HEADER = 2**22  # bytes of a safetensors header: names and shapes of that many layers
META_SHORTCUTS: dict[object, Callable[[Tensor], Tensor]] = {
    normalize: lambda x: x,
    torch.mv: lambda matrix: matrix[:, 0],
}  # shapes on the meta device of what spectral norm does 30 times for each layer, at 0.2 ms each


class TooLarge(ValueError):
    """A model takes more operations to build than the limit."""


class LimitOperations(TorchFunctionMode):
    """Raise TooLarge where this thread needs more than `most` torch operations to build a model.

    On the meta device operations take no memory, but a million of them take minutes.
    """

    def __init__(self, most: int = OPERATIONS) -> None:
        super().__init__()
        self.most, self.count = most, 0

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        self.count += 1
        if self.count > self.most:
            raise TooLarge(f"the model must take at most {self.most:,} operations to build")
        kwargs = kwargs or {}
        if func in META_SHORTCUTS and isinstance(args[0], Tensor) and args[0].is_meta:
            return META_SHORTCUTS[func](args[0])
        return func(*args, **kwargs)
