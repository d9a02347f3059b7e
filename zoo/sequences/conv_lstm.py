"""ConvLSTM. Shi, Chen, Wang, Yeung, Wong & Woo, 2015, https://arxiv.org/abs/1506.04214

An LSTM whose states are feature maps, and whose products are convolutions. An encoder reads the
given frames; a forecaster, which begins with its states, predicts the frames that follow.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    pixel_shuffle,
    pixel_unshuffle,
)
from torch.optim import RMSprop

from zoo.checks import check_count
from zoo.core.arguments import Count, Width
from zoo.core.modality import Clips
from zoo.core.module import ZooModule, eval_in_chunks
from zoo.errors import BadInput, BadRecipe
from zoo.layers.precision import at_least_float32

PATCH = 4  # pixels a side, which become channels, section 4.1

State = tuple[Tensor, Tensor]  # h and c, each (n, width, h, w)


class ConvLSTMCell(nn.Module):
    """A step of equation 3: maps (n, a, h, w) and a state to the next state. Without inputs, a is
    0."""

    def __init__(self, a: int, width: int, size: int, kernel: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(a + width, 4 * width, kernel, padding=kernel // 2)
        shape = 3, width, size, size
        self.peepholes = nn.Parameter(torch.zeros(shape))  # from c to the gates i, f and o

    def forward(self, x: Tensor | None, state: State) -> State:
        h, c = state
        i, f, g, o = self.gates(h if x is None else torch.cat([x, h], 1)).chunk(4, 1)
        w_i, w_f, w_o = self.peepholes
        i, f = torch.sigmoid(i + w_i * c), torch.sigmoid(f + w_f * c)
        c = f * c + i * torch.tanh(g)
        o = torch.sigmoid(o + w_o * c)
        return o * torch.tanh(c), c


class ConvLSTM(ZooModule):
    """ConvLSTM on clips of `given` + `predicted` frames, with the kernels of the paper's best
    network and `depth` layers of `width` maps each.

    Raises BadRecipe unless `size` is a multiple of 4 and `kernel` is odd.
    """

    def __init__(
        self,
        size: Count = 64,
        channels: Count = 1,
        given: Count = 10,
        predicted: Count = 10,
        width: Width = 64,
        depth: Count = 3,
        kernel: Count = 5,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if size % PATCH or not kernel % 2:
            raise BadRecipe(
                f"size must be a multiple of {PATCH} and kernel odd, got {size} and {kernel}. Set "
                "64 and 5"
            )
        side, patch = size // PATCH, channels * PATCH**2
        widths = [patch, *[width] * depth]
        self.encoder = nn.ModuleList(ConvLSTMCell(a, b, side, kernel) for a, b in pairwise(widths))
        inputs = [0, *[width] * (depth - 1)]
        self.forecaster = nn.ModuleList(ConvLSTMCell(a, width, side, kernel) for a in inputs)
        self.head = nn.Conv2d(depth * width, patch, 1)

    @property
    def modality(self) -> Clips:
        size, channels = self.hparams["size"], self.hparams["channels"]
        given = self.hparams["given"]
        return Clips((channels, size, size), given + self.hparams["predicted"], given)

    def forward(self, x: Tensor, steps: int) -> Tensor:
        """Frames x (n, t, channels, size, size) in [-1, 1] to logits (n, steps, channels, size,
        size) of the frames that follow."""
        states = self.encode(x)
        logits = []
        for _ in range(steps):
            below: Tensor | None = None
            for k, cell in enumerate(self.forecaster):
                states[k] = cell(below, states[k])
                below = states[k][0]
            logits.append(self.head(torch.cat([h for h, _ in states], 1)))
        return torch.stack([pixel_shuffle(x, PATCH) for x in logits], 1)

    def encode(self, x: Tensor) -> list[State]:
        """The state of each layer after frames x (n, t, channels, size, size) in [-1, 1]."""
        side = x.shape[-1] // PATCH
        empty = x.new_zeros(len(x), self.hparams["width"], side, side)
        states: list[State] = [(empty, empty) for _ in self.encoder]
        for frame in x.unbind(1):
            below = pixel_unshuffle((frame + 1) / 2, PATCH)
            for k, cell in enumerate(self.encoder):
                states[k] = cell(below, states[k])
                below = states[k][0]
        return states

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The cross-entropy of the pixels of predicted frames (section 4), the mean over them."""
        loss = self.loss(batch[0])
        self.log_on_interval({"cross_entropy": loss})
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("val/cross_entropy", self.loss(batch[0]), prog_bar=True, sync_dist=True)

    def loss(self, clips: Tensor) -> Tensor:
        """The mean cross-entropy, in nats, of a pixel of the frames after the given ones."""
        given, following = clips.tensor_split([self.hparams["given"]], dim=1)
        logits = self(given, following.shape[1])
        return binary_cross_entropy_with_logits(logits, (following + 1) / 2)

    def configure_optimizers(self) -> RMSprop:
        return RMSprop(self.parameters(), lr=self.hparams["lr"], alpha=0.9)

    @torch.no_grad()
    def predict(self, x: Tensor, frames: int | None = None) -> Tensor:
        """The frames that follow frames x (n, t, channels, size, size), both in [-1, 1], for any
        t >= 1: (n, frames, channels, size, size), by default as many as in training. Raises
        BadInput for other frames."""
        count = self.hparams["predicted"] if frames is None else frames
        check_count(count, "frames", 1)
        self.modality.check(x)
        if not x.shape[1]:
            raise BadInput("clips must have a frame, got none. Pass the first frames")
        x = x.to(self.parameter_dtype)
        logits = eval_in_chunks(self, x, lambda part: self(part, count))
        return at_least_float32(logits).sigmoid() * 2 - 1
