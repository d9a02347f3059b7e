"""Commands that explore a model: traverse, map."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, add_sampling, positive
from zoo.cli.images import add_images, data_for, images_for, load_codec
from zoo.errors import ZooError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.core.module import ZooModule
    from zoo.core.protocols import HasStructuredCodes


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(
        traverse,
        "Show the effect of each latent on an image, the most active latents first. Of a model "
        "with structured codes, show the effect of each code on samples.",
    )
    add("name", metavar="NAME|FILE")
    add("--image", type=int, default=0, help="index of the image (0)")
    add("--rows", type=positive, default=10, help="number of latents, or of samples (10)")
    add("--steps", type=positive, default=11, help="images of each row (11)")
    add("--reach", type=float, default=3.0, help="largest offset in standard deviations (3)")
    add_images(add)
    add_sampling(add, Path("traversal.png"))

    add = add_command(map_, "Plot the codes of images as a map in two dimensions, by t-SNE.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=3000, help="number of images (3000)")
    add_images(add)
    add_sampling(add, Path("map.png"))


def traverse(options: Namespace) -> None:
    """Write latent traversals of an image as a PNG, one row for each latent."""
    from zoo.analysis import latents
    from zoo.core.protocols import HasStructuredCodes
    from zoo.evaluation.records import map_batches
    from zoo.plotting import pictures

    model, codec = load_codec(options)
    if isinstance(model, HasStructuredCodes):
        traverse_structured_codes(options, model)
        return
    pixels = images_for(options, model).pixels
    if not 0 <= options.image < len(pixels):
        raise ZooError(
            f"--image must be from 0 to {len(pixels) - 1}, got {options.image}. Choose another "
            "index"
        )
    sample = pixels[:ENOUGH]
    codes = map_batches(model, sample, codec.encode, "codes")
    order = activity(model, sample, codes).argsort(descending=True, stable=True)[: options.rows]
    code = map_batches(model, pixels[[options.image]], codec.encode, "code")[0]
    path = latents.traverse(code, codes.std(0), order, options.steps, options.reach)
    images = codec.decode(path.to(model.device))
    pictures.save(pictures.grid(images, columns=options.steps), options.to)
    print(
        f"latents {', '.join(map(str, order.tolist()))} of {options.name} from -{options.reach:g} "
        f"to {options.reach:g} standard deviations are the rows of {options.to}"
    )


def traverse_structured_codes(options: Namespace, model: "HasStructuredCodes") -> None:
    """Write traversals of samples as a PNG, one block for each code of the model."""
    from zoo.plotting import pictures

    z = model.prior(options.rows, options.seed)
    traversals = model.traverse_codes(z, options.steps, options.reach)
    blocks = [pictures.grid(model.decode(codes), len(codes) // len(z)) for codes in traversals]
    pictures.save(pictures.hstack(*blocks), options.to)
    print(
        f"traversals of the {len(traversals)} codes of {options.name}, for {len(z)} samples, are "
        f"in {options.to}"
    )


ENOUGH = 2000  # images by which the activity of a latent is measured


def activity(model: "ZooModule", pixels: "Tensor", codes: "Tensor") -> "Tensor":
    """Activity (latent,) of each latent, from images (n, ...) in uint8 and codes (n, latent).

    It is the divergence from the prior in nats if the model has a posterior, else the variance.
    """
    from zoo.core.protocols import HasPosterior
    from zoo.evaluation.records import map_batches
    from zoo.metrics.bounds import divergence_per_dimension

    if not isinstance(model, HasPosterior):
        return codes.var(0)
    posterior = model.posterior
    std = map_batches(model, pixels, lambda x: posterior(x).stddev, "posteriors")
    return divergence_per_dimension(codes, std)


def map_(options: Namespace) -> None:
    """Write a t-SNE map of the codes of images as a PNG."""
    from zoo.evaluation.records import map_batches
    from zoo.plotting import maps, pictures

    model, codec = load_codec(options)
    images = images_for(options, model, options.n)
    if images.labels.ndim != 1:
        raise ZooError(
            "the labels of the data must be classes for a map, got attributes. Name a recipe "
            "with classes by --recipe"
        )
    points = maps.tsne(map_batches(model, images.pixels, codec.encode, "codes"), options.seed)
    names = data_for(options, model).classes
    pictures.save(maps.plot_map(points, images.pixels, images.labels, names), options.to)
    print(f"the map of {len(points)} codes by {options.name} is in {options.to}")
