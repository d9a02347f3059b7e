"""What the zoo fetched: a record of each revision, beside huggingface_hub's own cache.

A record remembers that a file was checked, until that file changes. Files are put into the cache,
and taken out of it, by huggingface_hub alone.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import CachedRevisionInfo, CacheNotFound, cached_assets_path, scan_cache_dir

from zoo.files import atomic_write
from zoo.pretrained.hub import RepoRef
from zoo.pretrained.hub.errors import LIBRARY


class Fetched(NamedTuple):
    """A repository at a commit, its branches and tags, its size in bytes, whether it was checked:
    what was merely looked at, as by `zoo show`, was not."""

    place: RepoRef
    names: list[str]
    size: int
    checked: bool


def record(place: RepoRef) -> Path:
    """Where the record of a repository at a commit is kept."""
    name = f"{place.repository.replace('/', '--')}@{place.revision}.json"
    return cached_assets_path(LIBRARY, "fetched") / name


def remember(place: RepoRef, path: Path | None = None, digest: str = "") -> None:
    """Note that a revision was fetched and, given a file of it with its sha256, that it is good. A
    cache that cannot be written to is left as it is: files are checked again each time."""
    with suppress(OSError):
        if path is None and known(place):
            return
        facts = place._asdict() | ({} if path is None else {"sha256": digest, **state(path)})
        with atomic_write(record(place)) as beside:
            beside.write_text(json.dumps(facts), encoding="utf-8")


def known(place: RepoRef) -> dict[str, object]:
    """The record of a repository at a commit; empty where there is none that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        facts = json.loads(record(place).read_text(encoding="utf-8"))
        if isinstance(facts, dict):
            return facts
    return {}


def digest_of(place: RepoRef, path: Path) -> str:
    """The sha256 that this very file had when it was checked, else nothing."""
    facts = known(place)
    with suppress(OSError):
        if facts.items() >= state(path).items():
            return str(facts.get("sha256", ""))
    return ""


def state(path: Path) -> dict[str, int]:
    """What changes when a file does."""
    now = path.stat()
    return {"size": now.st_size, "modified": now.st_mtime_ns}


def fetched() -> list[Fetched]:
    """All revisions that the zoo fetched and that are still in the cache, by name."""
    found = []
    for place, revision in cached().items():
        if facts := known(place):
            checked = "sha256" in facts
            found += [Fetched(place, sorted(revision.refs), revision.size_on_disk, checked)]
    return sorted(found)


def clear(chosen: list[Fetched]) -> None:
    """Take revisions out of the cache, with their records."""
    if chosen:
        scan_cache_dir().delete_revisions(
            *(str(entry.place.revision) for entry in chosen)
        ).execute()
    for entry in chosen:
        record(entry.place).unlink(missing_ok=True)


def cached() -> dict[RepoRef, CachedRevisionInfo]:
    """Every revision of every model in huggingface_hub's cache, whoever fetched it."""
    try:
        models = [repo for repo in scan_cache_dir().repos if repo.repo_type == "model"]
    except CacheNotFound:
        return {}
    return {
        RepoRef(model.repo_id, revision.commit_hash): revision
        for model in models
        for revision in model.revisions
    }
