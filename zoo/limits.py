"""How large a stranger's model may be: told from its header, before anything is given to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules import module as registry

PARTS = 10_000  # layers, parameters and buffers of one model
HEADER = 2**22  # bytes of a safetensors header: names and shapes of so many parts


class TooLarge(ValueError):
    """More was asked for than any model of the zoo comes near."""


@contextmanager
def few_parts(most: int = PARTS) -> Iterator[None]:
    """Stop the building of a model, with TooLarge, as soon as it has more than `most` parts: on
    the meta device they take no memory, but a million of them take minutes."""
    count = 0

    def one_more(parent: nn.Module, name: str, part: nn.Module | Tensor | None) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise TooLarge(f"it has more than {most:,} layers and parameters")

    hooks = [
        registry.register_module_module_registration_hook(one_more),
        registry.register_module_parameter_registration_hook(one_more),
        registry.register_module_buffer_registration_hook(one_more),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
