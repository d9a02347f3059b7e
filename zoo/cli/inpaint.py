"""The command that fills masked regions of a picture: inpaint."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, add_output
from zoo.cli.translate import check_targets, read_picture, write
from zoo.errors import ZooError
from zoo.files import expand_user
from zoo.pretrained import catalog

if TYPE_CHECKING:
    from torch import Tensor


def register(add_command: AddCommand) -> None:
    """Add the command of this module."""
    add = add_command(inpaint, "Fill the masked regions of a picture.")
    add("name", metavar="NAME|FILE")
    add("picture", type=Path, metavar="PICTURE")
    add("--mask", type=Path, required=True, help="picture of equal size, white where to fill")
    add_output(add, Path("inpainted.png"))


def inpaint(options: Namespace) -> None:
    """Write a picture whose masked regions are filled by the model."""
    from zoo.analysis import inpainting
    from zoo.core.modality import ImagePairs, modality_of
    from zoo.core.restoration import SupportsInpainting

    x, alpha, mask = read_pictures(options)
    model = catalog.load(options.name, options.device)
    modality = modality_of(model)
    if not isinstance(model, SupportsInpainting) or not isinstance(modality, ImagePairs):
        raise ZooError(
            f"the model must fill holes, got {options.name}, a {type(model).__name__}. Choose a "
            "context encoder"
        )
    filled = inpainting.inpaint(model, x.to(model.device), mask, modality.input[1])
    write(filled, alpha, expand_user(options.to))
    print(f"{options.picture} with the masked regions filled is in {options.to}")


def read_pictures(options: Namespace) -> "tuple[Tensor, Tensor | None, Tensor]":
    """The picture (3, h, w) in [-1, 1], its opacity, and the mask (h, w); raises ZooError for
    unreadable pictures, and for an output that would replace one."""
    from zoo.decoding import BadPicture, quiet_decoders

    paths = [expand_user(path) for path in (options.picture, options.mask)]
    found = []
    with quiet_decoders():
        for path, channels in zip(paths, (3, 1), strict=True):
            try:
                found.append(read_picture(path, channels))
            except BadPicture as fault:
                raise ZooError(f"{path} {fault}. Name another picture") from fault
            check_targets([(path, expand_user(options.to))])
    (x, alpha), (mask, _) = found
    if x.shape[1:] != mask.shape[1:]:
        wanted, got = (f"{p.shape[2]} x {p.shape[1]}" for p in (x, mask))
        raise ZooError(
            f"the mask must have the size of the picture, {wanted} pixels, got {got}. Draw it on a "
            "copy of the picture"
        )
    return x, alpha, mask[0] > 0
