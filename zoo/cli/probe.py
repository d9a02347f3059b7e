"""Verbs that find out what a generator can draw."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, above_zero, add_sampling, positive
from zoo.cli.images import add_folder, add_images, add_recipe, data_for, images_for, load_generator
from zoo.errors import ZooError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.data.images import ImageDataModule
    from zoo.metrics.extractors import Extractor


def register(verb: AddCommand) -> None:
    add = verb(truncate, "Draw the same samples at several truncations: variety against quality.")
    add("name", metavar="NAME|FILE")
    add("--at", type=above_zero, nargs="+", default=[2.0, 1.5, 1.0, 0.5], metavar="THRESHOLD",
        help="numbers of a latent are not larger (2 1.5 1 0.5)")  # fmt: skip
    add("-n", type=positive, default=2000, help="samples to measure each row by (2000)")
    add("--columns", type=positive, default=10, help="how many of them to draw (10)")
    add_recipe(add)
    add_sampling(add, Path("truncation.png"))

    add = verb(project, "Draw images, and below them the nearest that a generator can draw.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=8, help="how many (8)")
    add("--steps", type=positive, default=500, help="of gradient descent (500)")
    add("--starts", type=positive, default=4, help="latents to begin at, the best one stays (4)")
    add_images(add)
    add_folder(add)
    add_sampling(add, Path("projection.png"))


NEIGHBOURS = 3  # Kynkaanniemi et al., 2019, section 3


def truncate(options: Namespace) -> None:
    import torch

    from zoo.analysis import latents
    from zoo.data.features import extract
    from zoo.metrics.manifold import precision_recall
    from zoo.plotting import pictures
    from zoo.pretrained.extractors import load_extractor

    if options.n <= NEIGHBOURS:
        raise ZooError(f"precision takes more than {NEIGHBOURS} samples: draw more by -n")
    model = load_generator(options)
    data = data_for(options, model)
    extractor = load_extractor(data.extractor, model.device)
    real = references(data, extractor, options.n).to(model.device)
    rows, captions = [], []
    for limit in [None, *sorted(options.at, reverse=True)]:
        name = "none" if limit is None else f"{limit:g}"
        z = latents.truncated(model, options.n, limit or float("inf"), options.seed)
        images = model.decode(z)
        fake = extract(extractor, pictures.to_uint8(images[: len(real)]), f"truncation {name}")
        precision, recall = precision_recall(real, fake, NEIGHBOURS)
        captions.append(f"{name}: precision {precision:.2f}, recall {recall:.2f}")
        rows.append(images[: options.columns])
    drawn = pictures.grid(torch.cat(rows), len(rows[0]))
    pictures.save(pictures.captioned(drawn, captions), options.to)
    print(*captions, sep="\n")
    space, shown = data.extractor, f"the first {len(rows[0])} of {options.name}"
    print(f"in the space of {space}, {len(real)} samples a row; {shown} are in {options.to}")


def references(data: "ImageDataModule", extractor: "Extractor", n: int) -> "Tensor":
    """Features of the first n images that samples are compared with, as far as `quick` has them."""
    from zoo.data.features import real_features
    from zoo.evaluation.records import PROTOCOLS

    return real_features(extractor, data, data.reference, PROTOCOLS["quick"].images)[:n]


def project(options: Namespace) -> None:
    from zoo.analysis import latents
    from zoo.data.images import normalize
    from zoo.losses.reconstruction import pixel_error
    from zoo.plotting import pictures

    model = load_generator(options)
    true = normalize(images_for(options, model, options.n).pixels.to(model.device))
    z = latents.project(model, true, options.steps, options.starts, seed=options.seed)
    again = model.decode(z)
    pictures.save(pictures.grid(pictures.rows(true, again)), options.to)
    print(f"{len(true)} images, the nearest of {options.name} below, are in {options.to}")
    error = float(pixel_error(again, true).mean())
    print(f"mse {error:.4f} of a pixel in [0, 1]")
    size = float(z.square().mean().sqrt())
    usual = float(model.prior(1000, options.seed).square().mean().sqrt())
    print(f"numbers of these latents are about {size:.2f} in size, those of the prior {usual:.2f}")
