"""Records of what was downloaded from the Hub, beside huggingface_hub's own cache.

A record stores that a file was verified, and is valid until that file changes. Only
huggingface_hub adds files to its cache and removes them.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import CachedRevisionInfo, CacheNotFound, cached_assets_path, scan_cache_dir

from zoo.files import atomic_write
from zoo.pretrained.hub import RepoRef
from zoo.pretrained.hub.errors import LIBRARY


class CachedModel(NamedTuple):
    """A repository at a commit, its branches and tags, its size in bytes, and whether its weights
    were verified; `zoo show` downloads a card alone."""

    repo: RepoRef
    refs: list[str]
    size: int
    verified: bool


def record_path(repo: RepoRef) -> Path:
    """The record of a repository at a commit."""
    name = f"{repo.repository.replace('/', '--')}@{repo.revision}.json"
    return cached_assets_path(LIBRARY, "fetched") / name


def write_record(repo: RepoRef, path: Path | None = None, sha256: str = "") -> None:
    """Record that a revision was downloaded and, given a file and its sha256, that this file was
    verified. Where the cache is read-only nothing is recorded, and files are verified each time."""
    with suppress(OSError):
        if path is None and read_record(repo):
            return
        facts: dict[str, object] = {**repo._asdict()}
        if path is not None:
            facts |= {"sha256": sha256, "path": str(path), **file_state(path)}
        with atomic_write(record_path(repo)) as beside:
            beside.write_text(json.dumps(facts), encoding="utf-8")


def read_record(repo: RepoRef) -> dict[str, object]:
    """The record of a repository at a commit; empty where none can be read."""
    with suppress(OSError):
        return parse(record_path(repo))
    return {}


def parse(path: Path) -> dict[str, object]:
    """The record in a file; empty where it is invalid."""
    with suppress(OSError, ValueError, RecursionError):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(facts, dict):
            return facts
    return {}


def verified_sha256(repo: RepoRef, path: Path) -> str:
    """The sha256 of an unchanged file that was verified before, else an empty string."""
    facts = read_record(repo)
    with suppress(OSError):
        if facts.items() >= file_state(path).items():
            return str(facts.get("sha256", ""))
    return ""


def find_verified(repository: str, sha256: str) -> Path | None:
    """An unchanged file of a repository that was verified before and has this sha256, at whichever
    commit; needs no network."""
    with suppress(OSError):
        pattern = f"{repository.replace('/', '--')}@*.json"
        for facts in map(parse, cached_assets_path(LIBRARY, "fetched").glob(pattern)):
            path = Path(str(facts.get("path", "")))
            is_same = facts.get("sha256") == sha256 and path.is_file()
            if is_same and facts.items() >= file_state(path).items():
                return path
    return None


def file_state(path: Path) -> dict[str, int]:
    """Size and modification time, which change when a file does."""
    now = path.stat()
    return {"size": now.st_size, "modified": now.st_mtime_ns}


def list_cached() -> list[CachedModel]:
    """All recorded revisions that are still in the cache, by name."""
    found = []
    for repo, revision in cached_revisions().items():
        if facts := read_record(repo):
            size, verified = revision.size_on_disk, "sha256" in facts
            found += [CachedModel(repo, sorted(revision.refs), size, verified)]
    return sorted(found)


def clear(models: list[CachedModel]) -> None:
    """Delete revisions from the cache, with their records."""
    if models:
        commits = (str(model.repo.revision) for model in models)
        scan_cache_dir().delete_revisions(*commits).execute()
    for model in models:
        record_path(model.repo).unlink(missing_ok=True)


def cached_revisions() -> dict[RepoRef, CachedRevisionInfo]:
    """Every revision of every model in huggingface_hub's cache, also those of other programs."""
    try:
        models = [repo for repo in scan_cache_dir().repos if repo.repo_type == "model"]
    except CacheNotFound:
        return {}
    return {
        RepoRef(model.repo_id, revision.commit_hash): revision
        for model in models
        for revision in model.revisions
    }
