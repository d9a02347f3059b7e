"""Gated PixelCNN. van den Oord et al., 2016, https://arxiv.org/abs/1606.05328

An autoregressive distribution of grids of codes, in raster order. Two stacks of convolutions avoid
a blind spot: the vertical stack sees the rows above, the horizontal one the row's earlier codes.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad


class Vertical(nn.Module):
    """Layer of the vertical stack, on maps (n, width, h, w) of the rows above (figure 2, n = 3).

    The condition enters this stack and reaches the horizontal one through `link` (section 2.3).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, (2, 3))
        self.given = nn.Conv2d(width, 2 * width, 1, bias=False)
        self.link = nn.Conv2d(2 * width, 2 * width, 1)

    def forward(self, above: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Output (n, width, h, w), and the link (n, 2 * width, h, w) to the horizontal stack."""
        # padded by one row above and one column at each side: row i sees rows i - 1 and i of
        # `above`, whose rows `run_vertical` has shifted down by one
        features = self.conv(pad(above, (1, 1, 1, 0))) + self.given(condition)
        return gate(features), self.link(features)


class Horizontal(nn.Module):
    """Layer of the horizontal stack, on maps (n, width, h, w) of the row's earlier codes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, (1, 2), bias=False)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, left: Tensor, link: Tensor) -> Tensor:
        """Output (n, width, h, w); `link` (n, 2 * width, h, w) comes from the vertical stack."""
        # padded by one column at the left: position j sees columns j - 1 and j
        return left + self.out(gate(self.conv(pad(left, (1, 0))) + link))


def gate(features: Tensor) -> Tensor:
    """Gated activation tanh(f) * sigmoid(g) of maps (n, 2 * width, h, w): (n, width, h, w).

    Equation 2.
    """
    f, g = features.chunk(2, dim=1)
    return f.tanh() * g.sigmoid()


class PixelCNN(nn.Module):
    """Distribution of grids (n, side, side) of whole numbers from 0 to `codes` - 1.

    `condition` is an optional conditioning input as maps (n, width, side, side).
    """

    def __init__(self, codes: int, side: int, width: int, depth: int) -> None:
        super().__init__()
        self.side = side
        self.embedding = nn.Embedding(codes, width)
        self.place = nn.Parameter(torch.zeros(1, width, side, side))  # positional embedding
        self.vertical = nn.ModuleList(Vertical(width) for _ in range(depth))
        self.horizontal = nn.ModuleList(Horizontal(width) for _ in range(depth))
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, codes, 1)
        )

    def forward(self, codes: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits (n, codes, h, side) of each position of the first h rows of grids (n, h, side)."""
        x = self.embed(codes)
        return self.run_horizontal(x, self.run_vertical(x, condition))

    def embed(self, codes: Tensor) -> Tensor:
        """Embed grids (n, h, w) as maps (n, width, h, w)."""
        return self.embedding(codes).movedim(-1, 1)

    def run_vertical(self, x: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """Links (n, 2 * width, h, side) of each layer, from embedded rows x (n, width, h, side)."""
        rows = x.shape[2]
        position = self.place if condition is None else self.place + condition
        above, links = pad(x, (0, 0, 1, -1)), []  # shifted down: row i sees rows before i only
        for layer in self.vertical:
            above, link = layer(above, position[:, :, :rows])
            links.append(link)
        return links

    def run_horizontal(self, x: Tensor, links: list[Tensor]) -> Tensor:
        """Logits (n, codes, h, w) from embedded rows x (n, width, h, w) and the vertical links."""
        left = pad(x, (1, -1))  # shifted right: column j sees columns before j only
        for layer, link in zip(self.horizontal, links, strict=True):
            left = layer(left, link)
        return self.head(left)

    def code_nll(self, codes: Tensor, condition: Tensor | None = None) -> Tensor:
        """Negative log-likelihood (n,) of grids (n, side, side), in nats."""
        logits = self(codes, condition).float()
        return cross_entropy(logits, codes, reduction="none").sum((1, 2))

    def sample_indices(self, uniform: Tensor, condition: Tensor | None = None) -> Tensor:
        """Sample grids (n, side, side) by inverse transform sampling.

        `uniform` (n, side, side) holds uniform numbers in [0, 1). The vertical stack runs once for
        each row, the horizontal stack once for each position.
        """
        codes = torch.zeros_like(uniform, dtype=torch.long)
        for i in range(self.side):
            links = self.run_vertical(self.embed(codes[:, : i + 1]), condition)
            links = [link[:, :, i:] for link in links]  # of row i: (n, 2 * width, 1, side)
            for j in range(self.side):
                row = self.embed(codes[:, i : i + 1, : j + 1])
                logits = self.run_horizontal(row, [link[..., : j + 1] for link in links])[
                    :, :, 0, j
                ]
                cdf = logits.double().softmax(1).cumsum(1)  # (n, codes)
                below = (cdf <= uniform[:, i, j, None]).sum(1)
                codes[:, i, j] = below.clamp(max=logits.shape[1] - 1)  # a CDF may end below 1
        return codes
