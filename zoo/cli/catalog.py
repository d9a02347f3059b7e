"""Verbs that look after what ships."""

from argparse import Namespace
from fnmatch import fnmatch
from pathlib import Path

from zoo.cli.arguments import AddCommand
from zoo.errors import ZooError
from zoo.pretrained import catalog
from zoo.text import printable

FILES = "a name, a FILE with its card beside it, a folder of such, owner/name"


def register(verb: AddCommand) -> None:
    add = verb(list_, "List the models that have trained weights.")
    add("pattern", nargs="?", default="*", help="which names, as '*-celeba', or a folder of files")
    add("--recipes", action="store_true", help="list what `zoo fit` can train instead")

    add = verb(show, "Print a model's card.")
    add("name", metavar="NAME|FILE")

    add = verb(verify, "Check that files are those of their cards and draw the same pictures.")
    add("names", nargs="*", metavar="NAME|FILE", help=f"{FILES} (all that ship)")

    add = verb(leaderboard, "Write all cards into one table: .md, .csv and .html.")
    add("names", nargs="*", metavar="NAME|FILE", help=f"{FILES} (all that ship)")
    where = "folder (the current one; benchmarks for all, in the sources)"
    add("--to", type=Path, metavar="FOLDER", help=where)


def list_(options: Namespace) -> None:
    if options.recipes:
        print("\n".join(name for name in catalog.list_recipes() if fnmatch(name, options.pattern)))
        return
    shown = catalog.list_models(options.pattern) or catalog.expand([options.pattern])
    if shown == [options.pattern] and not catalog.is_path(options.pattern):
        count = len(catalog.list_models())
        print(f"no model matches {options.pattern!r}; `zoo list` lists all {count}")
        return
    width = max(map(len, shown))
    for name in shown:
        print(f"{printable(name):<{width}} {summary(name)}")


def summary(name: str) -> str:
    """A model's size and its headline metric, or why there is none."""
    try:
        card = catalog.card(name)
    except ZooError as error:
        return str(error)
    score = f"{card.metrics[0]['metric']} {card.metrics[0]['value']}"
    return f"{card.facts['parameters']:>10,} parameters   {score}"


def show(options: Namespace) -> None:
    print(catalog.card(options.name))


def verify(options: Namespace) -> None:
    from zoo.publishing.verify import verify as check

    broken = 0
    names = catalog.expand(options.names) or catalog.list_models()
    width = max(map(len, names))
    for name in names:
        try:
            print(f"{printable(name):<{width}} {', '.join(check(name))}")
        except ZooError as error:
            broken += 1
            print(f"{printable(name):<{width}} BROKEN: {error}")
    if broken:
        raise ZooError(f"{broken} of the models break the promise of their cards")


def leaderboard(options: Namespace) -> None:
    from zoo.publishing.leaderboard import write

    folder = catalog.output_folder("benchmarks") if not options.names else Path()
    for path in write(options.to or folder, catalog.expand(options.names)):
        print(path)
