"""Commands on the style space of StyleGANs: mix, directions."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import AddCommand, above_zero, add_sampling, positive
from zoo.pretrained import catalog

if TYPE_CHECKING:
    from zoo.analysis.styles import Directions
    from zoo.core.protocols import HasStyles

LEVELS = ("coarse", "middle", "fine")


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(mix, "Mix the styles of two sets of samples of a StyleGAN, as a grid.")
    add("name", metavar="NAME|FILE")
    add("--rows", type=positive, default=3, help="samples at the left, for each level (3)")
    add("--columns", type=positive, default=6, help="samples at the top, which give layers (6)")
    add("--truncation", type=above_zero, default=0.7, help="share of the mean's distance (0.7)")
    add_sampling(add, Path("mixed.png"))

    add = add_command(directions, "Find directions in the style space of a StyleGAN, unlabeled.")
    add("name", metavar="NAME|FILE")
    add(
        "--method",
        choices=["sefa", "pca"],
        default="sefa",
        help="sefa: eigenvectors of the weights; pca: principal components of styles (sefa)",
    )
    add("--layers", choices=["all", *LEVELS], default="all", help="layers that move (all)")
    add("--rows", type=positive, default=6, help="number of directions (6)")
    add("--steps", type=positive, default=7, help="images of each row (7)")
    add("--reach", type=above_zero, default=3.0, help="largest offset, in deviations of w (3)")
    add("--truncation", type=above_zero, default=0.7, help="share of the mean's distance (0.7)")
    add_sampling(add, Path("directions.png"))


def mix(options: Namespace) -> None:
    """Write samples that take the coarse, middle or fine styles of others as a PNG."""
    import torch

    from zoo.analysis import styles
    from zoo.plotting import pictures

    model = styles.require_styles(catalog.load(options.name, options.device), options.name)
    n = len(LEVELS) * options.rows
    w = styles.truncate_styles(
        model.styles(model.prior(n + options.columns, options.seed)),
        model.mean_style(),
        options.truncation,
    )
    left, top = w[:n], w[n:]
    slices = styles.levels(w.shape[1])
    groups = zip(left.split(options.rows), LEVELS, strict=True)
    mixed = [styles.mix_styles(some, top, slices[level]) for some, level in groups]
    images = model.synthesize(torch.cat([left, top, *mixed]))
    sources, given, results = images[:n], images[n : n + len(top)], images[n + len(top) :]
    corner = torch.ones_like(images[:1])
    column = pictures.grid(torch.cat([corner, sources]), 1)
    body = pictures.grid(torch.cat([given, results]), len(top))
    pictures.save(pictures.hstack(column, body), options.to)
    print(
        f"samples of {options.name} with the coarse, middle and fine styles of those at the top, "
        f"for {options.rows} rows each, are in {options.to}"
    )


def directions(options: Namespace) -> None:
    """Write samples that move along unlabeled directions as a PNG, one direction in each row."""
    import torch

    from zoo.analysis import styles
    from zoo.plotting import pictures

    model = styles.require_styles(catalog.load(options.name, options.device), options.name)
    sampled = model.styles(model.prior(styles.SAMPLES, 0))
    every = slice(None)
    layers = every if options.layers == "all" else styles.levels(sampled.shape[1])[options.layers]
    found = find_directions(model, options.method, layers)
    z = model.prior(1, options.seed)
    w = styles.truncate_styles(model.styles(z), model.mean_style(), options.truncation)
    vectors = found.vectors[: options.rows]
    deviations = (sampled[:, 0] @ vectors.T).std(0)  # of the styles along each direction
    pairs = zip(vectors, deviations.tolist(), strict=True)
    paths = [styles.move(w, v, options.steps, options.reach * std, layers) for v, std in pairs]
    images = model.synthesize(torch.cat(paths))
    pictures.save(pictures.grid(images, options.steps), options.to)
    print(
        f"{len(vectors)} directions of {options.name} from -{options.reach:g} to {options.reach:g} "
        f"deviations ({options.method}, {options.layers} layers) are the rows of {options.to}"
    )


def find_directions(model: "HasStyles", method: str, layers: slice) -> "Directions":
    """The directions by SeFa or by PCA."""
    from zoo.analysis import styles

    return (
        styles.factorize(model, layers) if method == "sefa" else styles.principal_directions(model)
    )
