"""Verbs that draw."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, above_zero, add_sampling, positive, seed
from zoo.cli.images import add_folder, add_images, images_for, load_codec, refuse_classes
from zoo.errors import ZooError
from zoo.pretrained import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from zoo.core.module import ZooModule


MOST = 10_000  # images in one PNG
TO = "where: a .png, or .npy or .npz of (n, height, width, channels) in uint8 (samples.png)"


def register(verb: AddCommand) -> None:
    add = verb(sample, "Draw images into one PNG, or into an array of any length.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=64, help="how many (64)")
    add("--truncation", type=above_zero, help="no number of a latent is larger (no limit)")
    add("--seed", type=seed, default=0, help="the same seed gives the same images (0)")
    add("--to", type=Path, default=Path("samples.png"), help=TO)
    add("--device", help="cpu, cuda, mps (cpu)")

    add = verb(interpolate, "Draw paths between latents, or between real images, into one PNG.")
    add("name", metavar="NAME|FILE")
    add(
        "--between",
        choices=["samples", "real"],
        default="samples",
        help="samples: drawn latents; real: codes, the true images outside (samples)",
    )
    add(
        "--path",
        choices=["great-circle", "straight"],
        help="how (great-circle between samples, straight between real images)",
    )
    add("--rows", type=positive, default=8, help="how many paths (8)")
    add("--steps", type=positive, default=8, help="images on each path (8)")
    add_images(add)
    add_folder(add)
    add_sampling(add, Path("interpolation.png"))


def sample(options: Namespace) -> None:
    import torch

    from zoo.core.modality import Images
    from zoo.core.preview import columns_of
    from zoo.plotting import arrays, pictures

    is_array = options.to.suffix in arrays.ENDINGS
    if options.n > MOST and not is_array:
        raise ZooError(
            f"n must be <= {MOST} for a PNG, got {options.n}. Write an array instead: --to "
            f"{options.to.with_suffix('.npy')}"
        )
    model = catalog.load(options.name, options.device)
    levels = pixels(sample_model(model, options), options.n)
    if is_array:
        arrays.save(levels, options.n, options.to)
    else:
        images = torch.cat([*levels]) / 127.5 - 1
        pictures.save(pictures.grid(images, columns_of(model, Images())), options.to)
    print(f"{options.n} samples of {options.name} are in {options.to}")


def pixels(chunks: "Iterator[Tensor]", n: int) -> "Iterator[Tensor]":
    """Images a few at a time, as grey levels in uint8 on the CPU; a bar if it takes long."""
    from tqdm import tqdm

    from zoo.plotting.pictures import to_uint8

    with tqdm(desc="samples", total=n, leave=False, disable=None, delay=2) as bar:
        for images in chunks:
            yield to_uint8(images).cpu()
            bar.update(len(images))


def sample_model(model: "ZooModule", options: Namespace) -> "Iterator[Tensor]":
    """Samples a few at a time, by truncated latents where that is wanted."""
    from zoo.analysis import latents
    from zoo.core.latent_models import LatentVariableModel
    from zoo.core.protocols import SupportsChunkedSampling, SupportsSampling

    if options.truncation is None:
        if isinstance(model, SupportsChunkedSampling):
            return model.sample_chunks(options.n, options.seed)
        if not isinstance(model, SupportsSampling):
            raise ZooError(f"{options.name} draws no images: it is a {type(model).__name__}")
        return iter([model.sample(options.n, options.seed)])
    if not isinstance(model, LatentVariableModel):
        raise ZooError(
            f"{options.name} draws no images from latents that could be truncated: it is a "
            f"{type(model).__name__}"
        )
    z = latents.truncated(model, options.n, options.truncation, options.seed)
    return model.decode_chunks(z)


def interpolate(options: Namespace) -> None:
    from zoo.plotting import pictures

    between = {"real": between_real, "samples": between_samples}[options.between]
    pictures.save(between(options), options.to)
    what = {"real": "real images", "samples": "samples"}[options.between]
    print(f"{options.rows} paths between two {what} each, by {options.name}, are in {options.to}")


def between_samples(options: Namespace) -> "Tensor":
    from zoo.analysis import latents
    from zoo.core.latent_models import ConditionalModel, LatentVariableModel
    from zoo.plotting import pictures

    model = catalog.load(options.name, options.device)
    if not isinstance(model, LatentVariableModel):
        raise ZooError(
            f"{options.name} draws no images from latents: it is a {type(model).__name__}; where "
            "it has codes of images, --between real draws paths between those"
        )
    ends = model.prior(2 * options.rows, options.seed)
    walk = latents.PATHS[options.path or "great-circle"]
    path = walk(ends[: options.rows], ends[options.rows :], options.steps)
    if isinstance(model, ConditionalModel):  # a path stays in its class
        images = model.decode(
            path, model.cyclic_labels(options.rows).repeat_interleave(options.steps)
        )
    else:
        images = model.decode(path)
    return pictures.grid(images, columns=options.steps)


def between_real(options: Namespace) -> "Tensor":
    from zoo.analysis import latents
    from zoo.data.images import normalize
    from zoo.plotting import pictures

    model, codec = load_codec(options)
    refuse_classes(options, model)
    pixels = images_for(options, model).pixels
    chosen = shuffled_pairs(len(pixels), options.seed)[: 2 * options.rows]
    if len(chosen) < 2 * options.rows:
        raise ZooError(f"{options.rows} paths need two images each, and there are {len(pixels)}")
    true = normalize(pixels[chosen].to(model.device))
    a, b = true[: options.rows], true[options.rows :]
    walk = latents.PATHS[options.path or "straight"]
    path = latents.interpolate(codec, a, b, options.steps, walk)
    columns = (1, options.steps, 1)
    parts = [pictures.grid(x, c) for x, c in zip((a, path, b), columns, strict=True)]
    return pictures.hstack(*parts)


def shuffled_pairs(n: int, seed: int) -> "Tensor":
    """The whole numbers below n, in an order that the seed fixes."""
    import torch

    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))
