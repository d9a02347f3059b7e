"""Limits for huggingface_hub: a timeout for the Hub, and a maximal size for each response.

They are hooks on the session of huggingface_hub, which do nothing outside of `limit_requests`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Protocol

from huggingface_hub import constants, get_session
from huggingface_hub.errors import HfHubHTTPError

from zoo.errors import ZooError

HTTPError: type[Exception] = HfHubHTTPError.__bases__[0]  # of httpx2; of httpx under 1.x
ByteStream: type = import_module(HTTPError.__module__.partition(".")[0]).SyncByteStream
TIMEOUT = 30.0  # seconds without a response, all retries together
MAX_RESPONSE = 2**24  # bytes of a response that is not a file
WAIT_HEADERS = ("retry-after", "ratelimit", "ratelimit-policy")  # which make the client sleep
BUSY = (429, 500, 502, 503, 504)


class Request(Protocol):
    method: str
    url: object
    headers: dict[str, str]
    extensions: dict[str, dict[str, float | None]]


class Response(Protocol):
    status_code: int
    headers: dict[str, str]
    stream: "Stream"


class Stream(Protocol):
    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


@dataclass
class Limits:
    """The bytes that a response may have, the current request, and when it was first sent."""

    max_bytes: int = MAX_RESPONSE
    request: tuple[str, ...] = ()
    since: float = 0.0


LIMITS: ContextVar[Limits | None] = ContextVar("LIMITS", default=None)


class HubTimeout(ZooError):
    """The Hub accepts connections and does not respond."""


class LimitedStream(ByteStream):  # type: ignore[misc]
    """A response of limited size; raises ZooError for a longer one."""

    def __init__(self, stream: Stream, max_bytes: int) -> None:
        self.stream, self.max_bytes = stream, max_bytes

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        for chunk in self.stream:
            received += len(chunk)
            if received > self.max_bytes:
                raise ZooError(
                    f"the response of the Hub must be at most {self.max_bytes:,} bytes, got more. "
                    "Try another endpoint"
                )
            yield chunk

    def close(self) -> None:
        self.stream.close()

    def __exit__(self, kind: type | None, value: object, trace: TracebackType | None) -> None:
        self.close()


@contextmanager
def limit_requests() -> Iterator[None]:
    """Within, every request of huggingface_hub is limited in time and size; raises ZooError."""
    session = get_session()
    for kind, hook in (("request", before_request), ("response", after_response)):
        if hook not in session.event_hooks[kind]:
            session.event_hooks[kind].append(hook)
    token = LIMITS.set(Limits())
    try:
        yield
    finally:
        LIMITS.reset(token)


@contextmanager
def allow_bytes(size: int) -> Iterator[None]:
    """Within, a response may have `size` bytes."""
    limits = LIMITS.get()
    usual = limits.max_bytes if limits else 0
    if limits:
        limits.max_bytes = size
    try:
        yield
    finally:
        if limits:
            limits.max_bytes = usual


def before_request(request: Request) -> None:
    """Limit the time for a response. Retries of one request share the time with the first; a
    download that resumes after a cut connection is another request."""
    limits = LIMITS.get()
    if limits is None:
        return
    request.headers["accept-encoding"] = "identity"  # so that sizes are those of the files
    key = (request.method, str(request.url), request.headers.get("range", ""))
    if key != limits.request:
        limits.request, limits.since = key, time.monotonic()
    left = limits.since + TIMEOUT - time.monotonic()
    if left < 0.5:
        raise HubTimeout(
            f"the Hub at {constants.ENDPOINT} has not responded for {TIMEOUT:.0f} s. Try later, or "
            "give the path of a file"
        )
    timeouts = request.extensions.get("timeout") or {}
    request.extensions["timeout"] = {
        kind: min(left, timeouts.get(kind) or left) for kind in ("connect", "read", "write", "pool")
    }


def after_response(response: Response) -> None:
    """Limit the size of a response, and remove headers by which a server makes the client wait."""
    limits = LIMITS.get()
    if limits is None:
        return
    if response.status_code in BUSY:
        limits.request = ()
    for name in WAIT_HEADERS:
        response.headers.pop(name, None)
    if (encoding := response.headers.get("content-encoding", "identity")) != "identity":
        raise ZooError(f"content-encoding must be identity, got {encoding}. Try another endpoint")
    response.stream = LimitedStream(response.stream, limits.max_bytes)
