"""What a Hub repository of a model holds: weights, card, preview and files for the Hub."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from lightning import LightningModule

from zoo.core.modality import ImagePairs, Images, Modality, Text, modality_of
from zoo.core.protocols import (
    Classifier,
    SupportsEncoding,
    SupportsPrediction,
    SupportsReconstruction,
    SupportsSampling,
    SupportsTranslation,
)
from zoo.errors import ZooError
from zoo.evaluation import PROTOCOLS, Protocol
from zoo.evaluation.training_data import dataset_info
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.pretrained.checkpoints import model_from_checkpoint, read_checkpoint
from zoo.pretrained.headers import header
from zoo.pretrained.hub.fetch import CARD, CONFIG, DISCRIMINATOR, WEIGHTS
from zoo.pretrained.hub.model_card import evaluation, write_model_card
from zoo.pretrained.training_modules import checkpoint_of, save_training_modules
from zoo.pretrained.trust import class_path_of
from zoo.pretrained.weights import load, sha256
from zoo.publishing.export import export
from zoo.publishing.verify import verify_files

RESULTS = ".eval_results/generative-zoo.yaml"
UNSPECIFIED = {"", "None", "unknown", "yours", "yours to decide"}  # license or terms on a card
TASKS: tuple[tuple[type, type[Modality], str, str], ...] = (  # the first that fits
    (SupportsSampling, Images, "unconditional-image-generation", "model.sample(64, seed=0)"),
    (SupportsSampling, Text, "text-generation", "model.sample(64, seed=0)"),
    (SupportsSampling, Modality, "other", "model.sample(64, seed=0)"),
    (SupportsTranslation, Images, "image-to-image", "model.translate(images)"),
    (SupportsTranslation, ImagePairs, "image-to-image", "model.translate(images)"),
    (SupportsPrediction, Modality, "other", "model.predict(clips)"),
    (Classifier, Images, "image-classification", "model.classify(images)"),
    (SupportsEncoding, Images, "image-feature-extraction", "model.encode(images)"),
    (SupportsReconstruction, Images, "image-to-image", "model.reconstruct(images)"),
)


class HubPackage(NamedTuple):
    """The files of a repository, in a folder, with the card and the model."""

    folder: Path
    card: Card
    model: LightningModule

    def files(self) -> dict[str, int]:
        """Sizes in bytes by name, sorted."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in paths}


class Originals(NamedTuple):
    """The three files of a model that were exported."""

    card: Card
    weights: Path
    preview: Path


@contextmanager
def build_package(
    source: str, repository: str, protocol: Protocol = PROTOCOLS["full"]
) -> Iterator[HubPackage]:
    """The files of a checkpoint or a run, which is exported first; of a name; or of a weights file
    with card and preview beside it. Raises ZooError where `zoo verify` fails."""
    with TemporaryDirectory(prefix="zoo-") as aside, TemporaryDirectory(prefix="zoo-") as target:
        name, folder = repository.partition("/")[2], Path(target)
        checkpoint = checkpoint_of(source)
        if checkpoint is None:
            originals = find_originals(source)
        else:
            originals = export_originals(checkpoint, name, Path(aside), protocol)
            trained = model_from_checkpoint(checkpoint, read_checkpoint(checkpoint))
            save_training_modules(trained, folder / DISCRIMINATOR)
        verify_files(*originals)
        model = load(originals.weights)
        shutil.copyfile(originals.weights, folder / WEIGHTS)
        shutil.copyfile(originals.preview, folder / hub_name(originals.preview))
        card = hub_card(originals.card, class_path_of(type(model)))
        if (folder / DISCRIMINATOR).exists():
            card.facts["discriminator_sha256"] = sha256(folder / DISCRIMINATOR)
        write_hub_files(folder, card, repository, model, hub_name(originals.preview))
        yield HubPackage(folder, card, model)


def hub_name(preview: Path) -> str:
    """The name of a preview in a repository."""
    return f"samples{preview.suffix}"


def hub_card(card: Card, class_path: str) -> Card:
    """A card as it is published: with name and class, without the address of another copy."""
    facts = {k: v for k, v in card.facts.items() if k not in ("hub", "discriminator_sha256")}
    return Card(card.name, facts | {"name": card.name, "class": class_path}, card.prose)


def export_originals(checkpoint: Path, name: str, aside: Path, protocol: Protocol) -> Originals:
    """Export a checkpoint to a folder."""
    terms = dataset_info(checkpoint)
    check_terms(name, terms.weights_license, terms.terms)  # first, as measuring takes minutes
    card = export(checkpoint, name, aside, protocol)
    path = aside / f"{name}.safetensors"
    return Originals(card, path, catalog.preview_path(path))


def find_originals(source: str) -> Originals:
    """The files of a name, or of a weights file."""
    if catalog.is_path(source):
        path = catalog.weights_path(source)
        return Originals(catalog.card(path), path, catalog.preview_path(path))
    if catalog.repository(source):
        raise ZooError(f"{source} is published already. Name a checkpoint, a file or a model")
    return Originals(
        catalog.card(source), catalog.weights_path(source), catalog.preview_path(source)
    )


def write_hub_files(
    folder: Path, card: Card, repository: str, model: LightningModule, preview: str
) -> None:
    """Write the files for the Hub: README.md, the header as config.json, evaluation results."""
    modality = modality_of(model)
    found = [
        (task, f"{modality.noun if call.startswith('model.sample') else 'outputs'} = {call}")
        for protocol, kind, task, call in TASKS
        if isinstance(model, protocol) and isinstance(modality, kind)
    ]
    task, use = found[0] if found else ("other", "print(model)")
    page = write_model_card(card, repository, task, use, preview)
    (folder / CARD).write_text(page, encoding="utf-8")
    config = json.loads(header(model)["zoo"])
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    if results := evaluation(card, repository):
        (folder / RESULTS).parent.mkdir()
        (folder / RESULTS).write_text(results, encoding="utf-8")


def check_terms(name: str, license: object, terms: object) -> None:
    """Raise ZooError unless the license of the weights and the terms of the data are given."""
    given = {"license of the weights": license, "terms of the data": terms}
    if missing := [what for what, value in given.items() if str(value).strip() in UNSPECIFIED]:
        raise ZooError(
            f"{name} lacks the {' and the '.join(missing)}. Run `zoo export` to a folder of yours, "
            "write them into the card there, and publish the file"
        )
