"""The command that translates pictures of any size: translate."""

import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, seed
from zoo.errors import UnknownName, ZooError
from zoo.files import expand_user
from zoo.pretrained import catalog
from zoo.text import printable

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.core.modality import ImagePairs
    from zoo.core.protocols import SupportsTranslation

    Translate = Callable[[Tensor], Tensor]

UPSCALED = 64  # pixels of a tile of a picture that is enlarged

Job = tuple[Path, Path]  # a picture and the file of its translation


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(translate, "Translate a picture, or a folder of them, of any size.")
    add("name", metavar="NAME|FILE")
    add("source", type=Path, metavar="PICTURE|FOLDER")
    add("--to", type=Path, default=Path("translated"), help="output file or folder (translated)")
    add("--seed", type=seed, default=0, help="seed of the model's noise or style (0)")
    add("--like", type=Path, metavar="PICTURE", help="picture whose style is used, of some models")
    add("--direction", help="direction of a model with several (the first)")
    add("--whole", action="store_true", help="resize each picture instead of cutting it into tiles")
    add("--device", help="cpu, cuda or mps (cpu)")


def translate(options: Namespace) -> None:
    """Write the translation of each picture, with its name and size."""
    from tqdm import tqdm

    from zoo.decoding import BadPicture, quiet_decoders

    model, modality = load_translator(options)
    function = choose_function(options, model, modality)
    jobs, bad = list_jobs(expand_user(options.source), expand_user(options.to)), 0
    with quiet_decoders():
        for source, target in tqdm(jobs, "pictures", leave=False, disable=None, delay=2):
            try:
                x, alpha = read_input(source, modality)
                x = x.to(options.device or "cpu")
                output = of_any_size(options, model, function, x, modality)
                write(output, alpha, target)
            except BadPicture as fault:
                tqdm.write(printable(f"{source} {fault}"), file=sys.stderr)
                bad += 1
    if done := len(jobs) - bad:
        place = jobs[0][1] if len(jobs) == 1 else options.to
        print(f"{done} pictures translated by {options.name} are in {place}")
    if bad:
        raise ZooError(f"{bad} of {len(jobs)} pictures are not translated. Repair or remove them")


def of_any_size(
    options: Namespace,
    model: "SupportsTranslation",
    function: "Translate",
    x: "Tensor",
    modality: "ImagePairs",
) -> "Tensor":
    """The translation of a picture (a, h, w) by a model of one size. Colors are those of the whole
    picture, added to its own lightness at full size. An upscaled picture is larger."""
    from zoo.analysis.tiling import as_a_whole, by_tiles
    from zoo.core.modality import LabelMaps
    from zoo.core.restoration import SupportsColorization, SupportsUpscaling

    size = modality.input[1]
    if isinstance(modality, LabelMaps) and options.whole:
        return as_a_whole(function, x, size, "nearest")
    if isinstance(model, SupportsUpscaling):
        return by_tiles(function, x, UPSCALED)
    if isinstance(model, SupportsColorization):
        return model.recolor(x[None], as_a_whole(function, x, size)[None])[0]
    return (as_a_whole if options.whole else by_tiles)(function, x, size)


def load_translator(options: Namespace) -> "tuple[SupportsTranslation, ImagePairs]":
    """A model that translates images, and its modality; raises ZooError for another model."""
    from zoo.core.modality import ImagePairs, modality_of
    from zoo.core.protocols import SupportsTranslation
    from zoo.core.restoration import SupportsInpainting, SupportsUpscaling

    model = catalog.load(options.name, options.device)
    modality = modality_of(model)
    if not isinstance(model, SupportsTranslation) or not isinstance(modality, ImagePairs):
        raise ZooError(
            f"the model must translate images, got {options.name}, a {type(model).__name__}. "
            "Choose a translator, such as pix2pix"
        )
    if isinstance(model, SupportsInpainting):
        raise ZooError(
            f"the model must translate whole images, got {options.name}, which fills holes. Run "
            "`zoo inpaint NAME PICTURE --mask MASK`"
        )
    if modality.input[1:] != modality.target[1:] and not isinstance(model, SupportsUpscaling):
        raise ZooError(
            f"outputs must have the size of inputs, {modality.input[1]}, got {modality.target[1]} "
            f"by {options.name}. Choose another model"
        )
    return model, modality


