"""Verbs that draw."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import catalog
from zoo.errors import ZooError
from zoo.verbs.arguments import Verb, add_drawing, positive
from zoo.verbs.images import add_folder, add_images, images_for, load_codec

if TYPE_CHECKING:
    from torch import Tensor


def enter(verb: Verb) -> None:
    add = verb(sample, "Draw images into one PNG.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=64, help="how many (64)")
    add_drawing(add, Path("samples.png"))

    add = verb(interpolate, "Draw paths between latents, or between real images, into one PNG.")
    add("name", metavar="NAME|FILE")
    add(
        "--between",
        choices=["samples", "real"],
        default="samples",
        help="samples: along great circles; real: straight, the true images outside (samples)",
    )
    add("--rows", type=positive, default=8, help="how many paths (8)")
    add("--steps", type=positive, default=8, help="images on each path (8)")
    add_images(add)
    add_folder(add)
    add_drawing(add, Path("interpolation.png"))


def sample(options: Namespace) -> None:
    from zoo import pictures
    from zoo.contracts import Sampler

    model = catalog.load(options.name, options.device)
    if not isinstance(model, Sampler):
        raise ZooError(f"{options.name} draws no images: it is a {type(model).__name__}")
    drawn = pictures.grid(model.sample(options.n, options.seed), pictures.columns(model))
    pictures.save(drawn, options.to)
    print(f"{options.n} samples of {options.name} are in {options.to}")


def interpolate(options: Namespace) -> None:
    from zoo import pictures

    drawn = between_real(options) if options.between == "real" else between_samples(options)
    pictures.save(drawn, options.to)
    what = {"real": "real images", "samples": "samples"}[options.between]
    print(f"{options.rows} paths between two {what} each, by {options.name}, are in {options.to}")


def between_samples(options: Namespace) -> "Tensor":
    from zoo import latents, pictures
    from zoo.animals import LatentVariableModel

    model = catalog.load(options.name, options.device)
    if not isinstance(model, LatentVariableModel):
        raise ZooError(
            f"{options.name} draws no images from latents: it is a {type(model).__name__}; where "
            "it has codes of images, --between real draws paths between those"
        )
    ends = model.prior(2 * options.rows, options.seed)
    path = latents.slerp(ends[: options.rows], ends[options.rows :], options.steps)
    return pictures.grid(model.decode(path), columns=options.steps)


def between_real(options: Namespace) -> "Tensor":
    from recipes.data.images import normalise
    from zoo import latents, pictures

    model, codec = load_codec(options)
    pixels = images_for(options, model).pixels
    chosen = shuffled(len(pixels), options.seed)[: 2 * options.rows]
    if len(chosen) < 2 * options.rows:
        raise ZooError(f"{options.rows} paths need two images each, and there are {len(pixels)}")
    true = normalise(pixels[chosen].to(model.device))
    a, b = true[: options.rows], true[options.rows :]
    path = latents.interpolate(codec, a, b, options.steps)
    columns = (1, options.steps, 1)
    parts = [pictures.grid(x, c) for x, c in zip((a, path, b), columns, strict=True)]
    return pictures.beside(*parts)


def shuffled(n: int, seed: int) -> "Tensor":
    """The whole numbers below n, in an order that the seed fixes."""
    import torch

    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))
