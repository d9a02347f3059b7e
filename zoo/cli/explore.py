"""Verbs that look around in a latent space."""

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


def register(verb: AddCommand) -> None:
    add = verb(
        traverse,
        "Draw what each latent does to an image, the most active latents first; of a model with "
        "codes of its own, what each does to some samples.",
    )
    add("name", metavar="NAME|FILE")
    add("--image", type=int, default=0, help="the number of the image to start from (0)")
    add("--rows", type=positive, default=10, help="how many latents, or samples, a row each (10)")
    add("--steps", type=positive, default=11, help="images on each row (11)")
    add("--reach", type=float, default=3.0, help="how far, in standard deviations (3)")
    add_images(add)
    add_sampling(add, Path("traversal.png"))

    add = verb(map_, "Draw the codes of images as a map in two dimensions, by t-SNE.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=3000, help="how many images (3000)")
    add_images(add)
    add_sampling(add, Path("map.png"))


def traverse(options: Namespace) -> None:
    from zoo.analysis import latents
    from zoo.core.protocols import HasStructuredCodes
    from zoo.evaluation.records import map_batches
    from zoo.plotting import pictures

    model, codec = load_codec(options)
    if isinstance(model, HasStructuredCodes):
        through_codes(options, model)
        return
    pixels = images_for(options, model).pixels
    if not 0 <= options.image < len(pixels):
        raise ZooError(
            f"there are {len(pixels)} images, 0 to {len(pixels) - 1}: no {options.image}"
        )
    few = pixels[:ENOUGH]
    codes = map_batches(model, few, codec.encode, "codes")
    order = activity(model, few, codes).argsort(descending=True, stable=True)[: options.rows]
    code = map_batches(model, pixels[[options.image]], codec.encode, "code")[0]
    path = latents.traverse(code, codes.std(0), order, options.steps, options.reach)
    drawn = pictures.grid(codec.decode(path.to(model.device)), columns=options.steps)
    pictures.save(drawn, options.to)
    print(
        f"latents {', '.join(map(str, order.tolist()))} of {options.name}, a row each, from "
        f"-{options.reach:g} to {options.reach:g} standard deviations, are in {options.to}"
    )


def through_codes(options: Namespace, model: "HasStructuredCodes") -> None:
    """Each of a model's codes through its values, in a block of its own."""
    from zoo.plotting import pictures

    z = model.prior(options.rows, options.seed)
    swept = model.traverse_codes(z, options.steps, options.reach)
    blocks = [pictures.grid(model.decode(latents), len(latents) // len(z)) for latents in swept]
    pictures.save(pictures.hstack(*blocks), options.to)
    print(
        f"{len(z)} samples of {options.name}, a row each, through the values of its {len(swept)} "
        f"codes, one beside the other, are in {options.to}"
    )


ENOUGH = 2000  # images that tell how much a latent varies


def activity(model: "ZooModule", pixels: "Tensor", codes: "Tensor") -> "Tensor":
    """How much each latent says (latent,): its divergence from the prior in nats, where there is a
    posterior, else the variance of its codes (n, latent)."""
    from zoo.core.protocols import HasPosterior
    from zoo.evaluation.records import map_batches
    from zoo.metrics.bounds import divergence_per_dimension

    if not isinstance(model, HasPosterior):
        return codes.var(0)
    posterior = model.posterior
    spread = map_batches(model, pixels, lambda x: posterior(x).stddev, "posteriors")
    return divergence_per_dimension(codes, spread)


def map_(options: Namespace) -> None:
    from zoo.evaluation.records import map_batches
    from zoo.plotting import maps, pictures

    model, codec = load_codec(options)
    images = images_for(options, model, options.n)
    if images.labels.ndim != 1:
        raise ZooError("the colours of a map are classes, and these images have attributes")
    places = maps.flattened(map_batches(model, images.pixels, codec.encode, "codes"), options.seed)
    names = data_for(options, model).classes
    pictures.save(maps.plot_map(places, images.pixels, images.labels, names), options.to)
    print(f"{len(places)} images where {options.name} puts them are in {options.to}")
