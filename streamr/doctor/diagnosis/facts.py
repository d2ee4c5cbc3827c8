"""PURE: what follows from the evidence before anything is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from streamr.doctor.evidence import (
    LITERAL,
    NOBODY,
    PICTURES,
    SILENCE,
    ArmResult,
    Connect,
    EgressReply,
    Evidence,
    Handshake,
    HostReply,
    Matrix,
    NameLookup,
    Place,
    ProxyReply,
    special,
)
from streamr.errors import CAUSES, KEY_CAUSES
from streamr.net.networks import is_loopback

# Causes that say "somebody else answers", against those that say "nobody may".
STRANGER = frozenset({"tls_certificate_error", "tls_not_tls"})
CERTIFICATE = "tls_certificate_error"
UNROUTABLE = "destination_ip_unroutable"
# OpenSSL's verify codes for "not yet valid" and "expired".
DATES = (9, 10)
# A streamr door shows its own certificate in TMDB's place.
DOOR = "proxy_loop_detected"
# What a proxy reports of itself, or of us: none of it was seen of TMDB.
_OF_THE_PROXY = frozenset(
    {
        "proxy_configuration_error",
        "proxy_loop_detected",
        "proxy_internal_error",
        "connection_limit_reached",
        "sockets_exhausted",
        "overtaken",
        "deadline_exceeded",
        *KEY_CAUSES,
    }
)
# With these nobody has answered: neither a resolver, nor a host, nor a proxy.
_NOTHING = frozenset(
    {
        "dns_timeout",
        "connection_timeout",
        "egress_timeout",
        "egress_unreachable",
        UNROUTABLE,
    }
)
# How the addresses of resolvers begin that no network is needed for.
_ON_LOOPBACK = ("127.", "::1", "[::1]")

Trial = TypeVar(
    "Trial", NameLookup, Connect, Handshake, HostReply, ProxyReply, EgressReply
)

HOW = {
    "tls_reset": "reset after the ClientHello",
    "tls_closed": "closed after the ClientHello",
    "tls_timeout": "silence after the ClientHello",
    "tls_alert_received": "a TLS alert",
    "tls_protocol_error": "a TLS version alert",
    "connection_terminated": "reset as soon as it is established",
    "connection_refused": "refused",
    "connection_timeout": "no answer",
    UNROUTABLE: "no route",
    "destination_ip_prohibited": "forbidden by this machine",
}


class Facts:
    """The evidence, asked the questions that the judges share.

    `evidence` is what a machine with time enough would have seen, and `unjudged` names
    what is missing in it.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = fair(evidence)
        self.unjudged = tuple(dict.fromkeys(_unjudged(evidence, self.evidence)))
        self._connects = {each.place: each for each in self.evidence.connects}

    def lookup(self, host: str) -> NameLookup | None:
        """What the source in use says of a name: the pin, or the resolver."""
        return next((e for e in self.evidence.lookups if e.host == host), None)

    def places(self, host: str) -> tuple[Place, ...]:
        """Where a host is tried, those of the wrong family left out."""
        found = self.lookup(host)
        return self.allowed(found.places) if found is not None else ()

    def allowed(self, places: Iterable[Place]) -> tuple[Place, ...]:
        """The places that STREAMR_ADDRESS_FAMILY lets through."""
        family = self.evidence.family
        wanted = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(family)
        return tuple(each for each in places if wanted in (None, each.family))

    def connect(self, place: Place) -> Connect | None:
        """How TCP went there."""
        return self._connects.get(place)

    def answers(self, place: Place) -> bool:
        """True when TCP stands there."""
        tried = self.connect(place)
        return tried is not None and tried.cause is None

    def tcp_causes(self, places: Iterable[Place]) -> Counter[str]:
        """Why TCP failed, where it did."""
        tried = (self.connect(place) for place in places)
        return Counter(each.cause for each in tried if each and each.cause)

    def reached(self, place: Place) -> bool:
        """True when a server of TMDB's was proved there, under whichever name."""
        return any(each.reached and each.place == place for each in self.handshakes())

    def verified(self, host: str, place: Place) -> bool:
        """True when a handshake with this name was verified there."""
        return any(
            each.cause is None and (each.host, each.place) == (host, place)
            for each in self.handshakes()
        )

    def fails(self, host: str, place: Place) -> bool:
        """True when handshakes with this name were made there, and no server of TMDB's
        was proved."""
        tried = any((e.host, e.place) == (host, place) for e in self.handshakes())
        return tried and not self.reached(place)

    def profile(self, host: str, place: Place) -> str:
        """A profile with which a name was verified there."""
        good = (e for e in self.handshakes() if (e.host, e.place) == (host, place))
        return next((each.profile for each in good if each.cause is None), "modern")

    def at_home(self, host: str) -> bool:
        """True when a name was verified at one of its own places."""
        return any(self.verified(host, place) for place in self.places(host))

    def elsewhere(self, host: str) -> Place | None:
        """A place not its own at which a host's name was verified."""
        own = set(self.places(host))
        found = (
            each.place
            for each in self.handshakes()
            if each.host == host and each.cause is None and each.place not in own
        )
        return next(found, None)

    def is_stranger(self, place: Place) -> bool:
        """True when somebody else than TMDB answered there."""
        return any(
            each.place == place and each.cause in STRANGER for each in self.handshakes()
        )

    def is_false(self, host: str, place: Place) -> bool:
        """True when an address in DNS is not TMDB's.

        A handshake that was verified there settles it, whatever the address looks like.
        Without one, an address that cannot be TMDB's is false. Where somebody else
        answers, either the address is false or the path to a true one is intercepted:
        `_is_lie` tells them apart. An ordinary address that is silent is a matter of
        TCP.
        """
        if self.reached(place):
            return False
        if special(place.address) is not None:
            return True
        return self.is_stranger(place) and self._is_lie(host, place)

    def _is_lie(self, host: str, place: Place) -> bool:
        """True when an address where somebody else answers was made up.

        So it is where resolvers are answered for on the path, where two of TMDB's names
        have one address (each has its own: docs/facts/tmdb.md, "Hosts"), and where
        nobody else names it, although the name is verified at another address or meets
        no stranger at those that others name.
        """
        if self.hijacked or self._is_shared(place):
            return True
        others = [e for e in self.others(host) if e.places]
        if any(place in each.places for each in others):
            return False
        if any(
            e.cause is None and e.host == host and e.place != place
            for e in self.handshakes()
        ):
            return True
        named = {each for found in others for each in found.places}
        tried = [each for each in named if self.answers(each)]
        return bool(tried) and not any(map(self.is_stranger, tried))

    def _is_shared(self, place: Place) -> bool:
        """True when several names have this address, as resolvers say."""
        return sum(place in each.places for each in self._resolved()) > 1

    def _resolved(self) -> Iterator[NameLookup]:
        """What the resolver in use says of each name."""
        pins = ("TMDB_PINS", LITERAL)
        return (each for each in self.evidence.lookups if each.by not in pins)

    def others(self, host: str) -> tuple[NameLookup, ...]:
        """What other resolvers say of a name."""
        return tuple(
            each
            for each in self.evidence.second
            if each.host == host and each.by != NOBODY
        )

    @property
    def hijacked(self) -> bool:
        """True when questions of DNS are answered on the path, whomever they are for:
        an answer came from where nobody is."""
        return any(
            each.by == NOBODY and (each.places or each.cause == "dns_error")
            for each in self.evidence.second
        )

    def is_doubtful(self, hosts: Iterable[str]) -> bool:
        """True when another resolver names other addresses for these names, and it is
        not the same stranger who answers at those: then it is not known whose address
        a certificate was shown at."""
        for host in hosts:
            own = set(self.places(host))
            issuers = {self._issuer(place) for place in own} - {None}
            for each in self.others(host):
                apart = [p for p in each.places if p not in own]
                if apart and not issuers & {self._issuer(p) for p in apart}:
                    return True
        return False

    def _issuer(self, place: Place) -> str | None:
        """Who issued the certificate that was refused at a place; None without one."""
        shown = (e.certificate for e in self.handshakes() if e.place == place)
        return next((each.issuer for each in shown if each is not None), None)

    def lies(self, host: str) -> tuple[Place, ...]:
        """The false addresses that the resolver in use gives for a name."""
        found = (each for each in self._resolved() if each.host == host)
        return tuple(p for each in found for p in each.places if self.is_false(host, p))

    def is_misled(self, host: str) -> bool:
        """True when the pin or the resolver leads a name to nobody of TMDB's: what is
        seen there says nothing of the route to TMDB."""
        found = self.lookup(host)
        if found is None or any(self.reached(place) for place in found.places):
            return False
        if found.by == LITERAL:
            return False
        if found.by == "TMDB_PINS":
            return self.unpinned(host) is not None
        return all(self.is_false(host, place) for place in found.places)

    def only_over_tcp(self, host: str) -> tuple[str, ...]:
        """The resolvers that know a name over TCP, when nobody does over UDP."""
        own = (*self.evidence.lookups, *self.evidence.second)
        asked = [each for each in own if each.host == host]
        if any(each.places for each in asked if not each.tcp):
            return ()
        return tuple(each.by for each in asked if each.tcp and each.places)

    def unpinned(self, host: str) -> Place | None:
        """Where a pinned name would be sound without its pin."""
        found = (
            place
            for each in self.evidence.second
            if each.host == host
            for place in each.places
            if self.verified(host, place)
        )
        return next(found, None)

    def handshakes(self) -> Iterable[Handshake]:
        """Every kind of handshake seen: single ones, and one good and bad per arm."""
        yield from self.evidence.checks
        for arm in self.arms():
            yield arm.sample
            if arm.ok and arm.sample.cause is not None:
                yield Handshake(arm.host, arm.profile, arm.place, None, 0)

    def arms(self) -> tuple[ArmResult, ...]:
        """The arms of all studies."""
        found = self.evidence
        return (*found.matrix.arms, *found.names.arms, *found.addresses.arms)

    def shown_by(self, place: Place) -> str:
        """What stands at a place that is not TMDB's, in words."""
        tried = self.connect(place)
        if tried is not None and tried.cause is not None:
            return HOW.get(tried.cause, meaning(tried.cause))
        causes = [
            each
            for each in self.handshakes()
            if each.place == place and each.cause is not None
        ]
        for each in causes:
            if each.certificate is not None:
                return f"shows a certificate of {each.certificate.subject}"
        return (
            HOW.get(causes[0].cause or "", meaning(causes[0].cause)) if causes else ""
        )

    @property
    def offline(self) -> bool:
        """True when nothing beyond this machine can be reached for want of a network.

        Without a route to the internet that is so unless something out there answers
        all the same. Where nobody has looked for one, no resolver may have answered and
        every address and every other resolver must be unroutable. With a route it is so
        when nothing at all answers, as `dead_line` has it.
        """
        return bool(self.dead_line) or self._without_route

    @property
    def dead_line(self) -> str:
        """How nothing answers beyond this machine, which has a route; "" where
        something does, or too little was tried.

        Nothing is heard of any address, resolver or proxy, and the first hop is silent;
        or others than the system's resolver were asked over UDP and TCP, and addresses
        were tried.
        """
        found = self.evidence
        tried = [e.cause for e in found.connects if not e.place.is_loopback]
        asked = self._asked_outside()
        others = [each for each in asked if each.by != "system"]
        proxied = [
            each.cause
            for each in found.proxies
            if each.chosen and not is_loopback(urlsplit(each.url).hostname or "")
        ]
        proxied += [each.cause for each in found.egresses]
        heard = (
            any(cause not in _NOTHING for cause in tried)
            or any(cause not in (*_NOTHING, "dns_error") for cause in proxied)
            or any(each.cause not in _NOTHING for each in others)
            or any(each.places for each in asked)
        )
        if heard or not (tried or asked) or found.slow:
            return ""
        if found.house.gateway is False:
            return "its gateway does not answer"
        ways = {each.tcp for each in others}
        if len(ways) == 2 and tried and found.house.internet:
            return "nothing that was asked beyond it answers"
        return ""

    def _asked_outside(self) -> list[NameLookup]:
        """The questions to resolvers that need a network."""
        return [
            each
            for each in (*self.evidence.lookups, *self.evidence.second)
            if each.by not in ("TMDB_PINS", LITERAL, NOBODY)
            and not each.by.startswith(_ON_LOOPBACK)
        ]

    @property
    def _without_route(self) -> bool:
        found = self.evidence
        tried = [e.cause for e in found.connects if not e.place.is_loopback]
        asked = self._asked_outside()
        if any(cause != UNROUTABLE for cause in tried):
            return False
        if found.house.internet is not None:
            failed = bool(tried) or any(each.cause is not None for each in asked)
            return failed and not found.house.internet
        others = [each.cause for each in asked if each.by != "system"]
        return (
            all(each.cause is not None for each in asked)
            and all(cause == UNROUTABLE for cause in others)
            and bool(tried or others)
        )

    @property
    def vantage(self) -> str:
        """What the second vantage point adds: "works", "fails" or "" without one. An
        outbound proxy is one as well, since it asks from elsewhere."""
        if self.outlet is not None:
            return "works"
        chosen = [e for e in self.evidence.proxies if e.chosen and e.ours]
        if any(each.cause is None and each.status == 200 for each in chosen):
            return "works"
        return "fails" if any(of_tmdb(each.reported) for each in chosen) else ""

    @property
    def outlet(self) -> EgressReply | None:
        """The first outbound proxy over which TMDB has answered."""
        return next((each for each in self.evidence.egresses if each.works), None)

    @property
    def given(self) -> tuple[str, ...]:
        """The resolvers that the settings list beside the one in use."""
        return tuple(each.name for each in self.evidence.resolvers[1:])

    def found_by(self, by: str, host: str) -> Place | None:
        """The address where a name was verified among those that a resolver names."""
        return next(
            (
                place
                for each in self.evidence.second
                if (each.by, each.host) == (by, host)
                for place in each.places
                if self.verified(host, place) or self.reached(place)
            ),
            None,
        )

    def truthful(self, host: str) -> str | None:
        """The listed resolver that names TMDB's addresses of a host, the first that
        does; the one in use is left out."""
        return next((by for by in self.given if self.found_by(by, host)), None)

    @property
    def reported(self) -> tuple[str, ...]:
        """Why TMDB failed over the proxies, where it did."""
        chosen = (each for each in self.evidence.proxies if each.chosen)
        return tuple(cause for each in chosen for cause in of_tmdb(each.reported))


