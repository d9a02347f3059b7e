"""Commands that convert images to codes and back: encode, decode."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, add_output, positive
from zoo.cli.images import add_folder, add_images, images_for, load_codec
from zoo.errors import BadInput, ZooError

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".safetensors", ".npy")


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(encode, "Write the codes and labels of images to a file.")
    add("name", metavar="NAME|FILE")
    add_images(add)
    add_folder(add)
    add_output(add, Path("codes.safetensors"))

    add = add_command(decode, "Decode codes to images in one PNG.")
    add("name", metavar="NAME|FILE")
    add("codes", type=Path, metavar="CODES", help=".safetensors or .npy file of `zoo encode`")
    add("-n", type=positive, default=64, help="number of codes, from the first (64)")
    add_output(add, Path("decoded.png"))


def encode(options: Namespace) -> None:
    """Write the codes of images to a file."""
    from zoo.evaluation.records import map_batches

    model, codec = load_codec(options)
    images = images_for(options, model)
    codes = map_batches(model, images.pixels, codec.encode, "codes")
    write_codes(codes, images.labels, options.to)
    n, latent = codes.shape
    print(f"{n} codes of {latent} numbers by {options.name} are in {options.to}")


def decode(options: Namespace) -> None:
    """Write the images of codes as a PNG."""
    from zoo.plotting import pictures

    model, codec = load_codec(options)
    codes = read_codes(options.codes)[: options.n].to(model.device)
    try:
        images = codec.decode(codes)
    except BadInput as error:
        raise BadInput(f"{options.codes} must hold codes of {options.name}: {error}") from error
    pictures.save(pictures.grid(images), options.to)
    print(f"{len(images)} images decoded by {options.name} are in {options.to}")


def write_codes(codes: "Tensor", labels: "Tensor", path: Path) -> None:
    """Write codes (n, latent) as .npy, or with their labels as .safetensors.

    Raises ZooError for another ending.
    """
    import numpy as np
    from safetensors.torch import save

    from zoo.files import atomic_write

    require_ending(path)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, codes.numpy())
        else:
            file.write(save({"codes": codes, "labels": labels}))


def read_codes(path: Path) -> "Tensor":
    """Read codes (n, latent) from a file of `write_codes`; raises ZooError for other files."""
    import numpy as np
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    require_ending(path)
    try:
        array = np.load(path) if path.suffix == ".npy" else load_file(path)["codes"].numpy()
        codes = torch.from_numpy(array).float()
    except (SafetensorError, ValueError, TypeError, KeyError, EOFError) as error:
        raise ZooError(
            f"{path} must be a file of codes, got unreadable content ({error}). Write it by "
            "`zoo encode`"
        ) from error
    if codes.ndim != 2:
        raise ZooError(
            f"codes must be of shape (n, latent), got {tuple(codes.shape)} in {path}. Write them "
            "by `zoo encode`"
        )
    return codes


def require_ending(path: Path) -> None:
    """Raise ZooError unless a path has an ending of files of codes."""
    if path.suffix not in ENDINGS:
        raise ZooError(f"files of codes must end in .safetensors or .npy, got {path}. Rename it")
