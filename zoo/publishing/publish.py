"""`zoo publish`: a checkpoint, a name or a file becomes a repository of the Hub, if it is good.

What is sent is made whole in a folder first, and goes in one commit.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import (
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from zoo.core.module import ZooModule
from zoo.core.protocols import (
    Classifier,
    SupportsEncoding,
    SupportsReconstruction,
    SupportsSampling,
)
from zoo.errors import BadCard, ZooError
from zoo.evaluation import PROTOCOLS, Protocol
from zoo.evaluation.comparison import check_comparable, shown, verdict
from zoo.evaluation.training_data import dataset_info
from zoo.pretrained import catalog
from zoo.pretrained.cards import Card
from zoo.pretrained.checkpoints import model_from_checkpoint, read_checkpoint
from zoo.pretrained.headers import header
from zoo.pretrained.hub import RepoRef
from zoo.pretrained.hub.errors import API, translate_errors
from zoo.pretrained.hub.fetch import CARD, CONFIG, DISCRIMINATOR, PICTURE, WEIGHTS, resolve, text
from zoo.pretrained.hub.model_card import evaluation, read_model_card, write_model_card
from zoo.pretrained.training_modules import checkpoint_of, save_training_modules
from zoo.pretrained.weights import load, sha256
from zoo.publishing.export import export
from zoo.publishing.leaderboard import rank
from zoo.publishing.verify import verify_files

RESULTS = ".eval_results/generative-zoo.yaml"
NO_ANSWER = {"", "None", "unknown", "yours", "yours to decide"}  # of a card, on terms
ALIKE = 0.05  # rms distance of two samples in [-1, 1]; models that ship have 0.5 to 0.7
ABILITIES: tuple[tuple[type, str, str], ...] = (
    (SupportsSampling, "unconditional-image-generation", "images = model.sample(64, seed=0)"),
    (Classifier, "image-classification", "logits = model.classify(images)"),
    (SupportsEncoding, "image-feature-extraction", "codes = model.encode(images)"),
    (SupportsReconstruction, "image-to-image", "again = model.reconstruct(images)"),
)


class HubPackage(NamedTuple):
    """What a repository will hold, in a folder, with its card and its model."""

    folder: Path
    card: Card
    model: ZooModule

    def files(self) -> dict[str, int]:
        """Sizes in bytes by name, sorted."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in paths}


@contextmanager
def build_package(
    source: str, repository: str, protocol: Protocol = PROTOCOLS["full"]
) -> Iterator[HubPackage]:
    """A parcel of a checkpoint or a run, which is exported first; of a name, as it ships; or of a
    weights file with card and picture beside it. Raises ZooError for one that `zoo verify` refuses.
    """
    with TemporaryDirectory(prefix="zoo-") as aside, TemporaryDirectory(prefix="zoo-") as home:
        name = repository.partition("/")[2]
        checkpoint = checkpoint_of(source)
        if checkpoint is None:
            card, path, sample = originals(source)
        else:
            card, path, sample = exported(checkpoint, name, Path(aside), protocol)
            save_training_modules(
                model_from_checkpoint(checkpoint, read_checkpoint(checkpoint)),
                Path(home) / DISCRIMINATOR,
            )
        verify_files(card, path, sample)
        folder, model = Path(home), load(path)
        shutil.copyfile(path, folder / WEIGHTS)
        shutil.copyfile(sample, folder / PICTURE)
        facts = {k: v for k, v in card.facts.items() if k not in ("hub", "discriminator_sha256")}
        if (folder / DISCRIMINATOR).exists():
            facts["discriminator_sha256"] = sha256(folder / DISCRIMINATOR)
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        card = Card(card.name, facts | {"name": card.name, "class": kind}, card.prose)
        write_hub_files(folder, card, repository, model)
        yield HubPackage(folder, card, model)


def exported(
    checkpoint: Path, name: str, aside: Path, protocol: Protocol
) -> tuple[Card, Path, Path]:
    """Card, weights and picture that are made of a checkpoint."""
    terms = dataset_info(checkpoint)
    check_terms(name, terms.weights_license, terms.terms)  # measuring takes minutes
    card = export(checkpoint, name, aside, protocol)
    return card, aside / f"{name}.safetensors", aside / f"{name}.png"


def originals(source: str) -> tuple[Card, Path, Path]:
    """Card, weights and picture of a name or a file."""
    if catalog.is_path(source):
        path = catalog.weights_path(source)
        return Card.read(path.with_suffix(".md")), path, path.with_suffix(".png")
    if catalog.repository(source):
        raise ZooError(f"{source} is published already: name a checkpoint, a file or a model here")
    return catalog.card(source), catalog.weights_path(source), catalog.preview_path(source)


def write_hub_files(folder: Path, card: Card, repository: str, model: ZooModule) -> None:
    """Write what is for the Hub: the page, the header as config.json, the evaluation results."""
    found = [(task, use) for kind, task, use in ABILITIES if isinstance(model, kind)]
    task, use = found[0] if found else ("other", "print(model)")
    (folder / CARD).write_text(write_model_card(card, repository, task, use), encoding="utf-8")
    config = json.loads(header(model)["zoo"])
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    if results := evaluation(card, repository):
        (folder / RESULTS).parent.mkdir()
        (folder / RESULTS).write_text(results, encoding="utf-8")


