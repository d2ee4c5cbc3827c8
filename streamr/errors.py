"""The fault taxonomy: every way an attempt can fail, and what follows from it.

One table (`CAUSES`) decides for the whole house whether the next route is tried,
whether the same route gets a second chance, and what the caller is told. The names are
RFC 9209's (section 2.3, "Proxy Error Types") where its registry has one; the others say
what the registry cannot: a reset, a FIN and silence in the handshake, a page of HTML.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Phase(StrEnum):
    """How far an attempt had come. The order is that of the steps of an attempt."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    REQUEST = "request"
    BODY = "body"
    ANSWER = "answer"
    GATEWAY = "gateway"

    @property
    def step(self) -> int:
        """Its place in that order: of two attempts, the one further on came further."""
        return tuple(Phase).index(self)


class Blame(StrEnum):
    """What a failure may speak against."""

    ROUTE = "route"  # no connection: whatever had been asked would have failed
    EITHER = "either"  # silence or a cut: the network, or what was asked for
    RESOURCE = "resource"  # a whole answer came: another path may well be fine


class Envelope(IntEnum):
    """TMDB's own `status_code` values that a gateway's errors use (docs/facts/tmdb.md,
    "Error codes")."""

    AUTHENTICATION = 3
    FORMAT = 4
    KEY = 7
    OFFLINE = 9
    SUSPENDED = 10
    INTERNAL = 11
    PAGE = 22
    TIMEOUT = 24
    RATE = 25
    APPENDED = 27
    NOT_FOUND = 34
    DENIED = 38
    BACKEND = 43
    INPUT = 47


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of failure.

    `next_route`: another route may help, so the errback goes on to it.
    `same_route`: a second try on the same route, on a fresh connection, is worth it.
    `slow`: the attempt ended because time was up; such an attempt is repeated only
    when no other route is left, because repeating costs the same time again.
    """

    name: str
    phase: Phase
    next_route: bool
    same_route: bool
    meaning: str
    slow: bool = False
    status: int = 502
    code: Envelope = Envelope.BACKEND

    @property
    def silent_host(self) -> bool:
        """True when TMDB's host was silent: not an outbound proxy in front of it."""
        return self.slow and not self.name.startswith("egress_")

    @property
    def blame(self) -> Blame:
        """What it may speak against, where it counts at all."""
        if self.phase is Phase.ANSWER and self.name != PEER_REFUSES:
            return Blame.RESOURCE
        if self.phase in (Phase.REQUEST, Phase.BODY):
            return Blame.EITHER
        return Blame.ROUTE


def _timeout(
    name: str, phase: Phase, next_route: bool, same_route: bool, meaning: str
) -> Cause:
    return Cause(
        name, phase, next_route, same_route, meaning, True, 504, Envelope.TIMEOUT
    )


_YES, _NO = True, False
_CODING = "http_response_content_coding"

