"""Verbs that measure."""

import json
import sys
from argparse import Namespace

from zoo import catalog
from zoo.errors import ZooError
from zoo.verbs.arguments import Verb, positive


def enter(verb: Verb) -> None:
    add = verb(evaluate, "Measure a weights file; each number comes with its protocol.")
    add("name", metavar="NAME|FILE")
    add("--recipe", metavar="NAME|FILE", help="whose data to measure on (that of the same name)")
    add(
        "--protocol",
        choices=["quick", "full"],
        default="full",
        help="2,000 or 10,000 images (full)",
    )
    add("--seeds", type=positive, help="draws of samples (1 when quick, 3 when full)")
    add("--json", action="store_true", help="print whole records")
    add("--card", action="store_true", help="write the records into the card beside the file")

    add = verb(compare, "Set two models side by side, if measured in one way.")
    for side in ("a", "b"):
        add(side, metavar="NAME|JSON", help="a card, or what `zoo evaluate --json` printed")


def evaluate(options: Namespace) -> None:
    from zoo.evaluation import data_of, enter, report, table
    from zoo.measures import PROTOCOLS

    path, protocol = catalog.locate(options.name), PROTOCOLS[options.protocol]
    if options.seeds:
        protocol = protocol._replace(seeds=options.seeds)
    if options.recipe is None and path.stem not in catalog.recipes():
        raise ZooError(f"{path.stem} has no recipe: say whose data to measure on with --recipe")
    found = report(path, data_of(options.recipe or path.stem), protocol)
    print(json.dumps(found, indent=2) if options.json else table(found["metrics"]))
    print(f"measured in {found['seconds']:.0f} s from {path}", file=sys.stderr)
    if options.card:
        enter(path, found["metrics"])


def compare(options: Namespace) -> None:
    from zoo.evaluation import compare as side_by_side

    print(side_by_side(options.a, options.b))
