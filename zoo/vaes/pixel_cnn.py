"""Gated PixelCNN. van den Oord et al., 2016, https://arxiv.org/abs/1606.05328

A grid of codes, one at a time in the order of reading, each given those before it. Two stacks of
convolutions see all of these: one the rows above, the other the row's own beginning.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad


class Vertical(nn.Module):
    """A layer of the stack that sees the rows above: (n, width, h, w). Figure 2 with n = 3.

    What is `given` besides acts on both stacks (section 2.3), through the link.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, (2, 3))
        self.given = nn.Conv2d(width, 2 * width, 1, bias=False)
        self.link = nn.Conv2d(2 * width, 2 * width, 1)

    def forward(self, above: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """The next layer's input (n, width, h, w), and what the other stack hears of this one."""
        seen = self.conv(pad(above, (1, 1, 1, 0))) + self.given(given)
        return gate(seen), self.link(seen)


class Horizontal(nn.Module):
    """A layer of the stack that sees the row's beginning and hears of the rows above."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, (1, 2), bias=False)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, left: Tensor, heard: Tensor) -> Tensor:
        return left + self.out(gate(self.conv(pad(left, (1, 0))) + heard))


def gate(features: Tensor) -> Tensor:
    """Equation 2."""
    f, g = features.chunk(2, dim=1)
    return f.tanh() * g.sigmoid()


class PixelCNN(nn.Module):
    """The distribution of grids (n, side, side) of codes below `codes`.

    `given` is what the grids depend on besides, as maps (n, width, side, side).
    """

    def __init__(self, codes: int, side: int, width: int, depth: int) -> None:
        super().__init__()
        self.side = side
        self.embedding = nn.Embedding(codes, width)
        self.place = nn.Parameter(torch.zeros(1, width, side, side))
        self.vertical = nn.ModuleList(Vertical(width) for _ in range(depth))
        self.horizontal = nn.ModuleList(Horizontal(width) for _ in range(depth))
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, codes, 1)
        )

    def forward(self, codes: Tensor, given: Tensor | None = None) -> Tensor:
        """Logits (n, codes, h, w) of each code of a grid's first rows (n, h, side)."""
        known = self.embed(codes)
        return self.across(known, self.down(known, given))

    def embed(self, codes: Tensor) -> Tensor:
        return self.embedding(codes).movedim(-1, 1)

    def down(self, known: Tensor, given: Tensor | None = None) -> list[Tensor]:
        """What each layer hears of the rows above."""
        rows = known.shape[2]
        here = self.place if given is None else self.place + given
        above, heard = pad(known, (0, 0, 1, -1)), []
        for layer in self.vertical:
            above, words = layer(above, here[:, :, :rows])
            heard.append(words)
        return heard

    def across(self, known: Tensor, heard: list[Tensor]) -> Tensor:
        """Logits (n, codes, h, w), by what each layer hears of the rows above."""
        left = pad(known, (1, -1))
        for layer, words in zip(self.horizontal, heard, strict=True):
            left = layer(left, words)
        return self.head(left)

    def code_nll(self, codes: Tensor, given: Tensor | None = None) -> Tensor:
        """How much each grid (n, side, side) surprises, -log p: (n,)."""
        logits = self(codes, given).float()
        return cross_entropy(logits, codes, reduction="none").sum((1, 2))

    def sample_indices(self, chances: Tensor, given: Tensor | None = None) -> Tensor:
        """Grids (n, side, side), each code where its distribution function passes a chance in
        [0, 1): uniform chances (n, side, side) make samples. The rows above are looked at once
        a row."""
        codes = torch.zeros_like(chances, dtype=torch.long)
        for i in range(self.side):
            heard = [words[:, :, i:] for words in self.down(self.embed(codes[:, : i + 1]), given)]
            for j in range(self.side):
                row = self.embed(codes[:, i : i + 1, : j + 1])
                logits = self.across(row, [words[..., : j + 1] for words in heard])[:, :, 0, j]
                passed = logits.double().softmax(1).cumsum(1) <= chances[:, i, j, None]
                codes[:, i, j] = passed.sum(1).clamp(max=logits.shape[1] - 1)
        return codes
