"""Commands of energy models: filters, chains."""

from argparse import Namespace
from pathlib import Path

from zoo.cli.arguments import AddCommand, add_output, add_sampling, film_path, positive
from zoo.errors import ZooError
from zoo.pretrained import catalog


def register(add_command: AddCommand) -> None:
    """Add the commands of this module."""
    add = add_command(filters, "Show the weights of the units of a model's first layer as images.")
    add("name", metavar="NAME|FILE")
    add(
        "-n", type=positive, default=100, help="number of units, those of large weights first (100)"
    )
    add_output(add, Path("filters.png"))

    add = add_command(chains, "Film the Gibbs chains of a model, from noise to samples.")
    add("name", metavar="NAME|FILE")
    add("-n", type=positive, default=16, help="number of chains (16)")
    add("--frames", type=positive, default=60, help="frames of the film (60)")
    add("--every", type=positive, default=5, help="Gibbs steps from a frame to the next (5)")
    add_sampling(add, Path("chains.gif"))


def filters(options: Namespace) -> None:
    """Write the weights of units as a PNG, each scaled to its largest weight."""
    from zoo.core.protocols import HasFilters
    from zoo.plotting import pictures

    model = catalog.load(options.name, options.device)
    if not isinstance(model, HasFilters):
        raise ZooError(
            f"the model must have filters, got {options.name}, a {type(model).__name__}. Choose a "
            "restricted Boltzmann machine"
        )
    shown = model.filters()[: options.n]
    pictures.save(pictures.grid(shown, columns=10), options.to)
    print(f"{len(shown)} filters of {options.name} are in {options.to}")


def chains(options: Namespace) -> None:
    """Write the Gibbs chains of a model as a film (.gif), or as film strips (.png)."""
    from zoo.core.modality import Clips
    from zoo.core.protocols import HasGibbsChains

    target = film_path(options.to)
    model = catalog.load(options.name, options.device)
    if not isinstance(model, HasGibbsChains):
        raise ZooError(
            f"the model must have Gibbs chains, got {options.name}, a {type(model).__name__}. "
            "Choose a restricted Boltzmann machine"
        )
    found = model.gibbs_chains(options.n, options.frames, options.every, options.seed)
    channels, height, width = found.shape[2:]
    Clips((channels, height, width), options.frames, options.frames).render(found, target)
    print(
        f"{options.n} chains of {options.name}, each of {options.every * (options.frames - 1)} "
        f"Gibbs steps, are in {target}"
    )
