"""Verbs that turn images into codes, and codes into images."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, add_place, positive
from zoo.cli.images import add_folder, add_images, images_for, load_codec
from zoo.errors import BadInput, ZooError

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".safetensors", ".npy")


def register(verb: AddCommand) -> None:
    add = verb(encode, "Write the codes of images into a file, with their labels.")
    add("name", metavar="NAME|FILE")
    add_images(add)
    add_folder(add)
    add_place(add, Path("codes.safetensors"))

    add = verb(decode, "Draw the images of codes into one PNG.")
    add("name", metavar="NAME|FILE")
    add("codes", type=Path, metavar="CODES", help=".safetensors or .npy, as `zoo encode` writes it")
    add("-n", type=positive, default=64, help="how many, from the first on (64)")
    add_place(add, Path("decoded.png"))


def encode(options: Namespace) -> None:
    from zoo.evaluation.records import map_batches

    model, codec = load_codec(options)
    images = images_for(options, model)
    codes = map_batches(model, images.pixels, codec.encode, "codes")
    write_codes(codes, images.labels, options.to)
    n, latent = codes.shape
    print(f"{n} codes of {latent} numbers each, by {options.name}, are in {options.to}")


def decode(options: Namespace) -> None:
    from zoo.plotting import pictures

    model, codec = load_codec(options)
    codes = read_codes(options.codes)[: options.n].to(model.device)
    try:
        images = codec.decode(codes)
    except BadInput as error:
        raise BadInput(f"{options.codes} holds no codes of {options.name}: {error}") from error
    pictures.save(pictures.grid(images), options.to)
    print(f"{len(images)} images decoded by {options.name} are in {options.to}")


def write_codes(codes: "Tensor", labels: "Tensor", path: Path) -> None:
    """Codes (n, latent) alone as .npy, or with their labels as .safetensors; raises ZooError."""
    import numpy as np
    from safetensors.torch import save

    from zoo.files import atomic_write

    if path.suffix not in ENDINGS:
        raise ZooError(f"codes are kept in .safetensors or .npy files, not in {path}")
    with atomic_write(path) as beside, beside.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, codes.numpy())
        else:
            file.write(save({"codes": codes, "labels": labels}))


def read_codes(path: Path) -> "Tensor":
    """The codes (n, latent) in a file that `write_codes` wrote; raises ZooError."""
    import numpy as np
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix not in ENDINGS:
        raise ZooError(f"codes are kept in .safetensors or .npy files, not in {path}")
    try:
        found = np.load(path) if path.suffix == ".npy" else load_file(path)["codes"].numpy()
        codes = torch.from_numpy(found).float()
    except (SafetensorError, ValueError, TypeError, KeyError, EOFError) as error:
        raise ZooError(f"{path} holds no codes that `zoo encode` wrote: {error}") from error
    if codes.ndim != 2:
        raise ZooError(f"{path} holds numbers of shape {tuple(codes.shape)}: codes are (n, latent)")
    return codes