def check_package(parcel: HubPackage, place: RepoRef, force: bool = False) -> str | None:
    """Refuse, with a ZooError, what has no terms, has collapsed, or by its headline metric is
    worse than what is published there already; the last unless forced. The commit that it was
    compared with, empty where nothing is published, None where forced, for `push_to_hub`."""
    terms = parcel.card.within("data").get("terms")
    check_terms(parcel.card.name, parcel.card.facts["license"], terms)
    check_variety(parcel.card, parcel.model)
    return None if force else check_progress(parcel.card, place)


def check_terms(name: str, license: object, terms: object) -> None:
    """A license of the weights, and the terms of the data that they were learned from."""
    asked = {"license of its weights": license, "terms of its data": terms}
    if missing := [what for what, said in asked.items() if str(said).strip() in NO_ANSWER]:
        raise ZooError(
            f"{name} does not say the {' and the '.join(missing)}: `zoo export` it to a folder of "
            "yours, write them into its card there, and publish the file"
        )


def check_variety(card: Card, model: ZooModule) -> None:
    """No class is missing, and samples are not all alike."""
    missing = [r["value"] for r in card.metrics if r["metric"] == "missing-classes"]
    if missing and float(missing[0]) >= 1:
        raise ZooError(f"{card.name} draws next to nothing of {missing[0]:g} classes: train it on")
    if isinstance(model, SupportsSampling):
        samples = model.sample(64, seed=0).flatten(1)
        apart_by = float(torch.pdist(samples).mean() / samples.shape[1] ** 0.5)
        if not apart_by >= ALIKE:  # nan is no answer either
            raise ZooError(
                f"{card.name} has collapsed: two of its samples differ by {apart_by:.2g} on "
                f"average, in [-1, 1], where {ALIKE} is next to nothing: look at them"
            )


def check_progress(card: Card, place: RepoRef) -> str:
    """The headline metric is not worse than the published one by more than the intervals. The
    commit of the published one, if there is one."""
    (old, commit), new = published(place), card.metrics[0]
    same = [r for r in old.metrics if r["metric"] == new["metric"]] if old else [new]
    if not same:
        raise ZooError(f"{place} has no {new['metric']} to compare with; --force does without")
    try:
        check_comparable(same[0], new)
    except ZooError as error:
        raise ZooError(f"{error}; --force does without") from error
    if rank(new) > rank(same[0]) and verdict(same[0], new) != "not distinguishable":
        raise ZooError(
            f"{new['metric']} of {place} is {shown(same[0])}, of this model {shown(new)}: that is "
            "worse; publish it under another name, or all the same with --force"
        )
    return commit


def published(place: RepoRef) -> tuple[Card | None, str]:
    """The card that is there already, and at which commit; raises ZooError for a repository of
    something else."""
    with translate_errors(place):
        try:
            pinned, page = resolve(place)
            return read_model_card(text(page), pinned), str(pinned.revision)
        except (RepositoryNotFoundError, RevisionNotFoundError, RemoteEntryNotFoundError):
            return None, ""
        except BadCard as error:
            raise ZooError(f"{error}. --force publishes over it") from error


def push_to_hub(
    parcel: HubPackage,
    place: RepoRef,
    private: bool = False,
    create_pr: bool = False,
    compared: str | None = None,
) -> CommitInfo:
    """Make the repository, the branch, and one commit of all files or, if asked, a pull request
    of them, on top of the commit that the model was `distance_metrics` with; raises ZooError."""
    repository, revision = place
    with translate_errors(place):
        API.create_repo(repository, private=private or None, exist_ok=True)
        if private and not API.model_info(repository).private:
            raise ZooError(f"{repository} is public already: leave out --private, or rename")
        if revision:
            API.create_branch(repository, branch=revision, exist_ok=True)
        head = compared or API.model_info(repository, revision=revision).sha
        there = API.list_repo_files(repository, revision=head)
        if compared == "" and CARD in there:
            check_new(place, head)
        return API.create_commit(
            repository,
            changes(parcel, there),
            commit_message=f"Publish {parcel.card.name}",
            revision=revision,
            create_pr=create_pr,
            parent_commit=None if compared is None else head,
        )


def check_new(place: RepoRef, head: str | None) -> None:
    """Raise ZooError unless a card that is there now is that of the main branch, from which a new
    branch with this head was made."""
    repository, revision = place
    if revision is None or head != API.model_info(repository).sha:
        raise ZooError(f"{place} was published by somebody in between: publish again")


def changes(
    parcel: HubPackage, there: list[str]
) -> list[CommitOperationDelete | CommitOperationAdd]:
    """All files, and less those that are there and belong to a model no longer."""
    files = parcel.files()
    stale = {DISCRIMINATOR, RESULTS} - set(files)
    return [
        *(CommitOperationDelete(name) for name in there if name in stale),
        *(CommitOperationAdd(name, parcel.folder / name) for name in files),
    ]
