"""Verbs that measure."""

import json
import sys
import warnings
from argparse import Namespace
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from zoo.cli.arguments import AddCommand, positive
from zoo.errors import ZooError
from zoo.pretrained import catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoo.evaluation import Protocol


def register(verb: AddCommand) -> None:
    add = verb(evaluate, "Measure a model; each number comes with its protocol.")
    add("name", metavar="NAME|FILE|RUN", help="a RUN is measured by its newest checkpoint")
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
        add(side, metavar="NAME|FILE|JSON", help="a card, or what `zoo evaluate --json` printed")


def evaluate(options: Namespace) -> None:
    from zoo.evaluation.comparison import table
    from zoo.evaluation.figures import draw_figures
    from zoo.evaluation.report import (
        describe_duration,
        report,
        weights_of,
        with_extractor,
        write_to_card,
    )

    if options.card and (catalog.is_run(options.name) or catalog.repository(options.name)):
        raise ZooError(f"{options.name} has no card of yours to write into: leave out --card")
    protocol = wanted(options)
    with weights_of(options.name, options.recipe) as (path, data):
        protocol = with_extractor(protocol, data)
        if protocol.name == "full":
            length = describe_duration(path, data, protocol, options.device)
            print(f"the full protocol takes {length} here", file=sys.stderr)
        with warnings_on_stderr():
            found = report(path, data, protocol, options.device)
        found["name"] = catalog.stem(options.name)
        print(json.dumps(found, indent=2) if options.json else table(found["metrics"]))
        seconds = found["measured"]["seconds"]
        print(f"measured in {seconds:.0f} s from {options.name}", file=sys.stderr)
        if options.card:
            write_to_card(path, found)
        if options.pictures:
            for picture in draw_figures(path, data, protocol, options.pictures, options.device):
                print(f"look at {picture}", file=sys.stderr)


@contextmanager
def warnings_on_stderr() -> "Iterator[None]":
    """Within, metrics that are left out are a line each on stderr."""
    from zoo.evaluation.records import MetricWarning

    usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, MetricWarning):
            print(message, file=sys.stderr)
        else:
            usual(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def wanted(options: Namespace) -> "Protocol":
    """The protocol as the arguments change it."""
    from zoo.evaluation.records import find_protocol
    from zoo.pretrained.weights import find_device

    given = {
        "against": options.against,
        "extractor": options.extractor,
        "seeds": options.seeds,
        "draws": options.importance_samples,
    }
    usual = find_protocol(options.protocol, find_device(options.device))
    return usual._replace(**{key: value for key, value in given.items() if value is not None})


def compare(options: Namespace) -> None:
    from zoo.evaluation.comparison import compare as side_by_side

    print(side_by_side(options.a, options.b))
