"""The two kinds of routes: to TMDB itself, and to a proxy of ours.

The one place that builds upstream URLs and puts credentials on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode, urlsplit

from twisted.internet.defer import Deferred

from streamr.boundaries import Answer, Budget, Call, Dimensions, Query
from streamr.errors import CAUSES, Attempt, Fault
from streamr.fields import proxy_status
from streamr.fields.loop import Loop
from streamr.interfaces import Signs
from streamr.policy.deadline import handed_on
from streamr.policy.retry import retry_after
from streamr.upstream.answer import judge
from streamr.upstream.client import Client, Reply
from streamr.upstream.ratelimit import Pacer

# On every request. The name for TMDB's logs tells no version and no machine.
COMMON = {"Accept": "application/json", "User-Agent": "streamr"}
REQUEST_ID = "X-Request-Id"
DEADLINE_HEADER = "Streamr-Deadline-Ms"
SILENT_HEADER = "Streamr-Silent"


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


class _Route:
    """What both kinds are: a name, and a client that asks below a base URL."""

    def __init__(
        self, name: str, base_url: str, client: Client, dimensions: Dimensions
    ) -> None:
        self.name = name
        self.next_hop = urlsplit(base_url).netloc
        self.dimensions = dimensions
        self._base_url = base_url
        self._client = client


class TMDBRoute(_Route):
    """A route to one of TMDB's hosts with one TLS profile."""

    hop = False

    def __init__(
        self,
        name: str,
        base_url: str,
        client: Client,
        credentials: Credentials,
        dimensions: Dimensions,
        loop: Loop | None,
        pacer: Pacer,
    ) -> None:
        """`loop` is None for TMDB's own hosts, from which nothing comes back."""
        super().__init__(name, base_url, client, dimensions)
        self._credentials = credentials
        self._loop = loop
        self._pacer = pacer

    def send(
        self,
        query: Query,
        call: Call,
        budget: Budget,
        *,
        fresh: bool,
        heard: Signs,
    ) -> Deferred[Answer]:
        """One try; see interfaces.Route."""
        url = upstream_url(self._base_url, query, self._credentials.parameters())
        headers = {
            **COMMON,
            **self._credentials.headers(),
            **_conditions(call),
            **(self._loop.headers(call.loop) if self._loop else {}),
        }

        def leave() -> Deferred[Reply]:
            heard.again()
            return self._client.get(url, headers, budget, fresh=fresh, heard=heard)

        # waiting for its turn is no silence of TMDB's: no hedge for that
        waiting = self._pacer.run(leave, queued=heard)
        return waiting.addCallback(self._paced).addCallback(_judged, query, call)

    def _paced(self, reply: Reply) -> Reply:
        """Keep away for a while when TMDB says so, and let the caller know how long."""
        if reply.head.status != 429:
            self._pacer.answered()
            return reply
        named = retry_after(reply.head.retry_after, reply.head.date)
        seconds = self._pacer.limited(named)
        head = replace(reply.head, retry_after=str(max(1, round(seconds))))
        return replace(reply, head=head)


class ProxyRoute(_Route):
    """A route over another streamr proxy, which uses its own key and its own ways."""

    hop = True

    def __init__(
        self, base_url: str, client: Client, token: str | None, loop: Loop
    ) -> None:
        """It is named after the proxy's place, from which its bytes leave, too."""
        where = urlsplit(base_url).netloc
        dimensions = Dimensions(where, "proxy", "auto", where)
        super().__init__(f"proxy@{where}", base_url, client, dimensions)
        self._token = token
        self._loop = loop

    def send(
        self,
        query: Query,
        call: Call,
        budget: Budget,
        *,
        fresh: bool,
        heard: Signs,
    ) -> Deferred[Answer]:
        """One try; see interfaces.Route. Our key does not go along."""
        url = upstream_url(f"{self._base_url}/3", query, ())
        waiting = self._client.get(
            url, self._headers(call, budget), budget, fresh=fresh, heard=heard
        )
        return waiting.addCallback(self._judged, query, call)

    def _headers(self, call: Call, budget: Budget) -> Mapping[str, str]:
        headers = {
            **COMMON,
            REQUEST_ID: call.request_id,
            DEADLINE_HEADER: str(handed_on(budget)),
            **self._loop.headers(call.loop),
        }
        if call.silent:
            headers[SILENT_HEADER] = ", ".join(sorted(call.silent))
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _judged(self, reply: Reply, query: Query, call: Call) -> Answer:
        """The proxy's answer, or the Fault that it reports of its own.

        The last member of Proxy-Status speaks of the response: with an error there the
        proxy made the response itself, and all its tries are behind it.
        """
        reported = proxy_status.parse(reply.head.proxy_status)
        attempts = tuple(self._merged(each) for each in reported)
        last = reported[-1] if reported else None
        if last is not None and last.cause is not None:
            raise self._own_error(reply, last.cause, last.route, attempts)
        if not reported and reply.head.status in (401, 403):
            # a real answer of TMDB through a proxy says which way it came
            raise Fault(
                "proxy_configuration_error",
                f"{self.next_hop} answers {reply.head.status} by itself",
                final=True,
            )
        answer = _judged(reply, query, replace(call, known=None))
        if reported and answer.status == 404:
            # on each error a proxy says no-store: to its callers, not of TMDB's answer
            answer = replace(answer, cache_control=None)
        return replace(answer, attempts=attempts)

    def _own_error(
        self, reply: Reply, cause: str, route: str, attempts: tuple[Attempt, ...]
    ) -> Fault:
        if cause == "http_request_denied" and not route:
            return Fault(
                "proxy_configuration_error",
                f"{self.next_hop} does not accept STREAMR_PROXY_TOKEN",
                final=True,
            )
        made = tuple(each for each in attempts if each.route != f"{self.name}/")
        return Fault(
            cause if cause in CAUSES else "proxy_internal_error",
            f"reported by {self.next_hop}",
            made,
            final=True,
            retry_after=reply.head.retry_after,
        )

    def _merged(self, attempt: Attempt) -> Attempt:
        return replace(attempt, route=f"{self.name}/{attempt.route}")


def upstream_url(base_url: str, query: Query, more: tuple[tuple[str, str], ...]) -> str:
    """The URL of a query below a base such as `https://api.themoviedb.org/3`."""
    parameters = urlencode([*query.parameters, *more], quote_via=quote)
    return f"{base_url}{query.path}" + (f"?{parameters}" if parameters else "")


def _judged(reply: Reply, query: Query, call: Call) -> Answer:
    return judge(
        query, call, reply.head, reply.body, reply.gzipped, certain=reply.certain
    )


def _conditions(call: Call) -> dict[str, str]:
    """The headers of a conditional request (RFC 9110, 13.1)."""
    known = call.known
    if known is None:
        return {}
    pairs = (("If-None-Match", known.etag), ("If-Modified-Since", known.last_modified))
    return {name: value for name, value in pairs if value}
