"""Commands that analyze a generator: truncate, project."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, above_zero, add_sampling, positive
from zoo.cli.images import add_folder, add_images, add_recipe, data_for, images_for, load_generator
from zoo.errors import ZooError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from zoo.core.latent_models import LatentVariableModel
    from zoo.data.images import ImageDataModule
    from zoo.metrics.extractors import Extractor


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(truncate, "Compare the same samples at several truncation thresholds.")
    add("name", metavar="NAME|FILE")
    at = "thresholds of latents (2 1.5 1 0.5), or shares psi of a StyleGAN (0.9 0.7 0.5 0.3)"
    add("--at", type=above_zero, nargs="+", metavar="THRESHOLD", help=at)
    add("-n", type=positive, default=2000, help="samples for precision and recall (2000)")
    add("--columns", type=positive, default=10, help="samples that each row shows (10)")
    add_recipe(add)
    add_sampling(add, Path("truncation.png"))

    add = add_command(project, "Project images onto a generator, by gradient descent on latents.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=8, help="number of images (8)")
    add("--steps", type=positive, default=500, help="steps of gradient descent (500)")
    add("--starts", type=positive, default=4, help="initial latents of each image (4)")
    space = "z: latents; w: styles of a StyleGAN; w+: a style for each of its layers (z)"
    add("--space", choices=["z", "w", "w+"], default="z", help=space)
    add_images(add)
    add_folder(add)
    add_sampling(add, Path("projection.png"))


NEIGHBORS = 3  # k of precision and recall: Kynkaanniemi et al., 2019, section 3


def truncate(options: Namespace) -> None:
    """Write samples at several thresholds as a PNG; print their precision and recall."""
    import torch

    from zoo.analysis import latents
    from zoo.data.features import extract
    from zoo.metrics.manifold import precision_recall
    from zoo.plotting import pictures
    from zoo.pretrained.extractors import load_extractor

    if options.n <= NEIGHBORS:
        raise ZooError(f"n must be > {NEIGHBORS} for precision, got {options.n}. Set a larger -n")
    model = load_generator(options)
    data = data_for(options, model)
    extractor = load_extractor(data.extractor, model.device)
    real = reference_features(data, extractor, options.n).to(model.device)
    rows, captions = [], []
    for threshold, name in thresholds(model, options.at):
        images = torch.cat([*latents.sample_truncated(model, options.n, threshold, options.seed)])
        fake = extract(extractor, pictures.to_uint8(images[: len(real)]), f"truncation {name}")
        precision, recall = precision_recall(real, fake, NEIGHBORS)
        captions.append(f"{name}: precision {precision:.2f}, recall {recall:.2f}")
        rows.append(images[: options.columns])
    grid = pictures.grid(torch.cat(rows), len(rows[0]))
    pictures.save(pictures.add_captions(grid, captions), options.to)
    print(*captions, sep="\n")
    print(f"metrics of {len(real)} samples at each threshold, by features of {data.extractor}")
    print(f"the first {len(rows[0])} samples of {options.name} at each are in {options.to}")


def thresholds(
    model: "LatentVariableModel", given: list[float] | None
) -> "Iterator[tuple[float, str]]":
    """Truncations with their names: none, then those given, by default the usual ones."""
    from zoo.core.protocols import HasStyles

    has_styles = isinstance(model, HasStyles)
    usual = [0.9, 0.7, 0.5, 0.3] if has_styles else [2.0, 1.5, 1.0, 0.5]
    yield 1.0 if has_styles else float("inf"), "none"
    yield from ((at, f"{at:g}") for at in sorted(given or usual, reverse=True))


def reference_features(data: "ImageDataModule", extractor: "Extractor", n: int) -> "Tensor":
    """Features of the first n reference images, at most those of the `quick` protocol."""
    from zoo.data.features import real_features
    from zoo.evaluation.records import PROTOCOLS

    return real_features(extractor, data, data.reference, PROTOCOLS["quick"].images)[:n]


def project(options: Namespace) -> None:
    """Write images above their projections as a PNG; print the errors and norms."""
    from zoo.analysis import latents, styles
    from zoo.data.images import normalize
    from zoo.losses.reconstruction import pixel_error
    from zoo.plotting import pictures

    model = load_generator(options)
    images = normalize(images_for(options, model, options.n).pixels.to(model.device))
    if options.space == "z":
        z = latents.project(model, images, options.steps, options.starts, seed=options.seed)
        projections = model.decode(z)
    else:
        network = styles.require_styles(model, options.name)
        by_layer = options.space == "w+"
        w = styles.project_to_styles(network, images, options.steps, by_layer)
        projections = network.synthesize(w)
    pictures.save(pictures.grid(pictures.rows(images, projections)), options.to)
    print(f"{len(images)} images above their projections by {options.name} are in {options.to}")
    error = float(pixel_error(projections, images).mean())
    print(f"mse {error:.4f} of a pixel in [0, 1]")
    if options.space == "z":
        rms = float(z.square().mean().sqrt())
        prior_rms = float(model.prior(1000, options.seed).square().mean().sqrt())
        print(f"root mean square of the latents: {rms:.2f}, of the prior: {prior_rms:.2f}")
