"""One call that tells a cache in front to drop what bears a tag.

Host and method are the setting's; the tag goes in percent-encoded; no redirect is
followed; what comes back is its status, and nothing of its body.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    TimeoutError,
    maybeDeferred,
)
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from streamr.boundaries import TAG, DownstreamCache
from streamr.downstream.purger import NotTold

# A cache answers a purge at once: CDNs within 150 ms or so, those beside us in one.
SECONDS = 5.0
# Varnish and Souin are told of the tag in the field in which they were told of it.
FIELD = "Surrogate-Key"
# Of a URL that has the tag in it.
NOTHING_THERE = 404


class PurgeCall:
    """Tells one cache (purger.Tell)."""

    def __init__(
        self,
        cache: DownstreamCache,
        credential: Callable[[], tuple[str, str] | None],
        agent: IAgent,
        clock: IReactorTime,
    ) -> None:
        """`credential` gives the field with the token as it is now, name and value;
        None for none."""
        self._cache = cache
        self._credential = credential
        self._agent = agent
        self._clock = clock

    def __call__(self, tag: str) -> Deferred[None]:
        """Fails with NotTold."""
        cache = self._cache
        body = cache.body.replace(TAG, tag).encode()
        # it may fail at once, over a host that is none
        asking: Deferred[IResponse] = maybeDeferred(
            self._agent.request,
            cache.method.encode(),
            cache.url.replace(TAG, tag).encode(),
            self._headers(tag, body),
            FileBodyProducer(BytesIO(body)) if body else None,
        )
        asking.addTimeout(SECONDS, self._clock)
        # where the tag is in the URL, nothing there is as good as dropped
        missing = NOTHING_THERE if TAG in cache.url else None
        return asking.addCallback(_judged, missing).addErrback(_explained)

    def _headers(self, tag: str, body: bytes) -> Headers:
        told = {FIELD: tag, "User-Agent": "streamr"}
        if body:
            told["Content-Type"] = "application/json"
        credential = self._credential()
        if credential is not None:
            told[credential[0]] = credential[1]
        return Headers({name: [value] for name, value in told.items()})


class _Unread(Protocol):
    """Ends the connection: of the body nothing is wanted."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


def _judged(response: IResponse, missing: int | None) -> None:
    """Raises NotTold."""
    response.deliverBody(_Unread())
    status = response.code
    if 200 <= status < 300 or status == missing:
        return
    later = status == 429 or status >= 500
    why = "a redirect, which is not followed: " if 300 <= status < 400 else ""
    raise NotTold(f"{why}status {status}", final=not later)


def _explained(failure: Failure) -> Failure:
    """Raises NotTold with what was wrong."""
    if failure.check(NotTold, CancelledError):
        return failure
    if failure.check(TimeoutError):
        raise NotTold(f"no answer within {SECONDS:.0f} s")
    reasons = getattr(failure.value, "reasons", None) or [failure]
    raise NotTold(reasons[0].getErrorMessage() or type(failure.value).__name__)
