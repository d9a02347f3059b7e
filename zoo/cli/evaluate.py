"""Commands for measurements: `zoo evaluate` and `zoo compare`."""

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

    from zoo.data.module import ZooDataModule
    from zoo.evaluation import Protocol
    from zoo.evaluation.report import Report


def register(verb: AddCommand) -> None:
    """Add the commands `evaluate` and `compare`."""
    add = verb(evaluate, "Measure a model by all applicable metrics.")
    add("name", metavar="NAME|FILE|RUN", help="model; of a RUN, the newest checkpoint")
    add("--recipe", metavar="NAME|FILE", help="recipe with the data to measure on (its own)")
    protocols = "2,000 images, or 10,000, and 50,000 on CUDA (full)"
    add("--protocol", choices=["quick", "full"], default="full", help=protocols)
    add("--against", choices=["train", "test"], help="split that samples are compared with")
    add("--extractor", metavar="NAME", help="feature space: inception, squeezenet, lenet-mnist...")
    add("--seeds", type=positive, help="seeds of samples (quick: 1, full: 3)")
    add("--importance-samples", type=positive, metavar="K", help="samples of z for the NLL (200)")
    add("--device", help="cpu, cuda, mps (cpu)")
    add(
        "--pictures", type=Path, metavar="FOLDER", help="write figures of pairs and neighbors there"
    )
    add("--json", action="store_true", help="print complete records")
    add("--card", action="store_true", help="write the records into the card beside the file")

    add = verb(compare, "Compare the metrics of two models, measured by the same protocol.")
    for side in ("a", "b"):
        add(side, metavar="NAME|FILE|JSON", help="model, or output of `zoo evaluate --json`")


def evaluate(options: Namespace) -> None:
    """Measure a model, and print a table or JSON."""
    from zoo.evaluation.comparison import table
    from zoo.evaluation.report import describe_duration, report, weights_of, with_extractor

    if options.card and (catalog.is_run(options.name) or catalog.repository(options.name)):
        raise ZooError(
            f"--card requires a model with a local card, got {options.name}. Leave out --card"
        )
    protocol = protocol_of(options)
    with weights_of(options.name, options.recipe) as (path, data):
        protocol = with_extractor(protocol, data)
        if protocol.name == "full":
            duration = describe_duration(path, data, protocol, options.device)
            print(f"the full protocol takes {duration} on this machine", file=sys.stderr)
        with warnings_on_stderr():
            result = report(path, data, protocol, options.device)
        result["name"] = catalog.stem(options.name)
        print(json.dumps(result, indent=2) if options.json else table(result["metrics"]))
        seconds = result["measured"]["seconds"]
        print(f"measured in {seconds:.0f} s from {options.name}", file=sys.stderr)
        write_files(options, path, data, protocol, result)


def write_files(
    options: Namespace, path: Path, data: "ZooDataModule", protocol: "Protocol", result: "Report"
) -> None:
    """Write the card and the figures that the options specify."""
    from zoo.evaluation.figures import render_figures
    from zoo.evaluation.report import write_to_card

    if options.card:
        write_to_card(path, result)
    if options.pictures:
        for figure in render_figures(path, data, protocol, options.pictures, options.device):
            print(f"wrote {figure}", file=sys.stderr)


@contextmanager
def warnings_on_stderr() -> "Iterator[None]":
    """Print each MetricWarning as one line on stderr within the context."""
    from zoo.evaluation.records import MetricWarning

    default = warnings.showwarning

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
            default(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def protocol_of(options: Namespace) -> "Protocol":
    """The protocol with the settings of the options."""
    from zoo.evaluation.records import find_protocol
    from zoo.pretrained.weights import find_device

    settings = {
        "against": options.against,
        "extractor": options.extractor,
        "seeds": options.seeds,
        "draws": options.importance_samples,
    }
    protocol = find_protocol(options.protocol, find_device(options.device))
    return protocol._replace(**{key: value for key, value in settings.items() if value is not None})


def compare(options: Namespace) -> None:
    """Print a table of two models."""
    from zoo.evaluation.comparison import compare as compare_models

    print(compare_models(options.a, options.b))
