"""The Hub's client, and what can go wrong with it in words: what was found, what to do."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from typing import TypeVar

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

import zoo
from zoo.errors import FULL, ZooError
from zoo.pretrained.hub import RepoRef
from zoo.pretrained.hub.client import BUSY, HTTPError, bounded

T = TypeVar("T")
LIBRARY = "generative-zoo"
API = HfApi(library_name=LIBRARY, library_version=zoo.__version__)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

constants.DOWNLOAD_CHUNK_SIZE = 2**20  # what a cut connection costs; 10 MB would be a whole model


@contextmanager
def translate_errors(place: RepoRef) -> Iterator[None]:
    """Bound what the Hub's client does, and turn what it raises into a ZooError of one line with a
    remedy."""
    with bounded(), translated(place):
        yield


@contextmanager
def translated(place: RepoRef) -> Iterator[None]:
    try:
        yield
    except HfHubHTTPError as error:
        raise ZooError(refusal(place, error)) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HTTPError) as error:
        raise ZooError(absence(place, error)) from error
    except HFValidationError as error:
        raise ZooError(f"{place} is no name that the Hub gives: {first_line(error)}") from error
    except (ValueError, RuntimeError) as error:  # around an answer, or of an answer's contents
        if isinstance(error.__cause__, HfHubHTTPError):
            raise ZooError(refusal(place, error.__cause__)) from error
        raise ZooError(f"the Hub's client gave up on {place}: {first_line(error)}") from error
    except OSError as error:
        raise ZooError(disk(place, error)) from error


def retry(ask: Callable[[], T], tries: int = 4) -> T:
    """Ask again where the Hub is busy: its client does so for most requests, not for all."""
    for waited in range(tries - 1):
        try:
            return ask()
        except HfHubHTTPError as error:
            if error.response.status_code not in BUSY:
                raise
        time.sleep(2**waited)
    return ask()


def refusal(place: RepoRef, error: HfHubHTTPError) -> str:
    """What the Hub answered."""
    status = error.response.status_code
    if status == 412:
        return (
            f"{place} was changed by somebody while this was going on, and nothing was sent: "
            "publish again to compare with what is there now"
        )
    if isinstance(error, RemoteEntryNotFoundError):
        return contents(place)
    if isinstance(error, RevisionNotFoundError):
        return no_revision(place)
    if isinstance(error, GatedRepoError):
        page = f"{constants.ENDPOINT}/{place.repository}"
        return f"{place} is behind terms of use: agree to them at {page}. {token()}"
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        return no_repository(place)
    if status == 401:
        return f"the Hub wants to know who asks for {place}. {token()}"
    if status == 403:
        return f"the Hub does not allow this with {place}. {token()}"
    if status in BUSY:
        return f"the Hub is busy (it answers {status}) and was asked again and again: try later"
    said = error.server_message or first_line(error)
    return f"the Hub refuses this with {place} ({status}): {' '.join(said.split())}"


def token() -> str:
    """Which token is missing or did not do, and where to get one."""
    settings = f"{constants.ENDPOINT}/settings/tokens"
    if get_token() is None:
        return f"No token is set: run `hf auth login` with one from {settings}, or set HF_TOKEN"
    where = "in HF_TOKEN" if os.environ.get("HF_TOKEN") else "saved by `hf auth login`"
    return (
        f"The token {where} is wrong or has not the right: make one, to read or to write, at "
        f"{settings}"
    )


def no_repository(place: RepoRef) -> str:
    """Near names of the same owner; the Hub does not tell a private repository from none."""
    owner, _, name = place.repository.partition("/")
    others: list[str] = []
    with suppress(HTTPError, OSError):
        others = [model.id.partition("/")[2] for model in API.list_models(author=owner)]
    near = get_close_matches(name, others, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(f'{owner}/{one}' for one in near)}?" if near else token()
    return f"there is no repository {place.repository} on the Hub that you may see; {hint}"


def no_revision(place: RepoRef) -> str:
    """The branches and tags that are there."""
    known: list[str] = []
    with suppress(HTTPError, OSError):
        refs = API.list_repo_refs(place.repository)
        known = [ref.name for ref in [*refs.branches, *refs.tags]]
    near = get_close_matches(str(place.revision), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
    return f"{place.repository} has no branch, tag or commit {place.revision!r}; {hint}"


def contents(place: RepoRef) -> str:
    """What a repository holds instead of a model of the zoo."""
    files: list[str] = []
    with suppress(HTTPError, OSError):
        files = sorted(API.list_repo_files(place.repository, revision=place.revision))
    shown = ", ".join(files[:5]) or "nothing"
    if any(file.endswith(PICKLES) for file in files):
        return (
            f"{place} holds pickles, which the zoo never opens, and no model of the zoo ({shown}): "
            "ask its owner to publish it with `zoo publish`"
        )
    return f"{place} holds no model of the zoo ({shown}): its owner makes one with `zoo publish`"


def absence(place: RepoRef, error: Exception) -> str:
    """Why a file that is not in the cache cannot be fetched either."""
    cause = error.__cause__ or error
    if isinstance(cause, HfHubHTTPError):
        return refusal(place, cause)
    if constants.HF_HUB_OFFLINE:
        return f"{place} is not in the cache and HF_HUB_OFFLINE is set: unset it to fetch it once"
    if "Timeout" in type(cause).__name__:
        return f"the Hub at {constants.ENDPOINT} does not answer for {place}: try again later"
    return (
        f"the Hub at {constants.ENDPOINT} cannot be reached ({first_line(cause)}), and {place} is "
        "not in the cache: connect to the internet once, or give the path of a file"
    )


def disk(place: RepoRef, error: OSError) -> str:
    """What the disk, or the connection to it, did."""
    cache = constants.HF_HUB_CACHE
    if error.errno in FULL:
        return (
            f"{place} does not fit on the disk of {cache} ({error.strerror}), and no part of it "
            "was kept: make room, as with `zoo cache --clear`, or name another disk by HF_HOME"
        )
    if error.errno is None:
        return f"{place} did not come whole, and no part was kept: try again ({first_line(error)})"
    return f"{place} could not be written to {cache}: {error.strerror}"


def first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
