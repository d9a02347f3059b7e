"""What a Hub repository of a model holds: weights, card, preview and files for the Hub."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from zoo.core.module import ZooModule
from zoo.core.protocols import (
    Classifier,
    SupportsEncoding,
    SupportsReconstruction,
    SupportsSampling,
)
from zoo.errors import ZooError
from zoo.evaluation import PROTOCOLS, Protocol
from zoo.evaluation.training_data import dataset_info
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.pretrained.checkpoints import model_from_checkpoint, read_checkpoint
from zoo.pretrained.headers import header
from zoo.pretrained.hub.fetch import CARD, CONFIG, DISCRIMINATOR, PREVIEW, WEIGHTS
from zoo.pretrained.hub.model_card import evaluation, write_model_card
from zoo.pretrained.training_modules import checkpoint_of, save_training_modules
from zoo.pretrained.trust import class_path_of
from zoo.pretrained.weights import load, sha256
from zoo.publishing.export import export
from zoo.publishing.verify import verify_files

RESULTS = ".eval_results/generative-zoo.yaml"
UNSPECIFIED = {"", "None", "unknown", "yours", "yours to decide"}  # license or terms on a card
ABILITIES: tuple[tuple[type, str, str], ...] = (
    (SupportsSampling, "unconditional-image-generation", "images = model.sample(64, seed=0)"),
    (Classifier, "image-classification", "logits = model.classify(images)"),
    (SupportsEncoding, "image-feature-extraction", "codes = model.encode(images)"),
    (SupportsReconstruction, "image-to-image", "reconstructions = model.reconstruct(images)"),
)


class HubPackage(NamedTuple):
    """The files of a repository, in a folder, with the card and the model."""

    folder: Path
    card: Card
    model: ZooModule

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
        shutil.copyfile(originals.preview, folder / PREVIEW)
        card = hub_card(originals.card, class_path_of(type(model)))
        if (folder / DISCRIMINATOR).exists():
            card.facts["discriminator_sha256"] = sha256(folder / DISCRIMINATOR)
        write_hub_files(folder, card, repository, model)
        yield HubPackage(folder, card, model)


def hub_card(card: Card, class_path: str) -> Card:
    """A card as it is published: with name and class, without the address of another copy."""
    facts = {k: v for k, v in card.facts.items() if k not in ("hub", "discriminator_sha256")}
    return Card(card.name, facts | {"name": card.name, "class": class_path}, card.prose)


def export_originals(checkpoint: Path, name: str, aside: Path, protocol: Protocol) -> Originals:
    """Export a checkpoint to a folder."""
    terms = dataset_info(checkpoint)
    check_terms(name, terms.weights_license, terms.terms)  # first, as measuring takes minutes
    card = export(checkpoint, name, aside, protocol)
    return Originals(card, aside / f"{name}.safetensors", aside / f"{name}.png")


def find_originals(source: str) -> Originals:
    """The files of a name, or of a weights file."""
    if catalog.is_path(source):
        path = catalog.weights_path(source)
        return Originals(Card.read(path.with_suffix(".md")), path, path.with_suffix(".png"))
    if catalog.repository(source):
        raise ZooError(f"{source} is published already. Name a checkpoint, a file or a model")
    return Originals(
        catalog.card(source), catalog.weights_path(source), catalog.preview_path(source)
    )


def write_hub_files(folder: Path, card: Card, repository: str, model: ZooModule) -> None:
    """Write the files for the Hub: README.md, the header as config.json, evaluation results."""
    found = [(task, use) for kind, task, use in ABILITIES if isinstance(model, kind)]
    task, use = found[0] if found else ("other", "print(model)")
    (folder / CARD).write_text(write_model_card(card, repository, task, use), encoding="utf-8")
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
