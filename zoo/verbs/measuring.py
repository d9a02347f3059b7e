"""Verbs that measure."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import catalog
from zoo.errors import ZooError
from zoo.verbs.arguments import Verb, positive

if TYPE_CHECKING:
    from zoo.measures import Protocol


def enter(verb: Verb) -> None:
    add = verb(evaluate, "Measure a weights file; each number comes with its protocol.")
    add("name", metavar="NAME|FILE")
    add("--recipe", metavar="NAME|FILE", help="whose data to measure on (that of the same name)")
    protocols = "2,000 images, or 10,000, and 50,000 samples on CUDA (full)"
    add("--protocol", choices=["quick", "full"], default="full", help=protocols)
    add("--against", choices=["train", "test"], help="the split to compare samples with")
    add("--extractor", metavar="NAME", help="in whose space: inception, squeezenet, lenet-mnist...")
    add("--seeds", type=positive, help="draws of samples (1 when quick, 3 when full)")
    add("--importance-samples", type=positive, metavar="K", help="draws of z for the NLL (200)")
    add("--device", help="cpu, cuda, mps (cpu)")
    add("--pictures", type=Path, metavar="FOLDER", help="draw nearest pairs and neighbours there")
    add("--json", action="store_true", help="print whole records")
    add("--card", action="store_true", help="write the records into the card beside the file")

    add = verb(compare, "Set two models side by side, if measured in one way.")
    for side in ("a", "b"):
        add(side, metavar="NAME|JSON", help="a card, or what `zoo evaluate --json` printed")


def evaluate(options: Namespace) -> None:
    from zoo.comparison import table
    from zoo.evaluation import data_of, enter, expectation, report
    from zoo.measures.pictures import draw

    path, protocol, name = catalog.locate(options.name), wanted(options), catalog.stem(options.name)
    if options.recipe is None and name not in catalog.recipes():
        raise ZooError(f"{name} has no recipe: say whose data to measure on with --recipe")
    data = data_of(options.recipe or name)
    if protocol.name == "full":
        length = expectation(path, data, protocol, options.device)
        print(f"the full protocol takes {length} here", file=sys.stderr)
    found = report(path, data, protocol, options.device)
    found["name"] = name
    print(json.dumps(found, indent=2) if options.json else table(found["metrics"]))
    print(f"measured in {found['measured']['seconds']:.0f} s from {path}", file=sys.stderr)
    if options.card:
        enter(path, found)
    if options.pictures:
        for picture in draw(path, data, protocol, options.pictures, options.device):
            print(f"look at {picture}", file=sys.stderr)


def wanted(options: Namespace) -> "Protocol":
    """The protocol as the arguments change it."""
    from zoo.measures.records import find_protocol
    from zoo.weights import find_device

    given = {
        "against": options.against,
        "extractor": options.extractor,
        "seeds": options.seeds,
        "draws": options.importance_samples,
    }
    usual = find_protocol(options.protocol, find_device(options.device))
    return usual._replace(**{key: value for key, value in given.items() if value is not None})


def compare(options: Namespace) -> None:
    from zoo.comparison import compare as side_by_side

    print(side_by_side(options.a, options.b))
