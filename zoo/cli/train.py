"""Commands for training: `zoo fit` and `zoo export`."""

import re
import shlex
import sys
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from zoo.cli.arguments import AddCommand, positive
from zoo.errors import ZooError
from zoo.pretrained import catalog

if TYPE_CHECKING:
    from zoo.evaluation.training_data import Terms

TEXT = "Train a recipe. Further options override it: `zoo fit NAME --help` lists all."


def register(verb: AddCommand) -> None:
    """Add the commands `fit` and `export`."""
    add = verb(fit, TEXT)
    add("name", nargs="?", metavar="NAME", help="name of a recipe")
    add("--config", type=Path, metavar="FILE", help="recipe file, instead of NAME")
    add("--name", dest="run", type=run_name, help="name of the run and the model (NAME)")
    add("--smoke-test", action="store_true", help="train a small model for seconds, as a check")
    # the parser of overrides reads these two; here they are for the help text
    add("--data", metavar="PATH|CLASS", help="your own pictures or files, or a data module")
    add("--init_from", metavar="NAME|FILE|RUN", help="initialize from pretrained weights")

    add = verb(export, "Write weights, card and preview of a checkpoint, with measured metrics.")
    add("checkpoint", type=Path, metavar="RUN|CHECKPOINT", help="run folder, or a checkpoint file")
    add("name", metavar="NAME", type=run_name, help="name of the files")
    add("--to", type=Path, default=Path("exports"), help="folder (exports)")
    protocols = "2,000 images and 1 seed, or 10,000 and 3 (full)"
    add("--protocol", choices=["quick", "full"], default="full", help=protocols)
    add("--seeds", type=positive, help="seeds of samples to measure (quick: 1, full: 3)")
    add("--extractor", metavar="NAME", help="feature space: inception, squeezenet, thumbnails...")
    add("--recipe", metavar="NAME|FILE", help="recipe of the training, if its run has none")
    add("--license", help="license of weights trained on your own pictures, as Apache-2.0")
    add("--terms", help="terms of your own pictures, as CC BY 4.0, by NAME")
    add("--half", action="store_true", help="store the weights in float16, in half the bytes")
    add("--force", action="store_true", help="replace files of another model or data set")


def run_name(text: str) -> str:
    """A valid name of a run folder, files and a repository; raises ArgumentTypeError."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}", text) or re.search(r"\.\d+$", text):
        raise ArgumentTypeError(
            f"must be 1 to 96 letters, digits, -, _ and ., without . or - at the start and without "
            f"a dot and a number at the end, got {text!r}"
        )
    return text


def fit(options: Namespace) -> None:
    """Train a recipe, and print the commands that follow."""
    from zoo.training.fit import Stopped
    from zoo.training.fit import fit as train
    from zoo.training.folder_option import split_options
    from zoo.training.own_files import fit_to_files, own_files_class
    from zoo.training.picture_folders import fit_to_folder
    from zoo.training.run_folders import is_first

    recipe = options.config or catalog.recipe_path(options.name or "")
    if not recipe.is_file():
        raise ZooError(f"--config must be a recipe file, got {recipe}, which does not exist")
    name = options.run or name_of(recipe)
    try:
        overrides = split_options(options.overrides)
        if own := own_files_class(recipe):
            overrides = fit_to_files(recipe, own, overrides, options.smoke_test)
        else:
            overrides = fit_to_folder(recipe, overrides, options.smoke_test)
        folder = train(name, recipe, overrides, options.smoke_test)
    except Stopped as stop:
        if is_first():
            resume = f"resume with: {resume_command(options)}"
            print(f"\nstopped; {resume if stop.resumable else 'there is no checkpoint'}")
        raise
    if is_first():
        print_result(folder, name, options.smoke_test)


def name_of(recipe: Path) -> str:
    """The name of the run of a recipe; raises ZooError for a name of numbered runs."""
    if recipe.stem.startswith(".") or re.search(r"\.\d+$", recipe.stem):
        raise ZooError(
            "the name of a run must not begin with a dot or end like the numbered runs NAME.2, "
            f"NAME.3, got {recipe.stem!r}. Name the run by --name"
        )
    return recipe.stem


def resume_command(options: Namespace) -> str:
    """The command that resumes a training."""
    arguments = ["--config", str(options.config)] if options.config else [options.name]
    arguments += ["--name", options.run] if options.run else []
    arguments += ["--smoke-test"] if options.smoke_test else []
    arguments += [word for package in options.trust for word in ("--trust", package)]
    return shlex.join(["zoo", "fit", *arguments, "--ckpt_path", "last"])


def print_result(folder: Path, name: str, smoke_test: bool) -> None:
    """Print the paths of the run and its newest grids, and the command for an export."""
    print(f"\ncheckpoint and logs are in {folder}")
    for kind in ("samples", "reconstructions"):
        for picture in sorted((folder / kind).glob("epoch-*"))[-1:]:
            print(f"newest {kind}: {picture}")
    if smoke_test:
        print("smoke test passed; leave out --smoke-test to train the full model")
    else:
        print(f"measure and export it with: {shlex.join(['zoo', 'export', str(folder), name])}")


def export(options: Namespace) -> None:
    """Write weights, card and preview of a checkpoint."""
    from zoo.evaluation import PROTOCOLS
    from zoo.publishing.export import UNREVIEWED
    from zoo.publishing.export import export as export_checkpoint

    protocol = PROTOCOLS[options.protocol]._replace(extractor=options.extractor)
    if options.seeds:
        protocol = protocol._replace(seeds=options.seeds)
    card = export_checkpoint(
        options.checkpoint,
        options.name,
        options.to,
        protocol,
        recipe_for(options.recipe),
        prompt_terms(options),
        options.force,
        options.half,
        lambda message: print(message, file=sys.stderr),
    )
    print(yaml.safe_dump(card.metrics, sort_keys=False))
    print(f"wrote {options.to / options.name}.safetensors, its card (.md) and its preview")
    if UNREVIEWED in card.prose:
        print(f"next: check the preview, and describe the model's weaknesses in {options.name}.md")


def recipe_for(name: str | None) -> Path | None:
    """The path of a recipe, by its name or file."""
    if name is None:
        return None
    return Path(name) if name.endswith(".yaml") else catalog.recipe_path(name)


def prompt_terms(options: Namespace) -> "Terms":
    """The license and the terms of the options; for own pictures without them, prompt on a
    terminal."""
    from zoo.evaluation.training_data import UNKNOWN, Terms, dataset_info
    from zoo.pretrained.checkpoints import newest_checkpoint

    terms = Terms(options.license, options.terms)
    if options.recipe or None not in terms or not sys.stdin.isatty():
        return terms
    path = options.checkpoint
    path = newest_checkpoint([path]) if path.is_dir() else path
    if dataset_info(path).terms != UNKNOWN:
        return terms
    prompts = ("license of the weights, as Apache-2.0", "terms of your pictures, as CC BY 4.0")
    answers = [value or input(f"{prompt} (Enter: unknown): ").strip() or None
               for value, prompt in zip(terms, prompts, strict=True)]  # fmt: skip
    return Terms(*answers)
