"""Download models from the Hub: once, verified, and only files of fixed names and limited sizes.

Repositories are untrusted. Nothing is unpickled; the header is checked before the weights are
downloaded, and the sha256 of the card after.
"""

import re
from contextlib import suppress
from pathlib import Path

from huggingface_hub.errors import (
    RemoteEntryNotFoundError,
    RevisionNotFoundError,
    SafetensorsParsingError,
)

from zoo.errors import BadWeights
from zoo.pretrained.cards import Card
from zoo.pretrained.hub import PREVIEWS as ENDINGS
from zoo.pretrained.hub import RepoRef, cache
from zoo.pretrained.hub.client import allow_bytes
from zoo.pretrained.hub.errors import API, first_line, retry, translate_errors
from zoo.pretrained.hub.model_card import read_model_card
from zoo.pretrained.limits import HEADER

WEIGHTS, DISCRIMINATOR = "model.safetensors", "discriminator.safetensors"
CARD, CONFIG = "README.md", "config.json"
PREVIEWS = tuple(f"samples{ending}" for ending in ENDINGS)
NO_HEADER = (LookupError, ValueError, TypeError, AttributeError, RecursionError)
MAX_BYTES = {WEIGHTS: 2**32, DISCRIMINATOR: 2**32, CARD: 2**20, CONFIG: 2**20}
MAX_BYTES |= dict.fromkeys(PREVIEWS, 2**25)
COMMIT = re.compile(r"[0-9a-f]{40}")


def weights(repo: RepoRef, expected_sha256: str = "") -> Path:
    """The weights file of a repository in the cache, downloaded if need be and verified once.

    `expected_sha256` is that of an installed card, which the repository cannot change; without it
    the card of the repository counts. Raises BadCard and BadWeights for an invalid model, ZooError
    for every other failure.
    """
    if expected_sha256 and (path := cache.find_verified(repo.repository, expected_sha256)):
        return path
    with translate_errors(repo):
        pinned, page = resolve_version(repo, expected_sha256)
        path = page.with_name(WEIGHTS)
        sha256 = cache.verified_sha256(pinned, path)
        if not sha256:
            check_size(pinned, WEIGHTS)  # also raises where the repository has no such file
            stated = stated_sha256(pinned, page)
            check_expected(pinned, stated, expected_sha256)
            sha256 = download_weights(pinned, path, stated)
    check_expected(pinned, sha256, expected_sha256)
    return path


def download_weights(pinned: RepoRef, path: Path, expected_sha256: str) -> str:
    """Download and verify a weights file, whose header is checked first; return its sha256."""
    if not path.exists():
        check_header(pinned)
        with suppress(RemoteEntryNotFoundError):  # by this file the Hub counts downloads
            download(pinned, CONFIG)
    sha256 = verify_sha256(pinned, download(pinned, WEIGHTS), expected_sha256)
    cache.write_record(pinned, path, sha256)
    return sha256


def check_expected(repo: RepoRef, found: str, expected_sha256: str) -> None:
    """Raise BadWeights unless a sha256 is the expected one, if there is one."""
    if expected_sha256 and found != expected_sha256:
        raise BadWeights(
            f"sha256 of {WEIGHTS} of {repo} must be {expected_sha256}, as on the installed card, "
            f"got {found:.64}. Update the package, or use another mirror"
        )


def card(repo: RepoRef) -> Card:
    """The card of a repository, with its commit under `hub`; raises ZooError."""
    with translate_errors(repo):
        pinned, page = resolve(repo)
    found = read_model_card(text(page), pinned)
    return Card(found.name, found.facts | {"hub": str(pinned)}, found.prose)


def preview(repo: RepoRef) -> Path:
    """The first samples of a repository, in the cache; raises ZooError."""
    with translate_errors(repo):
        pinned, _ = resolve(repo)
        for name in PREVIEWS[:-1]:
            with suppress(RemoteEntryNotFoundError):
                return download(pinned, name)
        return download(pinned, PREVIEWS[-1])


def training_modules(repo: RepoRef) -> Path | None:
    """The file of the modules that only training needs, in the cache, if the card has its sha256.
    Raises ZooError like `weights`."""
    with translate_errors(repo):
        pinned, page = resolve(repo)
        expected = read_model_card(text(page), pinned).facts.get("discriminator_sha256")
        if expected is None:
            return None
        path = page.with_name(DISCRIMINATOR)
        if not path.exists():
            check_size(pinned, DISCRIMINATOR)
            check_header(pinned, DISCRIMINATOR)
        path = download(pinned, DISCRIMINATOR)
        verify_sha256(pinned, path, str(expected))
    return path