#    name, phase, next route?, same route again?, meaning for a person
_ROWS = (
    Cause("dns_error", Phase.RESOLVE, _YES, _YES, "the name could not be resolved"),
    _timeout("dns_timeout", Phase.RESOLVE, _YES, _YES, "the resolver did not answer"),
    Cause(
        "connection_refused", Phase.CONNECT, _YES, _YES, "the connection was refused"
    ),
    _timeout(
        "connection_timeout", Phase.CONNECT, _YES, _NO, "no answer to the TCP handshake"
    ),
    Cause(
        "destination_ip_unroutable", Phase.CONNECT, _YES, _NO, "no route to the address"
    ),
    Cause(
        "destination_ip_prohibited",
        Phase.CONNECT,
        _YES,
        _NO,
        "this machine's own firewall or policy forbids the connection",
    ),
    Cause(
        "sockets_exhausted",
        Phase.CONNECT,
        _YES,
        _NO,
        "this machine has no file descriptor or memory left for a connection",
        status=503,
        code=Envelope.OFFLINE,
    ),
    Cause(
        "egress_unreachable",
        Phase.CONNECT,
        _YES,
        _NO,
        "no connection to the outbound proxy",
    ),
    _timeout(
        "egress_timeout",
        Phase.CONNECT,
        _YES,
        _NO,
        "the outbound proxy did not answer in time",
    ),
    Cause(
        "egress_closed",
        Phase.CONNECT,
        _YES,
        _NO,
        "the connection to the outbound proxy was cut before its answer",
    ),
    Cause(
        "egress_authentication",
        Phase.CONNECT,
        _YES,
        _NO,
        "the outbound proxy does not accept the user and password",
    ),
    Cause(
        "egress_denied",
        Phase.CONNECT,
        _YES,
        _NO,
        "the outbound proxy forbids connections to this host",
    ),
    Cause(
        "egress_failed",
        Phase.CONNECT,
        _YES,
        _NO,
        "the outbound proxy could not reach the host",
    ),
    Cause(
        "egress_protocol_error",
        Phase.CONNECT,
        _YES,
        _NO,
        "the answer is not that of an outbound proxy of this kind",
    ),
    Cause(
        "tls_reset",
        Phase.TLS,
        _YES,
        _YES,
        "the connection was reset in the TLS handshake",
    ),
    Cause(
        "tls_closed",
        Phase.TLS,
        _YES,
        _YES,
        "the connection was closed in the TLS handshake",
    ),
    _timeout("tls_timeout", Phase.TLS, _YES, _NO, "no answer in the TLS handshake"),
    Cause(
        "tls_alert_received",
        Phase.TLS,
        _YES,
        _NO,
        "the other side ended the TLS handshake with an alert",
    ),
    Cause("tls_protocol_error", Phase.TLS, _YES, _NO, "no TLS version in common"),
    Cause(
        "tls_not_tls",
        Phase.TLS,
        _YES,
        _NO,
        "the answer to the handshake is not TLS: interception suspected",
    ),
    Cause(
        "tls_certificate_error",
        Phase.TLS,
        _YES,
        _NO,
        "the certificate failed verification: interception, or a wrong clock",
    ),
    Cause(
        "connection_terminated",
        Phase.REQUEST,
        _YES,
        _YES,
        "the connection was cut before the answer",
    ),
    _timeout("http_response_timeout", Phase.REQUEST, _YES, _YES, "no answer in time"),
    Cause("http_protocol_error", Phase.REQUEST, _YES, _NO, "the answer is not HTTP"),
    Cause("http_response_incomplete", Phase.BODY, _YES, _YES, "the body is cut short"),
    Cause(_CODING, Phase.BODY, _YES, _YES, "the body's gzip coding is broken"),
    Cause(
        "http_response_body_size",
        Phase.BODY,
        _YES,
        _NO,
        "the body is larger than streamr accepts",
    ),
    Cause(
        "http_response_invalid",
        Phase.ANSWER,
        _YES,
        _YES,
        "the body is not JSON: a portal or an error page",
    ),
    Cause(
        "http_response_redirect",
        Phase.ANSWER,
        _YES,
        _NO,
        "a redirect, which streamr does not follow",
    ),
    Cause(
        "http_request_denied",
        Phase.ANSWER,
        _NO,
        _NO,
        "TMDB's network refuses streamr",
        status=403,
        code=Envelope.DENIED,
    ),
    Cause(
        "key_refused",
        Phase.ANSWER,
        _NO,
        _NO,
        "TMDB does not accept the key",
        status=401,
        code=Envelope.KEY,
    ),
    Cause(
        "key_suspended",
        Phase.ANSWER,
        _NO,
        _NO,
        "TMDB has suspended the key",
        status=401,
        code=Envelope.SUSPENDED,
    ),
    Cause(
        "http_rate_limited",
        Phase.ANSWER,
        _NO,
        _NO,
        "TMDB asks for fewer requests",
        status=429,
        code=Envelope.RATE,
    ),
    Cause("upstream_error", Phase.ANSWER, _YES, _YES, "TMDB failed (500)"),
    Cause("upstream_unavailable", Phase.ANSWER, _YES, _YES, "TMDB is down (502-504)"),
    Cause(
        "proxy_configuration_error",
        Phase.ANSWER,
        _YES,
        _NO,
        "the proxy refuses the request: wrong token, key or address",
    ),
    Cause(
        "proxy_loop_detected",
        Phase.GATEWAY,
        _YES,
        _NO,
        "the request came back to a gateway that it had already passed through",
        status=508,
    ),
    Cause(
        "proxy_internal_error",
        Phase.GATEWAY,
        _YES,
        _NO,
        "an error in streamr itself",
        status=500,
        code=Envelope.INTERNAL,
    ),
    Cause("overtaken", Phase.REQUEST, _YES, _NO, "another route was faster"),
    Cause(
        "destination_unavailable",
        Phase.GATEWAY,
        _YES,
        _NO,
        "every route has failed recently; streamr is probing them",
        status=503,
        code=Envelope.OFFLINE,
    ),
    Cause(
        "connection_limit_reached",
        Phase.GATEWAY,
        _NO,
        _NO,
        "more requests than TMDB allows are waiting",
        status=429,
        code=Envelope.RATE,
    ),
    _timeout("deadline_exceeded", Phase.GATEWAY, _NO, _NO, "the deadline passed"),
)
CAUSES: dict[str, Cause] = {cause.name: cause for cause in _ROWS}


