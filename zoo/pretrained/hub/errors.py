"""The Hub's client, whose errors become a ZooError of one line with a remedy."""

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
from zoo.pretrained.hub.client import BUSY, HTTPError, limit_requests

T = TypeVar("T")
LIBRARY = "generative-zoo"
API = HfApi(library_name=LIBRARY, library_version=zoo.__version__)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

constants.DOWNLOAD_CHUNK_SIZE = 2**20  # lost by a cut connection; the default is 10 MB


@contextmanager
def translate_errors(repo: RepoRef) -> Iterator[None]:
    """Within, requests of huggingface_hub are limited, and its errors raised as a ZooError."""
    with limit_requests(), translated(repo):
        yield


@contextmanager
def translated(repo: RepoRef) -> Iterator[None]:
    try:
        yield
    except HfHubHTTPError as error:
        raise ZooError(describe_response(repo, error)) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HTTPError) as error:
        raise ZooError(describe_connection(repo, error)) from error
    except HFValidationError as error:
        raise ZooError(f"{repo} is not a valid repository name: {first_line(error)}") from error
    except (ValueError, RuntimeError) as error:  # around a response, or of its contents
        if isinstance(error.__cause__, HfHubHTTPError):
            raise ZooError(describe_response(repo, error.__cause__)) from error
        raise ZooError(f"huggingface_hub failed on {repo}: {first_line(error)}") from error
    except OSError as error:
        raise ZooError(describe_disk(repo, error)) from error


def retry(request: Callable[[], T], tries: int = 4) -> T:
    """Repeat a request while the Hub is busy, which huggingface_hub does for most, not for all."""
    for failures in range(tries - 1):
        try:
            return request()
        except HfHubHTTPError as error:
            if error.response.status_code not in BUSY:
                raise
        time.sleep(2**failures)
    return request()


def describe_response(repo: RepoRef, error: HfHubHTTPError) -> str:
    """The message for an HTTP status of the Hub."""
    status = error.response.status_code
    if status == 412:
        return (
            f"{repo} was changed while this command ran, and nothing was sent. Publish again to "
            "compare with the new state"
        )
    if isinstance(error, RemoteEntryNotFoundError):
        return describe_contents(repo)
    if isinstance(error, RevisionNotFoundError):
        return no_revision(repo)
    if isinstance(error, GatedRepoError):
        page = f"{constants.ENDPOINT}/{repo.repository}"
        return f"{repo} has terms of use. Accept them at {page}. {token_hint()}"
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        return no_repository(repo)
    if status == 401:
        return f"the Hub requires a token for {repo}. {token_hint()}"
    if status == 403:
        return f"the token has no permission for {repo}. {token_hint()}"
    if status in BUSY:
        return f"the Hub is busy (status {status}) after several tries. Try later"
    message = error.server_message or first_line(error)
    return f"the Hub rejects the request for {repo} ({status}): {' '.join(message.split())}"


def token_hint() -> str:
    """Which token is missing or insufficient, and where to get one."""
    settings = f"{constants.ENDPOINT}/settings/tokens"
    if get_token() is None:
        return f"No token is set. Run `hf auth login` with one from {settings}, or set HF_TOKEN"
    where = "in HF_TOKEN" if os.environ.get("HF_TOKEN") else "saved by `hf auth login`"
    return (
        f"The token {where} is invalid or lacks a permission. Create one, to read or to write, at "
        f"{settings}"
    )


def no_repository(repo: RepoRef) -> str:
    """Near names of the same owner; the Hub's response for a private repository is the same."""
    owner, _, name = repo.repository.partition("/")
    others: list[str] = []
    with suppress(HTTPError, OSError):
        others = [model.id.partition("/")[2] for model in API.list_models(author=owner)]
    near = get_close_matches(name, others, n=3, cutoff=0.5)
    names = " or ".join(f"{owner}/{each}" for each in near)
    hint = f"did you mean {names}?" if near else token_hint()
    return f"there is no repository {repo.repository} on the Hub, or it is private; {hint}"


def no_revision(repo: RepoRef) -> str:
    """Near or all branches and tags of the repository."""
    known: list[str] = []
    with suppress(HTTPError, OSError):
        refs = API.list_repo_refs(repo.repository)
        known = [ref.name for ref in [*refs.branches, *refs.tags]]
    near = get_close_matches(str(repo.revision), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return f"{repo.repository} has no branch, tag or commit {repo.revision!r}; {hint}"


def describe_contents(repo: RepoRef) -> str:
    """What a repository holds instead of a model of the zoo."""
    files: list[str] = []
    with suppress(HTTPError, OSError):
        files = sorted(API.list_repo_files(repo.repository, revision=repo.revision))
    shown = ", ".join(files[:5]) or "nothing"
    if any(file.endswith(PICKLES) for file in files):
        return (
            f"{repo} holds pickles, which may run code and are never opened, and no model of the "
            f"zoo ({shown}). Its owner can publish one by `zoo publish`"
        )
    return f"{repo} holds no model of the zoo ({shown}). Its owner can publish one by `zoo publish`"


def describe_connection(repo: RepoRef, error: Exception) -> str:
    """Why a file that is not in the cache cannot be downloaded."""
    cause = error.__cause__ or error
    if isinstance(cause, HfHubHTTPError):
        return describe_response(repo, cause)
    if constants.HF_HUB_OFFLINE:
        return f"{repo} is not in the cache, and HF_HUB_OFFLINE is set. Unset it to download once"
    if "Timeout" in type(cause).__name__:
        return f"the Hub at {constants.ENDPOINT} does not respond for {repo}. Try later"
    return (
        f"the Hub at {constants.ENDPOINT} cannot be reached ({first_line(cause)}), and {repo} is "
        "not in the cache. Connect to the internet once, or give the path of a file"
    )


def describe_disk(repo: RepoRef, error: OSError) -> str:
    """The message for an error of the disk, or of the connection."""
    cache = constants.HF_HUB_CACHE
    if error.errno in FULL:
        return (
            f"{repo} does not fit on the disk of {cache} ({error.strerror}); no part of it was "
            "kept. Free space, as by `zoo cache --clear`, or name another disk by HF_HOME"
        )
    if error.errno is None:
        return f"{repo} was not received in full; no part was kept ({first_line(error)}). Try again"
    return f"{repo} cannot be written to {cache}: {error.strerror}"


def first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
