"""`zoo publish`: send a checkpoint, a name or a file to the Hub in one commit, after checks."""

import torch
from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import (
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from lightning import LightningModule
from torch import Tensor

from zoo.core.protocols import SupportsSampling
from zoo.errors import BadCard, ZooError
from zoo.evaluation.comparison import check_comparable, format_value, verdict
from zoo.pretrained.cards import Card
from zoo.pretrained.hub import RepoRef
from zoo.pretrained.hub.errors import API, translate_errors
from zoo.pretrained.hub.fetch import CARD, DISCRIMINATOR, PREVIEWS, resolve, text
from zoo.pretrained.hub.model_card import read_model_card
from zoo.publishing.leaderboard import rank
from zoo.publishing.package import RESULTS, HubPackage, check_terms

MIN_VARIETY = 0.05  # distance of two samples; 0.5 to 0.7 for the zoo's models of images
ABSENT = (RepositoryNotFoundError, RevisionNotFoundError, RemoteEntryNotFoundError)


def check_package(package: HubPackage, repo: RepoRef, force: bool = False) -> str | None:
    """Raise ZooError for a model that misses classes, and as `check_zoo_package` does."""
    check_classes(package.card)
    return check_zoo_package(package, repo, force)


def check_zoo_package(package: HubPackage, repo: RepoRef, force: bool = False) -> str | None:
    """Raise ZooError for a model without terms, a collapsed one, or, unless forced, one whose
    headline metric is worse than that of the published one. Models of the zoo may miss classes:
    their cards were reviewed and state it.

    Returns the commit of the published model for `push_to_hub`: empty if there is none, None where
    forced.
    """
    terms = package.card.within("data").get("terms")
    check_terms(package.card.name, package.card.facts["license"], terms)
    check_collapse(package.card.name, package.model)
    return None if force else check_progress(package.card, repo)


def check_classes(card: Card) -> None:
    """Raise ZooError for a card with missing classes."""
    missing = [r["value"] for r in card.metrics if r["metric"] == "missing-classes"]
    if missing and float(missing[0]) >= 1:
        raise ZooError(
            f"missing-classes of {card.name} must be below 1, got {missing[0]:g}. Train it longer"
        )


def check_collapse(name: str, model: LightningModule) -> None:
    """Raise ZooError for a model whose samples are nearly equal."""
    if isinstance(model, SupportsSampling):
        distance = mean_distance(model.sample(64, seed=0))
        if not distance >= MIN_VARIETY:  # also for NaN
            raise ZooError(
                f"{name} has collapsed: the mean distance of two samples must be at least "
                f"{MIN_VARIETY}, got {distance:.2g}. Look at the samples"
            )


def mean_distance(samples: Tensor) -> float:
    """The mean distance of two samples (n, ...): root mean square of real numbers, the share of
    entries that differ for indices."""
    flat = samples.flatten(1)
    if samples.is_floating_point():
        return float(torch.pdist(flat).mean() / flat.shape[1] ** 0.5)
    return float(torch.pdist(flat.double(), p=0).mean() / flat.shape[1])


def check_progress(card: Card, repo: RepoRef) -> str:
    """Raise ZooError where the headline metric is worse than the published one by more than both
    intervals. Returns the commit of the published model, empty if there is none."""
    (old, commit), new = published(repo), card.metrics[0]
    same = [r for r in old.metrics if r["metric"] == new["metric"]] if old else [new]
    if not same:
        raise ZooError(f"{repo} has no {new['metric']} to compare with. Publish by --force")
    try:
        check_comparable(same[0], new)
    except ZooError as error:
        raise ZooError(f"{error}. Publish without this comparison by --force") from error
    if rank(new) > rank(same[0]) and verdict(same[0], new) != "not distinguishable":
        raise ZooError(
            f"{new['metric']} of this model, {format_value(new)}, is worse than "
            f"{format_value(same[0])} of {repo}. Publish under another name, or by --force"
        )
    return commit


def published(repo: RepoRef) -> tuple[Card | None, str]:
    """The published card and its commit, if any; raises ZooError for a repository that holds no
    model of the zoo."""
    with translate_errors(repo):
        try:
            pinned, page = resolve(repo)
            return read_model_card(text(page), pinned), str(pinned.revision)
        except ABSENT:
            return None, ""
        except BadCard as error:
            raise ZooError(f"{error}. Replace the repository's files by --force") from error


def push_to_hub(
    package: HubPackage,
    repo: RepoRef,
    private: bool = False,
    create_pr: bool = False,
    parent: str | None = None,
) -> CommitInfo:
    """Create the repository and the branch if need be, then one commit of all files, or a pull
    request. `parent` is the commit that `check_package` compared with; raises ZooError where the
    repository has changed since."""
    repository, revision = repo
    with translate_errors(repo):
        API.create_repo(repository, private=private or None, exist_ok=True)
        if private and not API.model_info(repository).private:
            raise ZooError(f"{repository} is public. Leave out --private, or choose another name")
        if revision:
            API.create_branch(repository, branch=revision, exist_ok=True)
        head = parent or API.model_info(repository, revision=revision).sha
        files = API.list_repo_files(repository, revision=head)
        if parent == "" and CARD in files:
            check_new(repo, head)
        return API.create_commit(
            repository,
            changes(package, files),
            commit_message=f"Publish {package.card.name}",
            revision=revision,
            create_pr=create_pr,
            parent_commit=None if parent is None else head,
        )


def check_new(repo: RepoRef, head: str | None) -> None:
    """Raise ZooError where a card was added since `check_package` found none. The card of a new
    branch, whose head is that of the main branch, is none of its own."""
    repository, revision = repo
    if revision is None or head != API.model_info(repository).sha:
        raise ZooError(f"{repo} was published by another program in the meantime. Publish again")


def changes(
    package: HubPackage, present: list[str]
) -> list[CommitOperationDelete | CommitOperationAdd]:
    """All files of a package, and the deletion of optional files that it no longer has."""
    files = package.files()
    stale = {DISCRIMINATOR, RESULTS, *PREVIEWS} - set(files)
    return [
        *(CommitOperationDelete(name) for name in present if name in stale),
        *(CommitOperationAdd(name, package.folder / name) for name in files),
    ]
