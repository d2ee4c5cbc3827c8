"""PURE: settings that exclude themselves, DNS and TCP."""

from __future__ import annotations

from collections.abc import Iterator

from streamr.doctor.diagnosis.facts import UNROUTABLE, Facts, main_cause, meanings
from streamr.doctor.diagnosis.verdicts import DoctorVerdict, elsewhere, verdict
from streamr.doctor.evidence import LITERAL, NOBODY, NameLookup, Place, special

_NO_ROUTE = "it has no route to the internet"
_NOTHING_ANSWERS = "every resolver and every address is unreachable"
# What the system says instead of sending anything, and the verdict on it.
_NOT_SENT = {
    UNROUTABLE: "tcp_unroutable",
    "destination_ip_prohibited": "egress_prohibited",
    "sockets_exhausted": "sockets_exhausted",
}


def judge(facts: Facts) -> Iterator[DoctorVerdict]:
    """The verdicts of these layers; without a network there is but one."""
    if facts.offline:
        known = facts.evidence.house.internet is not None
        without_route = _NO_ROUTE if known else _NOTHING_ANSWERS
        yield verdict("offline", how=facts.dead_line or without_route)
        return
    for host in facts.evidence.hosts:
        found = facts.lookup(host)
        if found is None:
            continue
        if found.by == "TMDB_PINS":
            yield from _pins(facts, host, found)
        elif found.by != LITERAL:
            yield from _dns(facts, host, found)
        yield from _family(facts, host, found)
    yield from _tcp(facts)
    if facts.hijacked and any(map(facts.is_misled, facts.evidence.hosts)):
        yield verdict("dns_hijacked", nobody=NOBODY)


def _pins(facts: Facts, host: str, found: NameLookup) -> Iterator[DoctorVerdict]:
    """A pin is only to blame when the name would be sound without it."""
    good = facts.unpinned(host)
    if good is None or any(facts.reached(place) for place in found.places):
        return
    yield verdict(
        "pins_exclude",
        (host,),
        pinned=_listed(found.places),
        how=facts.shown_by(found.places[0]) or "it does not answer",
        good=good,
        pin=_pin(good),
    )


def _dns(facts: Facts, host: str, found: NameLookup) -> Iterator[DoctorVerdict]:
    good, truthful = facts.elsewhere(host), facts.truthful(host)
    pin = f", or set TMDB_PINS={host}={_pin(good)}" if good is not None else ""
    truth = f"; the resolver {truthful} gives TMDB's addresses" if truthful else ""
    route = _resolver_route(truthful, pin, hijacked=facts.hijacked)
    if found.cause in _NOT_SENT:
        where = f"the resolver {found.by}"
        yield verdict(_NOT_SENT[found.cause], (host,), addresses=where)
        return
    over_tcp = facts.only_over_tcp(host)
    if over_tcp:
        yield verdict("dns_udp_lost", (host,), by=", ".join(over_tcp), pin=pin)
        return
    if found.cause is not None:
        code = "dns_silent" if found.cause == "dns_timeout" else "dns_fails"
        yield verdict(code, (host,), detail=found.detail, truth=truth, route=route)
        return
    false = facts.lies(host)
    if false:
        yield verdict(
            "dns_poisoned",
            (host,),
            addresses=_listed(false),
            how=_why_false(facts, false[0]),
            truth=truth,
            route=route,
        )


def _resolver_route(truthful: str | None, pin: str, *, hijacked: bool) -> str:
    """How another resolver is asked: by itself where it is listed."""
    if truthful is not None:
        return f"nothing is needed: streamr also asks {truthful}"
    if hijacked:
        return f"list a resolver over TLS or HTTPS in STREAMR_RESOLVERS{pin}"
    return (
        "list another resolver in STREAMR_RESOLVERS (udp://, tcp://, tls://, https://) "
        f"or in this machine's network settings{pin}"
    )


def _why_false(facts: Facts, place: Place) -> str:
    kind, seen = special(place.address), facts.shown_by(place)
    words = [kind or "", f"there: {seen}" if seen else ""]
    return "; ".join(filter(None, words)) or "not TMDB's"