def choose_function(
    options: Namespace, model: "SupportsTranslation", modality: "ImagePairs"
) -> "Translate":
    """The translation by `--direction`, `--like` and `--seed`; raises UnknownName for a direction
    that the model does not have, ZooError for a style that it does not take."""
    from zoo.core.label_maps import SupportsStyle
    from zoo.core.modality import LabelMaps
    from zoo.core.protocols import HasDirections

    known = model.directions() if isinstance(model, HasDirections) else ()
    if options.direction is not None:
        if not isinstance(model, HasDirections) or options.direction not in known:
            raise UnknownName("direction", options.direction, known)
        return partial(model.translate_to, direction=options.direction)
    function = partial(model.translate, seed=options.seed)
    if options.like is not None:
        if not isinstance(model, SupportsStyle):
            raise ZooError(f"{options.name} must take a style, but it has none. Omit --like")
        style = read_style(options.like, modality.target[1]).to(options.device or "cpu")
        function = partial(model.translate_like, images=style)
    if isinstance(modality, LabelMaps):  # which are cut and resized as floats
        return lambda x: function(x.round().long())
    return function


def read_style(path: Path, size: int) -> "Tensor":
    """The center square of a picture, (1, 3, size, size) in [-1, 1]; raises ZooError."""
    import torch

    from zoo.core.modality import normalize
    from zoo.data.pairs import read_upright, resized
    from zoo.decoding import BadPicture

    try:
        pixels = resized(read_upright(expand_user(path)), size)
    except BadPicture as fault:
        raise ZooError(f"{path} {fault}. Name another picture by --like") from fault
    return normalize(torch.from_numpy(pixels)[None])


def list_jobs(source: Path, to: Path) -> list[Job]:
    """Each picture with the file of its translation. Raises ZooError where there are none, where
    two translations have one file, and where one would replace an input."""
    from zoo.data.listing import list_files

    if source.is_dir():
        files = list_files(source).files
        jobs = [(file, to / output_name(file.relative_to(source))) for file in files]
    elif source.is_file():
        is_folder = to.is_dir() or not to.suffix
        jobs = [(source, to / output_name(Path(source.name)) if is_folder else to)]
    else:
        raise ZooError(f"the source must be a picture or a folder, got {source}. Check the path")
    if not jobs:
        raise ZooError(f"there are no pictures below {source}. Name another folder")
    check_targets(jobs)
    return jobs


def check_targets(jobs: list[Job]) -> None:
    """Raise ZooError where two translations have one file, or one would replace an input."""
    inputs = {identity(source) for source, _ in jobs}
    taken: dict[Path, Path] = {}
    for source, target in jobs:
        path = target.resolve()
        if path.exists() and identity(path) in inputs:
            raise ZooError(f"{target} must not be an input. Name another place by --to")
        if path in taken:
            raise ZooError(
                f"{source} and {taken[path]} must have different outputs, got {target} for both. "
                "Rename one of them"
            )
        taken[path] = source


def identity(path: Path) -> tuple[int, int]:
    """The device and the number of a file, by which links to it are found."""
    status = path.stat()
    return status.st_dev, status.st_ino


def output_name(path: Path) -> Path:
    """The name of a picture, with the ending .png where its format is not written."""
    from zoo.plotting.pictures import WRITTEN

    return path if path.suffix.lower() in WRITTEN else path.with_suffix(".png")


def read_input(path: Path, modality: "ImagePairs") -> "tuple[Tensor, Tensor | None]":
    """A picture (channels, h, w) in [-1, 1], or the numbers of a label map (1, h, w), and its
    opacity (h, w) in uint8, None where it is opaque; raises BadPicture."""
    import torch

    from zoo.core.modality import LabelMaps
    from zoo.decoding import opened
    from zoo.plotting.label_colors import read_labels

    if isinstance(modality, LabelMaps):
        with opened(path) as image:
            return torch.tensor(read_labels(image, modality.labels))[None].float(), None
    return read_picture(path, modality.input[0])


def read_picture(path: Path, channels: int) -> "tuple[Tensor, Tensor | None]":
    """A picture (channels, h, w) in [-1, 1], and its opacity (h, w) in uint8, None where it is
    opaque; raises BadPicture."""
    from zoo.core.modality import normalize
    from zoo.data.user_images import to_gray
    from zoo.plotting.pictures import read_any

    pixels, alpha = read_any(path)
    return normalize(pixels[None] if channels == 3 else to_gray(pixels[None]))[0], alpha


def write(output: "Tensor", alpha: "Tensor | None", path: Path) -> None:
    """Write an output (1 or 3, h, w) in [-1, 1] in the format of its ending."""
    from zoo.plotting.pictures import save_any, to_uint8

    save_any(to_uint8(output).cpu(), alpha, path)
