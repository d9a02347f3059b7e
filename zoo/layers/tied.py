"""A dense layer that shares the weight of another."""

from torch import Tensor, nn
from torch.nn.functional import linear


class TiedLinear(nn.Module):
    """Transpose of a dense layer, with its own bias: (n, b) to (n, a).

    The weight remains a parameter of the other layer alone, so that it is counted, stored and
    loaded once.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.mirrored = (layer,)  # in a tuple: as an attribute it would be registered twice
        self.bias = nn.Parameter(layer.weight.new_zeros(layer.in_features))

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.mirrored[0].weight.T, self.bias)
