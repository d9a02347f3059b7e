"""The Hub's client with bounds: a silent Hub is given up, and no answer may fill the memory.

Hooks on huggingface_hub's own session, which do nothing outside of `bounded`.
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
SILENCE = 30.0  # seconds without an answer, tries together
ANSWER = 2**24  # bytes of an answer that is no file
LONG_WAITS = (
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
)  # headers that put the client to sleep
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
class Bounds:
    """What is asked for now, since when, and how many bytes an answer may have."""

    most: int = ANSWER
    request: tuple[str, ...] = ()
    since: float = 0.0


BOUNDS: ContextVar[Bounds | None] = ContextVar("BOUNDS", default=None)


class Silent(ZooError):
    """The Hub takes connections and does not answer."""


class Bounded(ByteStream):  # type: ignore[misc]
    """An answer of at most so many bytes; raises ZooError for more."""

    def __init__(self, stream: Stream, most: int) -> None:
        self.stream, self.most = stream, most

    def __iter__(self) -> Iterator[bytes]:
        come = 0
        for chunk in self.stream:
            come += len(chunk)
            if come > self.most:
                raise ZooError(f"the Hub sends more than the {self.most:,} bytes that it may")
            yield chunk

    def close(self) -> None:
        self.stream.close()

    def __exit__(self, kind: type | None, value: object, trace: TracebackType | None) -> None:
        self.close()


@contextmanager
def bounded() -> Iterator[None]:
    """Within, whatever huggingface_hub asks for is bounded in time and size; raises ZooError."""
    session = get_session()
    for kind, hook in (("request", before), ("response", after)):
        if hook not in session.event_hooks[kind]:
            session.event_hooks[kind].append(hook)
    token = BOUNDS.set(Bounds())
    try:
        yield
    finally:
        BOUNDS.reset(token)


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Within, an answer may have `size` bytes."""
    bounds = BOUNDS.get()
    usual = bounds.most if bounds else 0
    if bounds:
        bounds.most = size
    try:
        yield
    finally:
        if bounds:
            bounds.most = usual


def before(request: Request) -> None:
    """Cap the wait for an answer; the same request again, tries of one after the other, shares the
    time with the first. A download that goes on where it was cut is another request."""
    bounds = BOUNDS.get()
    if bounds is None:
        return
    request.headers["accept-encoding"] = "identity"  # so that bytes are what they seem
    asked = (request.method, str(request.url), request.headers.get("range", ""))
    if asked != bounds.request:
        bounds.request, bounds.since = asked, time.monotonic()
    left = bounds.since + SILENCE - time.monotonic()
    if left < 0.5:
        raise Silent(
            f"the Hub at {constants.ENDPOINT} has not answered for {SILENCE:.0f} s: try later, or "
            "give the path of a file"
        )
    timeouts = request.extensions.get("timeout") or {}
    request.extensions["timeout"] = {
        kind: min(left, timeouts.get(kind) or left) for kind in ("connect", "read", "write", "pool")
    }


def after(response: Response) -> None:
    """Bound the size of an answer, and do not sleep for as long as a server likes."""
    bounds = BOUNDS.get()
    if bounds is None:
        return
    if response.status_code in BUSY:
        bounds.request = ()
    for name in LONG_WAITS:
        response.headers.pop(name, None)
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ZooError("the Hub sends compressed what was asked for as it is: try another endpoint")
    response.stream = Bounded(response.stream, bounds.most)