def pin(repo: RepoRef) -> RepoRef:
    """The repository at the current commit of its branch or tag; raises ZooError."""
    with translate_errors(repo):
        return resolve(repo)[0]


def resolve(repo: RepoRef) -> tuple[RepoRef, Path]:
    """The repository at the current commit of its branch or tag, and its README.md; recorded in the
    cache, so that the name can be resolved offline too."""
    page = download(repo, CARD)
    commit = page.parent.name
    if not COMMIT.fullmatch(commit):
        raise BadWeights(f"the commit of {repo} must be 40 hexadecimal digits, got {commit!r:.60}")
    pinned = RepoRef(repo.repository, commit)
    cache.write_record(pinned)
    return pinned, page


def resolve_version(repo: RepoRef, expected_sha256: str) -> tuple[RepoRef, Path]:
    """Like `resolve`, but where the main branch has other weights than the expected: the version of
    that tag, which `zoo publish --all` sets."""
    pinned, page = resolve(repo)
    if not expected_sha256 or repo.revision or stated_sha256(pinned, page) == expected_sha256:
        return pinned, page
    with suppress(RevisionNotFoundError):
        return resolve(RepoRef(repo.repository, version_tag(expected_sha256)))
    return pinned, page


def version_tag(sha256: str) -> str:
    """The tag of a version of a model, by which an older installation finds its weights."""
    return f"sha256-{sha256[:16]}"


def stated_sha256(pinned: RepoRef, page: Path) -> str:
    """The sha256 of the weights on the card of a repository."""
    return str(read_model_card(text(page), pinned).facts["sha256"])


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8", errors="replace")


def download(repo: RepoRef, name: str) -> Path:
    """A file of a repository, from the cache or from the Hub, within its size limit."""
    repository, revision = repo
    with allow_bytes(check_size(repo, name) + 2**16):  # a response may also be an error page
        return Path(retry(lambda: API.hf_hub_download(repository, name, revision=revision)))


def check_size(repo: RepoRef, name: str) -> int:
    """The bytes of a file, which the Hub states before it sends the file; raises BadWeights for
    more than the limit."""
    repository, revision = repo
    info = retry(lambda: API.hf_hub_download(repository, name, revision=revision, dry_run=True))
    if not info.is_cached and not 0 < (info.file_size or 0) <= MAX_BYTES[name]:
        raise BadWeights(
            f"{name} of {repo} must be 1 to {MAX_BYTES[name]:,} bytes, got "
            f"{info.file_size or 'an unknown size'}"
        )
    return info.file_size or 0


def check_header(pinned: RepoRef, name: str = WEIGHTS) -> None:
    """Raise BadWeights for a file whose header describes no valid model, before the download."""
    from zoo.pretrained.headers import build, compare
    from zoo.pretrained.weights import inference_state_dict, training_state_dict

    where = Path(f"{pinned}/{name}")
    repository, commit = pinned
    try:
        with allow_bytes(2 * HEADER):
            header = retry(
                lambda: API.parse_safetensors_file_metadata(repository, name, revision=commit)
            )
    except (SafetensorsParsingError, *NO_HEADER) as error:
        raise BadWeights(f"{where} is damaged or not safetensors ({first_line(error)})") from error
    model = build(where, header.metadata)
    expected = inference_state_dict(model) if name == WEIGHTS else training_state_dict(model)
    found = {name: tuple(tensor.shape) for name, tensor in header.tensors.items()}
    compare(where, expected, found, remedy="Its owner should publish it again")


def verify_sha256(pinned: RepoRef, path: Path, expected: str) -> str:
    """The sha256 of a file; raises BadWeights, and deletes the file, unless it is the expected."""
    from zoo.pretrained.weights import sha256

    found = sha256(path)
    if found != expected:
        for copy in (path.resolve(), path):  # the one is a link to the other
            copy.unlink(missing_ok=True)
        raise BadWeights(
            f"sha256 of {path.name} of {pinned} must be {expected:.64}, as on its card, got "
            f"{found}; the file was deleted. Try again, then write to its owner"
        )
    return found
