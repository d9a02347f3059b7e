"""How large a stranger's model may be: told from its header, before anything is given to it."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.overrides import TorchFunctionMode

OPERATIONS = 20_000  # of torch, to build one model: five for each layer, 200 for spectral norm
HEADER = 2**22  # bytes of a safetensors header: names and shapes of that many layers
SHORT: dict[object, Callable[[Tensor], Tensor]] = {
    normalize: lambda x: x,
    torch.mv: lambda matrix: matrix[:, 0],
}  # shapes on the meta device of what spectral norm does 30 times for each layer, at 0.2 ms each


class TooLarge(ValueError):
    """More was asked for than any model of the zoo comes near."""


class LimitOperations(TorchFunctionMode):
    """Stop this thread's building of a model, with TooLarge, at more than `most` operations: on the
    meta device they take no memory, but a million of them take minutes. Other threads build on."""

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
            raise TooLarge(f"it has too many layers: building it must take <= {self.most:,} steps")
        kwargs = kwargs or {}
        if func in SHORT and isinstance(args[0], Tensor) and args[0].is_meta:
            return SHORT[func](args[0])
        return func(*args, **kwargs)
