"""Fetch a model from the Hub: once, checked, under names and sizes of our choosing.

A repository is a stranger's. Files of five fixed names are all that is ever asked for, and none is
unpickled; the header is judged before the weights are fetched, the digest on the card after.
"""

import re
from contextlib import suppress
from pathlib import Path

from huggingface_hub.errors import RemoteEntryNotFoundError, SafetensorsParsingError

from zoo.errors import BadWeights
from zoo.pretrained.cards import Card
from zoo.pretrained.hub import RepoRef, cache
from zoo.pretrained.hub.client import at_most
from zoo.pretrained.hub.errors import API, first_line, retry, translate_errors
from zoo.pretrained.hub.model_card import read_model_card
from zoo.pretrained.limits import HEADER

WEIGHTS, DISCRIMINATOR = "model.safetensors", "discriminator.safetensors"
CARD, CONFIG, PICTURE = "README.md", "config.json", "samples.png"
NO_HEADER = (LookupError, ValueError, TypeError, AttributeError, RecursionError)
MOST = {WEIGHTS: 2**32, DISCRIMINATOR: 2**32, CARD: 2**20, CONFIG: 2**20, PICTURE: 2**25}  # bytes
COMMIT = re.compile(r"[0-9a-f]{40}")


def weights(place: RepoRef, promised: str = "") -> Path:
    """The weights file of a repository, in the cache: fetched where it is not, and checked once.

    `promised` is the sha256 that the zoo's own card names. Raises ZooError for all that can go
    wrong on the way, BadCard and BadWeights for what is not a model of the zoo.
    """
    with translate_errors(place):
        pinned, page = resolve(place)
        path = page.with_name(WEIGHTS)
        digest = cache.digest_of(pinned, path)
        if not digest:
            check_size(pinned, WEIGHTS)
            card = read_model_card(text(page), pinned)
            if not path.exists():
                check_header(pinned)
                with suppress(RemoteEntryNotFoundError):  # by this file the Hub counts downloads
                    download(pinned, CONFIG)
            digest = check_digest(pinned, download(pinned, WEIGHTS), str(card.facts["sha256"]))
            cache.remember(pinned, path, digest)
    if promised and digest != promised:
        raise BadWeights(f"{place} is not the file of the zoo's card: its sha256 is {digest}")
    return path


def card(place: RepoRef) -> Card:
    """The card of a repository, which says under `hub` at which commit; raises ZooError."""
    with translate_errors(place):
        pinned, page = resolve(place)
    found = read_model_card(text(page), pinned)
    return Card(found.name, found.facts | {"hub": str(pinned)}, found.prose)


def picture(place: RepoRef) -> Path:
    """The samples of a repository, in the cache; raises ZooError."""
    with translate_errors(place):
        return download(resolve(place)[0], PICTURE)


def training_modules(place: RepoRef) -> Path | None:
    """The second file of a repository, in the cache, if its card speaks of one: what sampling
    never fetches. Raises ZooError as `weights` does."""
    with translate_errors(place):
        pinned, page = resolve(place)
        promised = read_model_card(text(page), pinned).facts.get("discriminator_sha256")
        if promised is None:
            return None
        path = page.with_name(DISCRIMINATOR)
        if not path.exists():
            check_size(pinned, DISCRIMINATOR)
            check_header(pinned, DISCRIMINATOR)
        path = download(pinned, DISCRIMINATOR)
        check_digest(pinned, path, str(promised))
    return path


def pinned(place: RepoRef) -> RepoRef:
    """The repository at the commit where its branch or tag is now; raises ZooError."""
    with translate_errors(place):
        return resolve(place)[0]


def resolve(place: RepoRef) -> tuple[RepoRef, Path]:
    """The repository at the commit where its branch or tag is now, and its page; noted in the
    cache, so that the name leads there without a network too."""
    page = download(place, CARD)
    commit = page.parent.name
    if not COMMIT.fullmatch(commit):
        raise BadWeights(f"the Hub names a commit of {place} that is none: {commit!r:.60}")
    pinned = RepoRef(place.repository, commit)
    cache.remember(pinned)
    return pinned, page


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8", errors="replace")


def download(place: RepoRef, name: str) -> Path:
    """A file of a repository, from the cache or else from the Hub, if it is not too large."""
    repository, revision = place
    with at_most(check_size(place, name) + 2**16):  # an answer may also be a page about an error
        return Path(retry(lambda: API.hf_hub_download(repository, name, revision=revision)))


def check_size(place: RepoRef, name: str) -> int:
    """The bytes of a file, by what the Hub says before it sends; raises BadWeights for one that is
    larger than any of its kind."""
    repository, revision = place
    info = retry(lambda: API.hf_hub_download(repository, name, revision=revision, dry_run=True))
    if not info.is_cached and not 0 < (info.file_size or 0) <= MOST[name]:
        raise BadWeights(
            f"{name} of {place} has {info.file_size or 'an unknown number of'} bytes; "
            f"the zoo fetches up to {MOST[name]:,}"
        )
    return info.file_size or 0


def check_header(pinned: RepoRef, name: str = WEIGHTS) -> None:
    """Refuse by its header alone, before it is fetched, a file that is no model of the zoo."""
    from zoo.pretrained.headers import build, compare
    from zoo.pretrained.weights import inference_state_dict, training_state_dict

    where = Path(f"{pinned}/{name}")
    repository, commit = pinned
    try:
        with at_most(2 * HEADER):
            header = retry(
                lambda: API.parse_safetensors_file_metadata(repository, name, revision=commit)
            )
    except (SafetensorsParsingError, *NO_HEADER) as error:
        raise BadWeights(f"{where} is damaged or not safetensors ({first_line(error)})") from error
    model = build(where, header.metadata)
    wanted = inference_state_dict(model) if name == WEIGHTS else training_state_dict(model)
    found = {name: tuple(tensor.shape) for name, tensor in header.tensors.items()}
    compare(where, wanted, found, remedy="its owner should publish it anew")


def check_digest(pinned: RepoRef, path: Path, promised: str) -> str:
    """The sha256 of a file, which is the one that was promised; else the file is not kept."""
    from zoo.pretrained.weights import sha256

    digest = sha256(path)
    if digest != promised:
        for copy in (path.resolve(), path):  # the one is a link to the other
            copy.unlink(missing_ok=True)
        raise BadWeights(
            f"{path.name} of {pinned} is not the file of its card and was not kept: its sha256 is "
            f"{digest}, the card says {promised:.64}. Try again, then tell its owner"
        )
    return digest
