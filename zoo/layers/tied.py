"""A layer that looks in the mirror."""

from torch import Tensor, nn
from torch.nn.functional import linear


class TiedLinear(nn.Module):
    """The transpose of a dense layer, with a bias of its own: (n, b) back to (n, a).

    The weight stays the other layer's, its one owner: it is counted, stored and loaded once, and
    what becomes of it there is seen here.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.mirrored = (layer,)  # a tuple, for a module here would be registered a second time
        self.bias = nn.Parameter(layer.weight.new_zeros(layer.in_features))

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.mirrored[0].weight.T, self.bias)
