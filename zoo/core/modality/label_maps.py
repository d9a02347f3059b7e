"""Label maps with photographs: each pixel of a map is the number of what the photograph shows."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from zoo.core.modality.base import Mismatch, Modality
from zoo.core.modality.images import ImagePairs, noise, normalize
from zoo.decoding import BadPicture
from zoo.errors import BadInput, ZooError
from zoo.plotting.label_colors import from_colors, to_colors


@dataclass(frozen=True)
class LabelMaps(ImagePairs):
    """Pairs of a label map (n, 1, h, w) in int64, from 0 to labels - 1, stored in uint8, and an
    image (n, channels, h, w) in [-1, 1]: batches are (label maps, images)."""

    labels: int
    noun: ClassVar[str] = "label maps with images"

    def normalize(self, values: Tensor) -> Tensor:
        return values.long()

    def show(self, inputs: Tensor) -> Tensor:
        return normalize(to_colors(inputs))

    def toy(self, n: int) -> tuple[Tensor, Tensor]:
        return noise(n, self.input) % self.labels, noise(n, self.target)

    def check_inputs(self, maps: Tensor) -> None:
        """Raise BadInput unless maps are int64 (n, 1, h, w) of the labels and the size."""
        if maps.dtype != torch.int64 or maps.ndim != 4 or maps.shape[1:] != self.input:
            raise BadInput(
                f"label maps must be int64 (n, {', '.join(map(str, self.input))}), got "
                f"{str(maps.dtype).removeprefix('torch.')} {tuple(maps.shape)}. Resize them by "
                "nearest neighbors"
            )
        if maps.numel() and not 0 <= int(maps.min()) <= int(maps.max()) < self.labels:
            raise BadInput(
                f"labels must be from 0 to {self.labels - 1}, got {int(maps.min())} to "
                f"{int(maps.max())}. Replace others"
            )

    def mismatch(self, data: Modality) -> Mismatch | None:
        if not isinstance(data, LabelMaps):
            return self.other_kind(data)
        return self.first_difference(data, ("labels",)) or super().mismatch(data)

    def inputs(self, path: Path) -> Tensor:
        colored = ImagePairs(self.target, self.target).inputs(path)
        pixels = ((colored + 1) * 127.5).round().to(torch.uint8)
        try:
            return self.normalize(from_colors(pixels))
        except BadPicture as fault:
            raise ZooError(f"{path} {fault}") from fault
