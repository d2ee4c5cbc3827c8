"""Routes over a proxy of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from streamr.boundaries import Answer, Budget, Call, Dimensions, Query
from streamr.errors import CAUSES, KEY_CAUSES, PEER_REFUSES, Attempt, Fault, RouteKind
from streamr.fields import names, proxy_status
from streamr.fields.loop import Loop
from streamr.interfaces import Progress, Veto
from streamr.policy.deadline import handed_on
from streamr.upstream.answer import judge
from streamr.upstream.client import Client
from streamr.upstream.origin import (
    COMMON,
    HERE,
    HTTPRoute,
    upstream_url,
)


class PeerRoute(HTTPRoute):
    """What routes over another streamr proxy are, which uses its own key and its own
    routes."""

    kind = RouteKind.PEER

    def __init__(
        self,
        base_url: str,
        client: Client,
        token: str | None,
        loop: Loop,
        *,
        family: str = "auto",
        near: bool = False,
        of: str = "",
    ) -> None:
        """It is named after the proxy's place, from which its bytes leave, too.

        One that is `near` runs on this machine: its bytes leave from `here`, over
        addresses of our `family`, and with our key. `of` tells it from other routes
        over the same proxy.
        """
        where = urlsplit(base_url).netloc
        egress = HERE if near else where
        dimensions = Dimensions(where, "proxy", family, egress)
        super().__init__(f"proxy@{where}{of}", base_url, client, dimensions)
        self._token = token
        self._loop = loop
        self._near = near

    def renew(self, token: str | None) -> None:
        """Send another token from now on."""
        self._token = token

    def _headers(self, call: Call, budget: Budget) -> Mapping[str, str]:
        """What a proxy has to know of a request. Our key does not go along."""
        headers = {
            names.REQUEST_ID: call.request_id,
            names.DEADLINE: str(handed_on(budget)),
            **self._loop.headers(call.loop),
        }
        if call.silent:
            headers[names.SILENT] = ", ".join(sorted(call.silent))
        if call.failed and self._near:
            headers[names.FAILED] = ", ".join(call.failed)
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _reported(self, response: Answer) -> tuple[Attempt, ...]:
        """What the proxy has tried; () when it does not tell. Raises the Fault that it
        reports of its own.

        The last member of Proxy-Status speaks of the response: with an error there the
        proxy made the response itself, and all its tries are behind it.
        """
        reported = proxy_status.parse(response.proxy_status)
        attempts = tuple(self._merged(each) for each in reported)
        last = reported[-1] if reported else None
        if last is not None and last.cause is not None:
            raise self._own_error(response, last.cause, last.route, attempts)
        if not reported and response.status in (401, 403):
            # a real answer of TMDB through a proxy says which route brought it
            raise Fault(
                PEER_REFUSES,
                f"{self.next_hop} itself answers with status {response.status}",
                final=True,
            )
        return attempts

    def _no_http(self, failure: Failure) -> Failure:
        value = failure.value
        if isinstance(value, Fault) and value.cause.name == "http_protocol_error":
            return Failure(self._stranger("does not answer in HTTP"))
        return failure

    def _stranger(self, does: str) -> Fault:
        return Fault(
            PEER_REFUSES,
            f"{self.next_hop} {does}, so it is not a streamr proxy; an outbound proxy "
            "(HTTP, SOCKS5) belongs in STREAMR_EGRESS",
            final=True,
        )

    def _own_error(
        self, response: Answer, cause: str, route: str, attempts: tuple[Attempt, ...]
    ) -> Fault:
        if cause == "http_request_denied" and not route:
            return Fault(
                PEER_REFUSES,
                f"{self.next_hop} does not accept STREAMR_PROXY_TOKEN",
                final=True,
            )
        # without a route it is the peer's word for the whole, and no try
        made = tuple(each for each in attempts if each.route)
        of_its_key = self._of_its_key(cause, made)
        if of_its_key is not None:
            return of_its_key
        return Fault(
            cause if cause in CAUSES else "proxy_internal_error",
            f"reported by {self.next_hop}",
            made,
            final=True,
            retry_after=response.retry_after,
        )

    def _of_its_key(self, cause: str, attempts: tuple[Attempt, ...]) -> Fault | None:
        """The Fault when TMDB does not take the key of a proxy elsewhere: that is its
        matter, and another route may have a better key. Near, it is our own key."""
        if cause not in KEY_CAUSES or self._near:
            return None
        return Fault(
            PEER_REFUSES,
            f"{CAUSES[cause].meaning} at {self.next_hop}",
            attempts,
            final=True,
        )

    def _merged(self, attempt: Attempt) -> Attempt:
        return replace(attempt, route=attempt.name, peer=self.name)


class ProxyRoute(PeerRoute):
    """A route to TMDB's answers over another streamr proxy."""

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
        """One try; see interfaces.Route. Our key does not go along."""
        url = upstream_url(f"{self._base_url}/3", query, ())
        # no veto is asked: nothing makes it wait here
        waiting = self._client.get(
            url,
            {**COMMON, **self._headers(call, budget)},
            budget,
            new_connection=new_connection,
            progress=progress,
            until=call.deadline,
        )
        return waiting.addCallbacks(
            self._judged, self._no_http, callbackArgs=(query, call)
        )

    def _judged(self, response: Answer, query: Query, call: Call) -> Answer:
        """The proxy's answer, or the Fault that it reports of its own."""
        attempts = self._reported(response)
        try:
            answer = judge(query, replace(call, known=None), response)
        except Fault as fault:
            if not attempts and 400 <= response.status < 500:
                # TMDB's own 4xx, and streamr's, are JSON
                raise self._stranger(
                    f"answers with status {response.status} and without JSON"
                ) from fault
            # a proxy of an older version hands TMDB's word on its key on
            raise self._of_its_key(fault.cause.name, attempts) or fault from fault
        if attempts and answer.status == 404:
            # on each error a proxy says no-store: to its callers, not of TMDB's answer
            answer = replace(answer, cache_control=None)
        return replace(answer, attempts=attempts)
