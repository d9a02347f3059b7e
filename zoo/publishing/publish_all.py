"""`zoo publish --all`: every model of the zoo in a repository of its own, except unchanged ones."""

from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import RepoFile

from zoo.errors import BadCard, ZooError, explain_os_error
from zoo.pretrained import catalog
from zoo.pretrained.hub import RepoRef
from zoo.pretrained.hub.errors import API, translate_errors
from zoo.pretrained.hub.fetch import CARD, CONFIG, WEIGHTS, resolve, text, version_tag
from zoo.pretrained.hub.model_card import read_model_card
from zoo.pretrained.weights import sha256
from zoo.publishing.package import Originals, build_package, find_originals, hub_card, hub_name
from zoo.publishing.publish import ABSENT, check_zoo_package, push_to_hub


class Outcome(NamedTuple):
    """What became of one model: `published`, `checked`, `unchanged` or `failed`, and why."""

    name: str
    state: str
    detail: str = ""


def publish_all(
    owner: str, private: bool = False, force: bool = False, dry_run: bool = False
) -> Iterator[Outcome]:
    """Publish every model whose weights are here as OWNER/NAME, one after the other; `dry_run`
    only checks them. A failure is an outcome, and the next model follows."""
    for name in filter(catalog.is_local, catalog.list_models()):
        repo = RepoRef(f"{owner}/{name}")
        try:
            if is_published(find_originals(name), repo):
                yield Outcome(name, "unchanged")
                continue
            with build_package(name, repo.repository) as package:
                parent = check_zoo_package(package, repo, force)
                if dry_run:
                    yield Outcome(name, "checked", f"{sum(package.files().values()) / 1e6:.1f} MB")
                    continue
                commit = push_to_hub(package, repo, private, parent=parent)
                tag = version_tag(str(package.card.facts["sha256"]))
                with translate_errors(repo):
                    API.create_tag(repo.repository, tag=tag, revision=commit.oid, exist_ok=True)
            yield Outcome(name, "published", commit.commit_url)
        except ZooError as error:
            yield Outcome(name, "failed", str(error))
        except OSError as error:
            yield Outcome(name, "failed", explain_os_error(error))


def is_published(originals: Originals, repo: RepoRef) -> bool:
    """Whether a repository holds this card, these weights and this preview, by their digests, and
    has the tag of this version."""
    expected = hub_card(originals.card, str(originals.card.facts.get("class")))
    with translate_errors(repo):
        try:
            pinned, page = resolve(repo)
            if read_model_card(text(page), pinned) != expected:
                return False
        except (*ABSENT, BadCard):
            return False
        entries = API.list_repo_tree(repo.repository, revision=pinned.revision)
        files = {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}
        tags = [ref.name for ref in API.list_repo_refs(repo.repository).tags]
    preview = hub_name(originals.preview)
    pairs = ((WEIGHTS, originals.weights), (preview, originals.preview))
    present = {CARD, CONFIG, WEIGHTS, preview} <= files.keys()
    tagged = version_tag(str(expected.facts["sha256"])) in tags
    return present and tagged and all(is_same(files[name], path) for name, path in pairs)


def is_same(entry: RepoFile, path: Path) -> bool:
    """Whether a file of the Hub, large or not, has the content of a local one."""
    if entry.lfs is not None:
        return entry.lfs.sha256 == sha256(path)
    content = path.read_bytes()
    return entry.blob_id == sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()
