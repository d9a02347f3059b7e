"""Commands for the models of the zoo: list, show, verify, leaderboard."""

from argparse import Namespace
from fnmatch import fnmatch
from pathlib import Path

from zoo.cli.arguments import AddCommand
from zoo.errors import ZooError
from zoo.pretrained import catalog
from zoo.text import printable

FILES = "names, FILEs with their cards beside them, folders of such, owner/name"


def register(verb: AddCommand) -> None:
    add = verb(list_, "List the models that have trained weights.")
    add("pattern", nargs="?", default="*", help="names that match, as '*-celeba', or a folder")
    add("--recipes", action="store_true", help="list the recipes of `zoo fit` instead")

    add = verb(show, "Print the card of a model.")
    add("name", metavar="NAME|FILE")

    add = verb(verify, "Check digest, strict loading and preview of models against their cards.")
    add("names", nargs="*", metavar="NAME|FILE", help=f"{FILES} (all installed)")

    add = verb(leaderboard, "Write one table of all cards: .md, .csv and .html.")
    add("names", nargs="*", metavar="NAME|FILE", help=f"{FILES} (all)")
    folder = "folder (the current one; benchmarks for all, in the sources)"
    add("--to", type=Path, metavar="FOLDER", help=folder)


def list_(options: Namespace) -> None:
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
    """Parameters, place of the weights and headline metric of a model, or why there are none."""
    try:
        card = catalog.card(name)
    except ZooError as error:
        return str(error)
    place = "local" if catalog.is_path(name) or catalog.is_local(name) else "Hub"
    score = f"{card.metrics[0]['metric']} {card.metrics[0]['value']}"
    return f"{card.facts['parameters']:>10,} parameters   {place:<5}  {score}"


def show(options: Namespace) -> None:
    print(catalog.card(options.name))


def verify(options: Namespace) -> None:
    from zoo.publishing.verify import verify as check

    failed = []
    installed = filter(catalog.is_local, catalog.list_models())
    names = catalog.expand(options.names) or list(installed)
    width = max(map(len, names), default=0)
    for name in names:
        try:
            print(f"{printable(name):<{width}} {', '.join(check(name))}")
        except ZooError as error:
            failed.append(printable(name))
            print(f"{printable(name):<{width}} FAILED: {error}")
    if failed:
        count = f"{len(failed)} of {len(names)}"
        raise ZooError(f"{count} models do not match their cards: {', '.join(failed)}")


def leaderboard(options: Namespace) -> None:
    from zoo.publishing.leaderboard import write

    folder = catalog.output_folder("benchmarks") if not options.names else Path()
    for path in write(options.to or folder, catalog.expand(options.names)):
        print(path)