def _family(facts: Facts, host: str, found: NameLookup) -> Iterator[DoctorVerdict]:
    if found.places and not facts.allowed(found.places):
        yield verdict("family_excludes", (host,), family=facts.evidence.family)


def _tcp(facts: Facts) -> Iterator[DoctorVerdict]:
    dead: dict[str, list[str]] = {}
    for host in facts.evidence.hosts:
        places = [place for place in facts.places(host) if facts.connect(place)]
        if not places or facts.is_misled(host):
            continue
        silent = [place for place in places if not facts.answers(place)]
        if len(silent) == len(places):
            cause = main_cause(facts.tcp_causes(places))
            dead.setdefault(cause, []).append(host)
        elif silent:
            yield from _partly_silent(facts, host, silent)
    for cause, hosts in dead.items():
        yield _dead(facts, cause, tuple(hosts))


def _partly_silent(
    facts: Facts, host: str, silent: list[Place]
) -> Iterator[DoctorVerdict]:
    places = facts.places(host)
    good = [place for place in places if place not in silent]
    causes = facts.tcp_causes(silent)
    families = {place.family for place in silent}
    whole = all(place in silent for place in places if place.family in families)
    if set(causes) == {"connection_timeout"} and len(families) == 1 and whole:
        (family,) = families
        code = "ipv6_blackhole" if family == "IPv6" else "ipv4_blackhole"
        yield verdict(code, (host,), bad=_listed(tuple(silent)), good=_listed(good))
    elif set(causes) != {UNROUTABLE}:
        # no route within a family is this machine's plain lack of it: nothing waits
        yield verdict("address_dead", (host,), bad=_listed(tuple(silent)))


def _dead(facts: Facts, cause: str, hosts: tuple[str, ...]) -> DoctorVerdict:
    places = tuple(dict.fromkeys(p for host in hosts for p in facts.places(host)))
    code = {"connection_timeout": "tcp_silent", **_NOT_SENT}.get(cause, "tcp_refused")
    others = [host for host in facts.evidence.hosts if host not in hosts]
    working = [
        host for host in others if any(facts.reached(p) for p in facts.places(host))
    ]
    good = {host: facts.elsewhere(host) for host in hosts}
    pins = ",".join(f"{host}={place}" for host, place in good.items() if place)
    return verdict(
        code,
        hosts,
        addresses=_listed(places),
        vantage=f"; it answers at {pins.partition('=')[2]}" if pins else vantage(facts),
        route=f"set TMDB_PINS={pins}" if pins else route_over(facts, working),
    )


def vantage(facts: Facts) -> str:
    """What may be said of the other side: never "blocked" from here alone."""
    outlet = facts.outlet
    if outlet is not None:
        return (
            f"; over the outbound proxy {outlet.name} it works, so it fails only from "
            "this network"
        )
    if facts.vantage == "fails":
        return f"; your proxy does not reach TMDB either ({meanings(facts.reported)})"
    if facts.vantage == "works":
        return "; over your proxy it works, so it fails only from this network"
    return "; seen from this machine only"


def route_over(facts: Facts, working: list[str]) -> str:
    """The setting that leads over another of TMDB's names, or over a proxy."""
    by_itself = _by_itself(facts)
    if not working:
        return by_itself or elsewhere()
    other = working[0]
    if not by_itself:
        by_itself = f"nothing is needed: the proxy on this machine asks {other}"
    return f"{by_itself}; to ask {other} first, set TMDB_BASE_URL=https://{other}/3"


def _by_itself(facts: Facts) -> str:
    """The proxy over which streamr asks by itself, where one works."""
    outlet = facts.outlet
    if outlet is not None:
        return (
            "nothing is needed: streamr asks over the outbound proxy "
            f"{outlet.name} by itself"
        )
    if facts.vantage == "works":
        return "nothing is needed: the proxy in TMDB_PROXY_URL answers in its place"
    return ""


def _listed(places: tuple[Place, ...] | list[Place]) -> str:
    return ", ".join(map(str, places))


def _pin(place: Place) -> str:
    return str(place)
