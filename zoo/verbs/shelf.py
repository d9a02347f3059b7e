"""Verbs that look after what ships."""

from argparse import Namespace
from pathlib import Path

from zoo import catalog
from zoo.errors import ZooError
from zoo.verbs.arguments import Verb


def enter(verb: Verb) -> None:
    add = verb(list_, "List the models that have trained weights.")
    add("pattern", nargs="?", default="*", help="which names, as '*-celeba'")

    add = verb(show, "Print a model's card.")
    add("name", metavar="NAME")

    add = verb(verify, "Check that files are those of their cards and draw the same pictures.")
    add("names", nargs="*", metavar="NAME", help="which (all)")

    add = verb(leaderboard, "Write all cards into one table: .md, .csv and .html.")
    add("--to", type=Path, default=catalog.HOME / "benchmarks", help="folder (benchmarks)")


def list_(options: Namespace) -> None:
    shown = catalog.names(options.pattern)
    width = max(map(len, shown), default=0)
    for name in shown:
        try:
            card = catalog.card(name)
        except ZooError as error:
            print(f"{name:<{width}} {error}")
            continue
        score = f"{card.metrics[0]['metric']} {card.metrics[0]['value']}"
        print(f"{name:<{width}} {card.facts['parameters']:>10,} parameters   {score}")
    if not shown:
        print(f"no model matches {options.pattern!r}; there are {', '.join(catalog.names())}")


def show(options: Namespace) -> None:
    print(catalog.card(options.name))


def verify(options: Namespace) -> None:
    from zoo.export import verify as check

    broken = 0
    names = options.names or catalog.names()
    width = max(map(len, names))
    for name in names:
        try:
            print(f"{name:<{width}} {', '.join(check(name))}")
        except ZooError as error:
            broken += 1
            print(f"{name:<{width}} BROKEN: {error}")
    if broken:
        raise ZooError(f"{broken} of the models break the promise of their cards")


def leaderboard(options: Namespace) -> None:
    from zoo.leaderboard import write

    for path in write(options.to):
        print(path)
