"""Recurrent layers that support every precision on every device."""

import torch
from torch import Tensor, nn

from zoo.layers.precision import HALF

State = tuple[Tensor, Tensor]


class LSTM(nn.LSTM):
    """LSTM that always computes in float32 on CPUs, under autocast and with half-precision weights.

    oneDNN has no bfloat16 LSTM without AVX-512 BF16, and no float16 LSTM on most CPUs.
    """

    def forward(self, x: Tensor, hx: State | None = None) -> tuple[Tensor, State]:  # type: ignore[override]
        """Outputs and last states of sequences x; on CPUs in the precision of the weights."""
        if x.device.type != "cpu":
            return super().forward(x, hx)
        with torch.autocast("cpu", enabled=False):
            weight = self.get_parameter("weight_ih_l0")
            if weight.dtype in HALF:
                return self.in_float32(x, hx)
            state = None if hx is None else (hx[0].to(weight), hx[1].to(weight))
            return super().forward(x.to(weight), state)

    def in_float32(self, x: Tensor, hx: State | None) -> tuple[Tensor, State]:
        """Run the LSTM with float32 copies of half-precision weights.

        The results have the precision of the weights.
        """
        layers = self.num_layers * (2 if self.bidirectional else 1)
        sequences = x.shape[0 if self.batch_first else 1]
        sizes = self.proj_size or self.hidden_size, self.hidden_size
        empty = [x.new_zeros(layers, sequences, size) for size in sizes]
        out, h, c = torch.lstm(
            x.float(),
            [state.float() for state in hx or empty],
            [weight.float() for weight in self.parameters()],
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            self.batch_first,
        )
        weight = self.get_parameter("weight_ih_l0")
        return out.to(weight), (h.to(weight), c.to(weight))