# Faults that another route may heal and that say nothing of this one's health.
_NOT_THE_ROUTE = frozenset(
    {
        "sockets_exhausted",
        "proxy_internal_error",
        "proxy_loop_detected",
        "destination_unavailable",
    }
)


# The cause of those for whom there is no place: one line of the log tells how many.
FLOOD = "connection_limit_reached"
# Causes that our key has: no route to TMDB will do better, and every caller is told.
KEY_CAUSES = frozenset({"key_refused", "key_suspended"})
# What a peer has that answers and is of no use: not a streamr, or not for us.
PEER_REFUSES = "proxy_configuration_error"
# With these TMDB, or its network, has answered: the route works.
_REFUSALS = KEY_CAUSES | {"http_request_denied"}


# What a caller who left is noted as (nginx's word for it: client closed request).
CLIENT_LEFT = 499
# Of the 5xx these speak of the request (RFC 9110, 15.6.2 and 15.6.6): no failure of
# ours.
OF_THE_REQUEST = frozenset({501, 505})


class RouteKind(StrEnum):
    """What a route leads to."""

    DIRECT = "direct"  # TMDB, as an app without a gateway would ask it
    ORIGIN = "origin"  # TMDB with another TLS profile, or under another name
    PEER = "peer"  # a proxy of ours, which has routes of its own


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one route. `cause` is None when it brought the answer.

    `route` is the route's name at whoever made the try: that is us, or the peer behind
    our route `peer`, which has reported it.
    """

    route: str
    next_hop: str
    ms: int
    cause: str | None = None
    detail: str = ""
    status: int | None = None
    peer: str = ""

    @property
    def name(self) -> str:
        """The route as headers and errors name it: a peer's behind the peer."""
        return f"{self.peer}/{self.route}" if self.peer else self.route


class Fault(Exception):
    """An attempt failed, for one named cause.

    `attempts` holds what an intermediate proxy tried on our behalf before it gave up;
    `final` says that this route has already made every try it will make; `own_load`
    that the line was busy with what we had asked for ourselves. Of a body for
    which the time ran out, `received` tells how much had come (bytes) and `seconds` how
    long it was waited for; both are None otherwise.
    """

    @property
    def counts(self) -> bool:
        """True when it speaks against the route: not a limit, a refusal or our own."""
        if self.own_load:
            return False
        return self.cause.next_route and self.cause.name not in _NOT_THE_ROUTE

    @property
    def refused(self) -> bool:
        """True when the other side has answered, and refuses us."""
        return self.cause.name in _REFUSALS

    def __init__(
        self,
        cause: str,
        detail: str = "",
        attempts: tuple[Attempt, ...] = (),
        *,
        final: bool = False,
        own_load: bool = False,
        retry_after: str | None = None,
        received: int | None = None,
        seconds: float | None = None,
    ) -> None:
        self.cause = CAUSES[cause]
        self.detail = detail
        self.attempts = attempts
        self.final = final
        self.own_load = own_load
        self.retry_after = retry_after
        self.received = received
        self.seconds = seconds
        super().__init__(f"{cause}: {detail}" if detail else cause)

    def with_retry_after(self, seconds: str) -> Fault:
        """The same fault, with when to come back (whole seconds)."""
        return Fault(
            self.cause.name,
            self.detail,
            self.attempts,
            final=self.final,
            own_load=self.own_load,
            retry_after=seconds,
            received=self.received,
            seconds=self.seconds,
        )


class Refusal(Exception):
    """A caller's request that is answered here, before anything leaves.

    `status` is HTTP's, `code` TMDB's own; `allow` is the Allow header of a 405, and
    `retry_after` says in how many seconds to come back.
    """

    def __init__(
        self,
        status: int,
        code: Envelope,
        message: str,
        allow: str | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.allow = allow
        self.retry_after = retry_after
        super().__init__(message)


class SettingsError(Exception):
    """The settings cannot be used; `problems` says why, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def too_many_waiting(*, final: bool = False) -> Fault:
    """What those get for whom there is no place in a queue of ours."""
    return Fault(
        FLOOD,
        "too many requests are waiting",
        final=final,
        retry_after="1",
    )
