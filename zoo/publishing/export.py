"""`zoo export` and `zoo verify`: a checkpoint becomes weights, card and picture."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from torch import Tensor, nn

from zoo.core.module import Autoencoder, ZooModule
from zoo.core.protocols import SupportsSampling
from zoo.core.provenance import commit
from zoo.data.images import ImageDataModule
from zoo.errors import BadCard, ZooError
from zoo.evaluation import PROTOCOLS, Protocol
from zoo.evaluation.records import map_batches
from zoo.evaluation.report import describe_duration, report, with_extractor
from zoo.evaluation.training_data import UNKNOWN, Terms, TrainingData, find_training_data
from zoo.plotting import pictures
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.pretrained.checkpoints import model_from_checkpoint, newest_checkpoint, read_checkpoint
from zoo.pretrained.weights import inference_state_dict, load, save, sha256
from zoo.publishing.reference import differences, recipe_of

EXPORTS = Path("exports")  # below the current folder
UNREVIEWED = (
    "Nobody has looked at its samples yet: say here what it is good at and what it gets wrong."
)


def export(
    checkpoint: Path,
    name: str,
    folder: Path = EXPORTS,
    protocol: Protocol = PROTOCOLS["full"],
    recipe: Path | None = None,
    terms: Terms | None = None,
    force: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Card:
    """Write weights, picture and card of a checkpoint, or of a run folder's newest good one.

    The card states the data that the run saw, and metrics of the written file; the prose and the
    paper's values are kept from the old card. `tell` is called with the expected duration.
    Raises BadWeights for what `recipe` did not make, ZooError where the data is not known or,
    without `force`, files of another model or data set would be replaced.
    """
    checkpoint = newest_checkpoint([checkpoint]) if checkpoint.is_dir() else checkpoint
    state = read_checkpoint(checkpoint)
    model = model_from_checkpoint(checkpoint, state)
    learned = find_training_data(checkpoint, state, recipe, terms or Terms())
    reference = recipe or recipe_of(checkpoint, name, model, learned.data)
    old = replaced(folder / f"{name}.md", model, learned.facts["name"], force)
    changed = differences(model, reference) if reference else {}
    extra = {"paper": old.paper} | ({"changed": changed} if changed else {})
    with write_files(model, name, folder, learned.data) as path:
        usable = feasible(path, learned.data, protocol, tell)
        card = Card(name, facts(path, reference, state, learned, usable) | extra, old.prose)
        path.with_suffix(".md").write_text(str(card), encoding="utf-8")
    return card


@contextmanager
def write_files(model: ZooModule, name: str, folder: Path, data: ImageDataModule) -> Iterator[Path]:
    """A weights file and its picture, aside; they are put into the folder, with what was written
    beside them, when all went well."""
    if isinstance(model, Autoencoder):
        pixels = data.images("train").pixels
        model.fit_sampler(map_batches(model, pixels, model.encode, "codes"))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".export-", dir=folder) as aside:
        path = Path(aside) / f"{name}.safetensors"
        save(model, path)
        pictures.save(render_preview(load(path)), path.with_suffix(".png"))
        yield path
        for ending in (".safetensors", ".png", ".md"):
            os.replace(path.with_suffix(ending), folder / f"{name}{ending}")


def feasible(
    path: Path, data: ImageDataModule, protocol: Protocol, tell: Callable[[str], None] | None
) -> Protocol:
    """The protocol as it can be followed here; `tell` is called with the expected duration."""
    protocol = with_extractor(protocol, data)
    if tell:
        length = describe_duration(path, data, protocol, None)
        tell(f"measuring by the {protocol.name} protocol takes {length} here")
    return protocol


class Kept(NamedTuple):
    """What a new card keeps of an old one."""

    prose: str
    paper: object


def replaced(path: Path, model: ZooModule, data: object, force: bool) -> Kept:
    """What a new card keeps of the one at a path. Raises ZooError where the files there are of
    another class or data set; by `force` they are replaced, and nothing is kept."""
    new = Kept(f"# {path.stem}\n\n{UNREVIEWED}", None)
    there = [path.with_suffix(e) for e in (".safetensors", ".png", ".md")]
    if not any(file.exists() for file in there):
        return new
    way_out = "export under another NAME, to another folder by --to, or replace it by --force"
    try:
        card = Card.read(path)
    except BadCard as error:
        if force:
            return new
        raise ZooError(
            f"{path.with_suffix('')}.* cannot be replaced, as {error}; {way_out}"
        ) from error
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    theirs = card.facts.get("data")
    other = theirs.get("name") if isinstance(theirs, dict) else None
    if (card.facts.get("class", kind), other) == (kind, data):
        return Kept(card.prose, card.facts.get("paper"))
    if force:
        return new
    raise ZooError(
        f"{path.with_suffix('')}.* is a {card.facts.get('class')} of {other}, this is a {kind} of "
        f"{data}: {way_out}"
    )


def render_preview(model: ZooModule) -> Tensor:
    """Eight rows of samples; of a model that draws nothing, the filters that it sees with."""
    if isinstance(model, SupportsSampling):
        columns = pictures.columns(model)
        return pictures.grid(model.sample(8 * columns, seed=0), columns)
    filters = next(m.weight for m in model.modules() if isinstance(m, nn.Conv2d)).detach()
    return pictures.grid(filters / filters.abs().amax((1, 2, 3), keepdim=True))


def facts(
    path: Path,
    recipe: Path | None,
    state: dict[str, object],
    learned: TrainingData,
    protocol: Protocol,
) -> dict[str, object]:
    """The front matter."""
    model = load(path)
    kind = type(model)
    parameters = {name for name, _ in model.named_parameters()}
    found = report(path, learned.data, protocol)
    return {
        "name": path.stem,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "recipe": f"{recipe.parent.name}/{recipe.name}" if recipe else UNKNOWN,
        "commit": run_metadata(state).get("commit", commit()),
        "license": learned.license,
        "data": learned.facts,
        "sha256": sha256(path),
        "parameters": sum(
            v.numel() for k, v in inference_state_dict(model).items() if k in parameters
        ),
        "training": training(state),
        "metrics": found["metrics"],
        "measured": found["measured"],
    }


def training(state: dict[str, object]) -> dict[str, object]:
    """How a checkpoint came about, as its logbook has it."""
    book, averaged = run_metadata(state), "averaging_state" in state
    begun = {"init_from": book["init_from"]} if "init_from" in book else {}
    return begun | {
        "hardware": book.get("hardware", "unknown"),
        "precision": book.get("precision", "unknown"),
        "minutes": round(float(book.get("seconds", 0)) / 60, 1),
        "steps": state["global_step"],
        "images_seen": state["images_seen"],
        "weights": "exponential moving average" if averaged else "last step",
    }


def run_metadata(state: dict[str, object]) -> dict[str, str | float]:
    """What a checkpoint's logbook holds."""
    return state["callbacks"].get("RunMetadata", {})  # type: ignore[attr-defined]


def verify(name: str) -> list[str]:
    """What was checked of a model and held, as `verify_files` has it; raises ZooError."""
    return verify_files(catalog.card(name), catalog.weights_path(name), catalog.preview_path(name))


def verify_files(card: Card, path: Path, sample: Path) -> list[str]:
    """Digest, strict load, the picture from seed 0 within one grey level. Raises ZooError for the
    first promise of the card that is broken."""
    if (found := sha256(path)) != card.facts["sha256"]:
        raise ZooError(f"{path} is not the file of its card: its sha256 is {found}")
    drawn, shown = render_preview(load(path)), pictures.read(sample)
    if drawn.shape != shown.shape:
        raise ZooError(f"{sample} is {tuple(shown.shape)}, seed 0 draws {tuple(drawn.shape)}")
    if (off := int((drawn.int() - shown.int()).abs().max())) > 1:
        raise ZooError(f"{sample} is not what seed 0 draws: pixels differ by up to {off} of 255")
    return ["digest", "strict load", f"picture from seed 0 (off by {off} of 255 at most)"]
