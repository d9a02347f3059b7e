"""The command that predicts the next frames of a clip: predict."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, add_output, film_path, positive
from zoo.errors import ZooError
from zoo.files import expand_user
from zoo.pretrained import catalog

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.core.modality import Clips


def register(add_command: AddCommand) -> None:
    """Add the command of this module."""
    add = add_command(predict, "Predict the next frames of a clip: a GIF with both.")
    add("name", metavar="NAME|FILE")
    add("clip", type=Path, metavar="GIF|FOLDER", help="animated picture, or folder of frames")
    add("--frames", type=positive, default=10, help="number of predicted frames (10)")
    add_output(add, Path("predicted.gif"))


def predict(options: Namespace) -> None:
    """Write the last frames of a clip, and those that the model predicts, as .gif or .png."""
    import torch

    from zoo.core.modality import Clips, modality_of
    from zoo.core.protocols import SupportsPrediction

    target = film_path(options.to)
    model = catalog.load(options.name, options.device)
    modality = modality_of(model)
    if not isinstance(model, SupportsPrediction) or not isinstance(modality, Clips):
        raise ZooError(
            f"the model must predict frames, got {options.name}, a {type(model).__name__}. Choose "
            "a ConvLSTM"
        )
    frames = read_clip(expand_user(options.clip), modality)
    given = modality.normalize(frames[None, -modality.given :]).to(model.device)
    clip = torch.cat([given, model.predict(given, options.frames)], 1)
    Clips(modality.shape, clip.shape[1], given.shape[1]).render(clip, target)
    print(f"{given.shape[1]} frames of {options.clip} and {options.frames} more are in {target}")


def read_clip(source: Path, modality: "Clips") -> "Tensor":
    """The frames (t, channels, size, size) in uint8 of a file or a folder; raises ZooError."""
    import torch

    from zoo.data.clips import read_frames
    from zoo.data.listing import list_files
    from zoo.decoding import BadPicture, quiet_decoders

    files = list_files(source).files if source.is_dir() else [source]
    if not files:
        raise ZooError(f"there are no pictures in {source}. Name a GIF or a folder of frames")
    channels, size, _ = modality.shape
    with quiet_decoders():
        try:
            return torch.cat([read_frames(file, size, channels) for file in files])
        except BadPicture as fault:
            raise ZooError(f"{source} {fault}. Name another clip") from fault