def fair(evidence: Evidence) -> Evidence:
    """The evidence without the trials for which this machine was too busy, or the line
    too slow: their silence is its own, and nobody else may be blamed for it."""

    def heard(trials: Iterable[Trial]) -> tuple[Trial, ...]:
        return tuple(
            each
            for each in trials
            if not each.starved and not (evidence.slow and each.cause in SILENCE)
        )

    def compared(study: Matrix) -> Matrix:
        silent = any(SILENCE.intersection(each.causes) for each in study.arms)
        return Matrix() if evidence.slow and silent else study

    return replace(
        evidence,
        lookups=heard(evidence.lookups),
        second=heard(evidence.second),
        connects=heard(evidence.connects),
        checks=heard(evidence.checks),
        replies=heard(evidence.replies),
        pictures=heard(evidence.pictures),
        picture_checks=heard(evidence.picture_checks),
        proxies=heard(evidence.proxies),
        egresses=heard(evidence.egresses),
        matrix=compared(evidence.matrix),
        names=compared(evidence.names),
        addresses=compared(evidence.addresses),
    )


def _unjudged(whole: Evidence, rest: Evidence) -> Iterator[str]:
    """What is not known for want of a fair trial, in words."""
    for looked in (*whole.lookups, *whole.second):
        if looked.starved:
            yield f"the lookup of {looked.host}"
    for tried in whole.connects:
        if tried.starved:
            yield f"TCP to {tried.place}"
    shaken = {(each.host, each.place) for each in rest.checks}
    for each in whole.checks:
        if each.starved and (each.host, each.place) not in shaken:
            yield f"the handshake with {each.host} at {each.place}"
    if whole.matrix.starved or whole.names.starved:
        yield "the handshakes of names and profiles"
    answered = {each.host for each in rest.replies}
    for reply in whole.replies:
        if reply.starved and reply.host not in answered:
            yield f"the answers of {reply.host}"
    for proxy in whole.proxies:
        if proxy.starved:
            yield f"the proxy {proxy.url}"
    late = [each.starved for each in whole.pictures]
    if any((*late, *(each.starved for each in whole.picture_checks))):
        yield f"the handshakes with {PICTURES}"
    for outlet in whole.egresses:
        if outlet.starved:
            yield f"the outbound proxy {outlet.name}"


def of_tmdb(reported: Iterable[str]) -> tuple[str, ...]:
    """Of the causes that a proxy reports those that say how TMDB looks from there."""
    return tuple(each for each in reported if each not in _OF_THE_PROXY)


def meanings(causes: Iterable[str]) -> str:
    """Several causes in words, each once."""
    return ", ".join(map(meaning, dict.fromkeys(causes)))


def meaning(cause: str | None) -> str:
    """A cause in words."""
    return CAUSES[cause].meaning if cause in CAUSES else str(cause)


def main_cause(causes: Mapping[str, int]) -> str:
    """The cause that was seen most often; "" without any."""
    return max(causes, key=lambda name: (causes[name], name)) if causes else ""


def all_causes(arms: Iterable[ArmResult]) -> Counter[str]:
    """The causes of several arms together."""
    whole: Counter[str] = Counter()
    for each in arms:
        whole.update(each.causes)
    return whole


def count(arms: Iterable[ArmResult]) -> str:
    """How many got through, of how many: `failed/tries` would be ambiguous."""
    found = list(arms)
    return f"{sum(each.ok for each in found)}/{sum(each.tries for each in found)}"
