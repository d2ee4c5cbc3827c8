"""The two kinds of routes: to TMDB itself, and to a proxy of ours.

The one place that builds upstream URLs and puts credentials on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred

from streamr.boundaries import DIRECT, Answer, Budget, Call, Dimensions, Query
from streamr.errors import RouteKind
from streamr.fields.loop import Loop
from streamr.interfaces import Progress, Veto
from streamr.policy.retry import retry_after
from streamr.policy.urlencoded import urlencoded
from streamr.upstream.answer import judge
from streamr.upstream.client import Client
from streamr.upstream.ratelimit import Pacer

T = TypeVar("T")

# On every request. The name for TMDB's logs tells no version and no machine.
COMMON = {"Accept": "application/json", "User-Agent": "streamr"}
# The egress of this machine (boundaries.Dimensions).
HERE = DIRECT.name


@dataclass(frozen=True, slots=True)
class Credentials:
    """How TMDB knows us: a v4 token as Bearer, or a v3 key in the query.

    The token is preferred: a key in a URL lands in logs on the way.
    """

    token: str | None
    key: str | None

    def headers(self) -> dict[str, str]:
        """The header that authenticates, if there is a token."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The query parameter that authenticates, if there is only a key."""
        return (("api_key", self.key),) if self.key and not self.token else ()


class HTTPRoute:
    """What both kinds are: a name, and a client that asks below a base URL."""

    def __init__(
        self, name: str, base_url: str, client: Client, dimensions: Dimensions
    ) -> None:
        self.name = name
        self.next_hop = urlsplit(base_url).netloc
        self.dimensions = dimensions
        self._base_url = base_url
        self._client = client

    @property
    def patience(self) -> float:
        """See interfaces.Route."""
        return self._client.line.patience


class PacedRoute(HTTPRoute):
    """A route to one of TMDB's hosts, whose pace all that leads there share."""

    def __init__(
        self,
        name: str,
        kind: RouteKind,
        base_url: str,
        client: Client,
        dimensions: Dimensions,
        pacer: Pacer,
    ) -> None:
        super().__init__(name, base_url, client, dimensions)
        self.kind = kind
        self._pacer = pacer

    def _in_turn(
        self,
        leave: Callable[[], Deferred[T]],
        call: Call,
        progress: Progress,
        veto: Veto,
    ) -> Deferred[T]:
        """Waiting for its turn is no silence of TMDB's: no hedge for that."""

        def leaving() -> Deferred[T]:
            progress.sent()
            return leave()

        return self._pacer.run(
            leaving,
            progress.queued,
            until=call.deadline,
            veto=veto,
            first=call.probe,
            behind=call.background,
            instead=self.dimensions.host in call.silent,
        )

    def _paced(self, answer: Answer) -> Answer:
        """Keep away for a while when TMDB says so, and let the caller know how long."""
        if answer.status != 429:
            self._pacer.answered()
            return answer
        seconds = self._pacer.limited(retry_after(answer.retry_after, answer.date))
        return replace(answer, retry_after=str(max(1, round(seconds))))


class TMDBRoute(PacedRoute):
    """A route to TMDB's answers with one TLS profile."""

    def __init__(
        self,
        name: str,
        kind: RouteKind,
        base_url: str,
        client: Client,
        credentials: Credentials,
        dimensions: Dimensions,
        loop: Loop | None,
        pacer: Pacer,
    ) -> None:
        """`loop` is None for TMDB's own hosts, from which nothing comes back."""
        super().__init__(name, kind, base_url, client, dimensions, pacer)
        self._credentials = credentials
        self._loop = loop

    def renew(self, credentials: Credentials) -> None:
        """Authenticate with others from now on."""
        self._credentials = credentials

    def send(
        self,
        query: Query,
        call: Call,
        budget: Budget,
        *,
        new_connection: bool,
        progress: Progress,
        veto: Veto,
    ) -> Deferred[Answer]:
        """One try; see interfaces.Route."""
        url = upstream_url(self._base_url, query, self._credentials.parameters())
        headers = {
            **COMMON,
            **self._credentials.headers(),
            **_conditions(call),
            **(self._loop.headers(call.loop) if self._loop else {}),
        }

        def leave() -> Deferred[Answer]:
            return self._client.get(
                url,
                headers,
                budget,
                new_connection=new_connection,
                progress=progress,
                until=call.deadline,
            )

        waiting = self._in_turn(leave, call, progress, veto)
        return waiting.addCallback(self._paced).addCallback(_judged, query, call)


def upstream_url(base_url: str, query: Query, more: tuple[tuple[str, str], ...]) -> str:
    """The URL of a query below a base such as `https://api.themoviedb.org/3`."""
    parameters = urlencoded([*query.parameters, *more])
    return f"{base_url}{query.path}" + (f"?{parameters}" if parameters else "")


def _judged(answer: Answer, query: Query, call: Call) -> Answer:
    return judge(query, call, answer)


def _conditions(call: Call) -> dict[str, str]:
    """The headers of a conditional request (RFC 9110, 13.1)."""
    known = call.known
    if known is None:
        return {}
    pairs = (("If-None-Match", known.etag), ("If-Modified-Since", known.last_modified))
    return {name: value for name, value in pairs if value}
