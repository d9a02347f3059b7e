"""Commands that optimize a picture for the features of a network: dream, stylize."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import Add, AddCommand, above_zero, add_sampling, positive
from zoo.errors import ZooError
from zoo.files import expand_user

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.dreams.networks import DreamNetwork

EVERY = 10  # steps between two writes of the picture
SIZE = 512


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(dream, "Amplify what a layer of a classifier responds to in a picture.")
    add("picture", type=Path, nargs="?", metavar="PICTURE")
    add_network(add, "googlenet")
    add("--layer", help="name of a layer (one at two thirds of the depth)")
    add("--layers", action="store_true", help="print the names of the layers and stop")
    add("--like", type=Path, metavar="PICTURE", help="dream of the features of another picture")
    add("--octaves", type=positive, default=4, help="sizes of the picture, 1.4 times apart (4)")
    add("--steps", type=positive, default=10, help="gradient steps of each octave (10)")
    add_sampling(add, Path("dream.png"))

    add = add_command(stylize, "Paint a picture in the style of another one.")
    add("picture", type=Path, metavar="PICTURE")
    add("style", type=Path, metavar="STYLE", help="picture of a painting")
    add_network(add, "vgg19")
    add("--style-weight", type=above_zero, default=100.0, help="weight of the style (100)")
    add("--start", choices=["content", "noise"], default="content", help="first image (content)")
    add("--steps", type=positive, default=300, help="steps of L-BFGS (300)")
    add_sampling(add, Path("stylized.png"))


def add_network(add: Add, model: str) -> None:
    """Add the classifier and the size of the picture."""
    about = f"classifier of `zoo list` or of torchvision, which downloads its weights ({model})"
    add("--model", default=model, metavar="NAME|FILE", help=about)
    add("--size", type=positive, default=SIZE, help=f"longest side in pixels, at most ({SIZE})")


def dream(options: Namespace) -> None:
    """Write a picture, after every ten steps and at the end."""
    from tqdm import tqdm

    from zoo.dreams.deep_dream import Settings, deep_dream, octave_sizes
    from zoo.dreams.networks import load_network

    network = load_network(options.model, options.device)
    if options.layers:
        print(*network.layers(), sep="\n")
        return
    image, like, layer = read_pictures(options, network)
    settings = Settings(options.octaves, options.steps, options.seed)
    total = len(octave_sizes(image, settings)) * options.steps
    frames = deep_dream(network, image, layer, like, settings)
    bar = tqdm(frames, f"dream of {layer}", total, leave=False, disable=None)
    for step, frame in enumerate(bar, 1):
        if step % EVERY == 0 or step == total:
            write(frame, options.to)
    print(f"the dream of {layer} of {options.model} is in {options.to}")


def stylize(options: Namespace) -> None:
    """Write a picture, after every ten steps and at the end."""
    from tqdm import tqdm

    from zoo.dreams.networks import load_network
    from zoo.dreams.style_transfer import EVALUATIONS, Settings, style_transfer

    check_output(options, options.picture, options.style)
    picture, style = (read(path, options.size) for path in (options.picture, options.style))
    network = load_network(options.model, options.device)
    frames = -(-options.steps // EVALUATIONS)
    settings = Settings(frames, options.style_weight, options.start, options.seed)
    painted = style_transfer(network, picture, style, settings=settings)
    for frame in tqdm(painted, "style transfer", frames, leave=False, disable=None):
        write(frame, options.to)
    print(f"{options.picture} in the style of {options.style} is in {options.to}")


def read_pictures(
    options: Namespace, network: "DreamNetwork"
) -> "tuple[Tensor, Tensor | None, str]":
    """The picture, its guide, and the layer; raises ZooError for unreadable pictures, UnknownName
    for a layer, before anything is written."""
    if options.picture is None:
        raise ZooError("a picture must be named, got none. Run `zoo dream PICTURE`")
    check_output(options, options.picture)
    layer = options.layer or network.default_layer()
    network.check_layer(layer)
    image = read(options.picture, options.size)
    like = None if options.like is None else read(options.like, options.size)
    return image, like, layer


def check_output(options: Namespace, *inputs: Path) -> None:
    """Raise ZooError for an output that would replace an input."""
    to = expand_user(options.to)
    if to.exists() and any(path.exists() and to.samefile(path) for path in inputs):
        raise ZooError(f"{options.to} must not be an input. Name another file by --to")


def read(path: Path, size: int) -> "Tensor":
    """A picture (3, h, w) in [-1, 1], its longest side reduced to at most `size` pixels."""
    from torch.nn.functional import interpolate

    from zoo.core.modality import normalize
    from zoo.decoding import BadPicture, quiet_decoders
    from zoo.plotting.pictures import read_any

    try:
        with quiet_decoders():
            pixels, _ = read_any(expand_user(path))
    except BadPicture as fault:
        raise ZooError(f"{path} {fault}. Name another picture") from fault
    image = normalize(pixels[None])
    factor = size / max(image.shape[2:])
    if factor < 1:
        sides = [max(1, round(side * factor)) for side in image.shape[2:]]
        image = interpolate(image, size=sides, mode="bilinear", antialias=True)
    return image[0].clamp(-1, 1)


def write(frame: "Tensor", path: Path) -> None:
    """Write a frame (3, h, w) in [-1, 1] in the format of the file's ending."""
    from zoo.plotting.pictures import save_any, to_uint8

    save_any(to_uint8(frame).cpu(), None, expand_user(path))
