"""Commands for the catalog: `zoo list`, `show`, `verify` and `leaderboard`."""

from argparse import Namespace
from fnmatch import fnmatch
from pathlib import Path

from zoo.cli.arguments import AddCommand
from zoo.errors import ZooError
from zoo.pretrained import catalog
from zoo.text import printable

FILES = "names, files with cards beside them, folders of such files, or owner/name"


def register(verb: AddCommand) -> None:
    """Add the commands `list`, `show`, `verify` and `leaderboard`."""
    add = verb(list_, "List the models with pretrained weights.")
    add("pattern", nargs="?", default="*", help="pattern of names, as '*-celeba', or a folder")
    add("--recipes", action="store_true", help="list the recipes of `zoo fit` instead")

    add = verb(show, "Print the card of a model.")
    add("name", metavar="NAME|FILE")

    add = verb(verify, "Check digests and previews of weights files against their cards.")
    add("names", nargs="*", metavar="NAME|FILE", help=f"{FILES} (all models of `zoo list`)")

    add = verb(leaderboard, "Write a leaderboard of all cards: .md, .csv and .html.")
    add("names", nargs="*", metavar="NAME|FILE", help=f"{FILES} (all models of `zoo list`)")
    folder = "folder (the current one; in a clone, for all models, benchmarks)"
    add("--to", type=Path, metavar="FOLDER", help=folder)


def list_(options: Namespace) -> None:
    """Print the names of models or recipes."""
    if options.recipes:
        print("\n".join(name for name in catalog.list_recipes() if fnmatch(name, options.pattern)))
        return
    names = catalog.list_models(options.pattern) or catalog.expand([options.pattern])
    if names == [options.pattern] and not catalog.is_path(options.pattern):
        count = len(catalog.list_models())
        print(f"no model matches {options.pattern!r}; `zoo list` lists all {count}")
        return
    width = max(map(len, names))
    for name in names:
        print(f"{printable(name):<{width}} {summary(name)}")


def summary(name: str) -> str:
    """The number of parameters, the place of the weights and the headline metric of a model, or
    the error of its card."""
    try:
        card = catalog.card(name)
    except ZooError as error:
        return str(error)
    place = "local" if catalog.is_path(name) or catalog.is_local(name) else "Hub"
    score = f"{card.metrics[0]['metric']} {card.metrics[0]['value']}"
    return f"{card.facts['parameters']:>10,} parameters   {place:<5}  {score}"


def show(options: Namespace) -> None:
    """Print a card."""
    print(catalog.card(options.name))


def verify(options: Namespace) -> None:
    """Print the result of each check; raises ZooError if one fails."""
    from zoo.publishing.verify import verify as verify_model

    failed = []
    installed = filter(catalog.is_local, catalog.list_models())
    names = catalog.expand(options.names) or list(installed)
    width = max(map(len, names), default=0)
    for name in names:
        try:
            print(f"{printable(name):<{width}} {', '.join(verify_model(name))}")
        except ZooError as error:
            failed.append(printable(name))
            print(f"{printable(name):<{width}} FAILED: {error}")
    if failed:
        count = f"{len(failed)} of {len(names)}"
        raise ZooError(f"{count} models do not match their cards: {', '.join(failed)}")


def leaderboard(options: Namespace) -> None:
    """Write the files of the leaderboard, and print their paths."""
    from zoo.publishing.leaderboard import write

    folder = catalog.output_folder("benchmarks") if not options.names else Path()
    for path in write(options.to or folder, catalog.expand(options.names)):
        print(path)
