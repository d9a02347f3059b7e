"""`zoo export`: a checkpoint becomes weights, card and preview."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from lightning import LightningModule

from zoo.core.modality import Images, modality_of
from zoo.core.preview import preview
from zoo.core.provenance import commit
from zoo.data.module import ZooDataModule
from zoo.errors import BadCard, ZooError
from zoo.evaluation import PROTOCOLS, Protocol
from zoo.evaluation.report import describe_duration, fit_sampler, report, with_extractor
from zoo.evaluation.training_data import UNKNOWN, Terms, TrainingData, find_training_data
from zoo.pretrained.cards import Card
from zoo.pretrained.checkpoints import model_from_checkpoint, newest_checkpoint, read_checkpoint
from zoo.pretrained.trust import class_path_of, trusting
from zoo.pretrained.weights import inference_state_dict, load, save, sha256
from zoo.publishing.reference import differences, recipe_of

EXPORTS = Path("exports")  # below the current folder
UNREVIEWED = (
    "The samples of this model were not reviewed yet. Describe here what it does well and where it "
    "fails."
)


def export(
    checkpoint: Path,
    name: str,
    folder: Path = EXPORTS,
    protocol: Protocol = PROTOCOLS["full"],
    recipe: Path | None = None,
    terms: Terms | None = None,
    force: bool = False,
    half: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Card:
    """Write weights, preview and card of a checkpoint, or of the newest one of a run folder.

    The card states the data of the run and metrics of the written file, which `half` stores in
    float16; prose and paper are those of the old card. `tell` is called with the expected duration.
    Raises BadWeights for a checkpoint of another recipe, ZooError for unknown data and, without
    `force`, files of another model or data set in the way.
    """
    checkpoint = newest_checkpoint([checkpoint]) if checkpoint.is_dir() else checkpoint
    model = model_from_checkpoint(checkpoint, state := read_checkpoint(checkpoint))
    trained_on = find_training_data(checkpoint, state, recipe, terms or Terms())
    reference = recipe or recipe_of(checkpoint, name, model, trained_on.data)
    old = kept_of_old_card(folder / f"{name}.md", model, trained_on.facts["name"], force)
    changed = differences(model, reference) if reference else {}
    kept = {"paper": old.paper} | ({"changed": changed} if changed else {})
    with write_files(model, name, folder, trained_on.data, half) as path:
        protocol = usable_protocol(path, trained_on.data, protocol, tell)
        facts = card_facts(path, reference, state, trained_on, protocol) | kept
        path.with_suffix(".md").write_text(str(card := Card(name, facts, old.prose)), "utf-8")
    return card


@contextmanager
def write_files(
    model: LightningModule, name: str, folder: Path, data: ZooDataModule, half: bool = False
) -> Iterator[Path]:
    """Write weights and preview into a temporary folder, and move them to `folder`, with what else
    was written there, when no error occurred."""
    fit_sampler(model, data)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        trusting(classes=[type(model)]),
        TemporaryDirectory(prefix=".export-", dir=folder) as aside,
    ):
        path = Path(aside) / f"{name}.safetensors"
        save(model, path, half)
        write_preview(load(path), data, path)
        yield path
        for file in sorted(Path(aside).iterdir()):
            os.replace(file, folder / file.name)


def write_preview(model: LightningModule, data: ZooDataModule, path: Path) -> None:
    """Render the preview of a model beside its weights file; raises ZooError for a model that does
    not declare what else than images it returns."""
    modality = modality_of(model)
    if type(modality) is Images and not isinstance(data.modality, Images):
        raise ZooError(
            f"{type(model).__name__} must declare its `modality`, as its data are "
            f"{data.modality.noun}. Define it as a property of the class"
        )
    preview(model, modality, data.inputs).render(path)


def usable_protocol(
    path: Path, data: ZooDataModule, protocol: Protocol, tell: Callable[[str], None] | None
) -> Protocol:
    """The protocol with an extractor that is available; `tell` is called with the expected
    duration."""
    protocol = with_extractor(protocol, data)
    if tell:
        duration = describe_duration(path, data, protocol, None)
        tell(f"measuring by the {protocol.name} protocol takes {duration} here")
    return protocol


class KeptFacts(NamedTuple):
    """What a new card keeps of an old one."""

    prose: str
    paper: object


def kept_of_old_card(path: Path, model: LightningModule, data: object, force: bool) -> KeptFacts:
    """What a new card keeps of the one at `path`. Raises ZooError where files there belong to
    another class or data set; `force` replaces them and keeps nothing."""
    new = KeptFacts(f"# {path.stem}\n\n{UNREVIEWED}", None)
    if not any(path.with_suffix(suffix).exists() for suffix in (".safetensors", ".png", ".md")):
        return new
    remedy = "Export under another NAME, to another folder by --to, or replace it by --force"
    try:
        card = Card.read(path)
    except BadCard as error:
        if force:
            return new
        raise ZooError(
            f"{path.with_suffix('')}.* cannot be replaced, as {error}. {remedy}"
        ) from error
    kind = class_path_of(type(model))
    old_data = card.within("data").get("name")
    if (card.facts.get("class", kind), old_data) == (kind, data):
        return KeptFacts(card.prose, card.facts.get("paper"))
    if force:
        return new
    raise ZooError(
        f"{path.with_suffix('')}.* must be a {kind} of {data} to be replaced, got a "
        f"{card.facts.get('class')} of {old_data}. {remedy}"
    )


def card_facts(
    path: Path,
    recipe: Path | None,
    state: dict[str, object],
    trained_on: TrainingData,
    protocol: Protocol,
) -> dict[str, object]:
    """The front matter of a card."""
    model = load(path)
    parameters = {name for name, _ in model.named_parameters()}
    found = report(path, trained_on.data, protocol)
    return {
        "name": path.stem,
        "class": class_path_of(type(model)),
        "recipe": f"{recipe.parent.name}/{recipe.name}" if recipe else UNKNOWN,
        "commit": run_metadata(state).get("commit", commit()),
        "license": trained_on.license,
        "data": trained_on.facts,
        "sha256": sha256(path),
        "parameters": sum(
            v.numel() for k, v in inference_state_dict(model).items() if k in parameters
        ),
        "training": training_facts(state),
        "metrics": found["metrics"],
        "measured": found["measured"],
    }


def training_facts(state: dict[str, object]) -> dict[str, object]:
    """The training of a checkpoint, as its run metadata record it."""
    metadata, averaged = run_metadata(state), "averaging_state" in state
    optional = {"init_from": metadata.get("init_from"), "images_seen": state.get("images_seen")}
    return {
        "hardware": metadata.get("hardware", "unknown"),
        "precision": metadata.get("precision", "unknown"),
        "minutes": round(float(metadata.get("seconds", 0)) / 60, 1),
        "steps": state["global_step"],
        "weights": "exponential moving average" if averaged else "last step",
    } | {key: value for key, value in optional.items() if value is not None}


def run_metadata(state: dict[str, object]) -> dict[str, str | float]:
    """The state of the RunMetadata callback in a checkpoint; empty without one."""
    return state["callbacks"].get("RunMetadata", {})  # type: ignore[attr-defined]
