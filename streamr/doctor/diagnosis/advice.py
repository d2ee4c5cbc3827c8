"""PURE: the one setting that helps, among those that were given or need nothing more.

The examination makes a request as if it were set before it is said (`Tried`). Where
nothing that was given works, the kind of route is named that would, as untried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from streamr.doctor.diagnosis.facts import Facts
from streamr.doctor.diagnosis.verdicts import DoctorVerdict, Layer
from streamr.doctor.evidence import Given, NameLookup, Place, Tried
from streamr.net.networks import address_in

# With these no setting of streamr's helps, or their own advice says all.
_NO_SETTING = frozenset(
    {
        "offline",
        "egress_prohibited",
        "sockets_exhausted",
        "clock_excludes",
        "key_missing",
        "key_wrong",
        "key_suspended",
        "country_refused",
        "rate_limited",
        "tmdb_down",
        "door_loop",
    }
)
# streamr avoids these by itself, over the same names.
_BY_ITSELF = frozenset(
    {"split_hello", "tls13_intolerant", "random_resets", "tmdb_fails"}
)
_LAYERS = (Layer.SETTINGS, Layer.DNS, Layer.TCP, Layer.TLS, Layer.HTTP, Layer.EGRESS)
FAMILIES = {"IPv4": "ipv4", "IPv6": "ipv6"}


@dataclass(frozen=True, slots=True)
class Option:
    """A setting that may help: what it changes and to what, and how it is written. It
    is tried by a request to `host` at `place`; `known` is what came of that."""

    kind: str
    value: str
    setting: str
    host: str = ""
    place: Place | None = None
    profile: str = ""
    known: Tried | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """The setting as it is written; `words` say what is known of it. One that was not
    `tried` is only a kind of route."""

    setting: str
    words: str
    tried: bool


def advise(facts: Facts, verdicts: Iterable[DoctorVerdict]) -> Advice | None:
    """What to set; None where nothing has to be, or no setting helps."""
    against = _against(facts, verdicts)
    if not against:
        return None
    for option in options(facts, against):
        if option.known is not None and option.known.works:
            took = f"with it, TMDB answered within {option.known.ms} ms"
            return Advice(option.setting, f"tried: {took}", tried=True)
    return None if facts.vantage == "works" else _untried(against)


def _against(
    facts: Facts, verdicts: Iterable[DoctorVerdict]
) -> tuple[DoctorVerdict, ...]:
    """The verdicts on the direct route that a setting may help against."""
    direct = facts.evidence.direct
    found = [e for e in verdicts if e.direct and (not e.hosts or direct in e.hosts)]
    codes = {each.code for each in found}
    if codes & _NO_SETTING or codes <= _BY_ITSELF:
        return ()
    return tuple(each for each in found if each.layer in _LAYERS)


def open_options(facts: Facts, verdicts: Iterable[DoctorVerdict]) -> Iterator[Option]:
    """Those that have yet to be tried, the best first, none behind one that works."""
    for option in options(facts, _against(facts, verdicts)):
        if option.known is None:
            yield option
        elif option.known.works:
            return


def options(facts: Facts, against: Sequence[DoctorVerdict]) -> Iterator[Option]:
    """What may help, the best first."""
    if not against:
        return
    if not facts.evidence.tunnelled:
        yield from _same_host(facts, {each.layer for each in against})
        struck = {host for each in against for host in each.hosts}
        yield from _other_hosts(facts, struck)
    yield from _egresses(facts)
    if not facts.evidence.tunnelled:
        yield from _elsewhere(facts)


def _same_host(facts: Facts, layers: set[Layer]) -> Iterator[Option]:
    """Another family, or another resolver that is listed, for the same name."""
    host = facts.evidence.direct
    if facts.evidence.family == "auto":
        good = {
            place.family: place
            for place in facts.places(host)
            if facts.verified(host, place)
        }
        if len(good) == 1 and len({p.family for p in facts.places(host)}) == 2:
            ((name, place),) = good.items()
            value = FAMILIES[name]
            setting = f"STREAMR_ADDRESS_FAMILY={value}"
            yield _option(facts, "family", value, setting, place)
    if Layer.DNS in layers:
        for by in facts.given:
            found = facts.found_by(by, host)
            if found is not None:
                setting = f"STREAMR_RESOLVERS={_first(facts.evidence.resolvers, by)}"
                yield _option(facts, "resolver", by, setting, found)


def _other_hosts(facts: Facts, struck: set[str]) -> Iterator[Option]:
    """TMDB's other names, those left out of which the same is said."""
    for host in facts.evidence.hosts[1:]:
        if host in struck:
            continue
        replies = [e for e in facts.evidence.replies if e.host == host and not e.cause]
        # what answers at an address that its own resolver does not name, is no help
        if replies and facts.at_home(host):
            best = min(replies, key=lambda each: (each.status != 200, each.ms))
            known = Tried("host", host, None, best.ms, best.status)
            setting = f"TMDB_BASE_URL=https://{host}/3"
            yield Option("host", host, setting, host, known=known)


def _egresses(facts: Facts) -> Iterator[Option]:
    listed = facts.evidence.egress
    for each in facts.evidence.egresses:
        setting = f"STREAMR_EGRESS={_first(listed, each.name)}"
        known = Tried("egress", each.name, each.cause, each.ms, each.status)
        yield Option("egress", each.name, setting, known=known)
    direct = facts.evidence.direct
    answers = [e for e in facts.evidence.replies if e.host == direct and not e.cause]
    if facts.evidence.tunnelled and answers:
        known = Tried("egress", "direct", None, answers[0].ms, answers[0].status)
        setting = f"STREAMR_EGRESS={_first(listed, 'direct')}"
        yield Option("egress", "direct", setting, known=known)


def _elsewhere(facts: Facts) -> Iterator[Option]:
    """A resolver that was asked for a second opinion, and a fixed address."""
    host = facts.evidence.direct
    for each in facts.evidence.second:
        place = facts.found_by(each.by, host) if each.host == host else None
        if place is not None and each.by not in facts.given and address_in(each.by):
            setting = f"STREAMR_RESOLVERS={_written(each)}"
            yield _option(facts, "resolver", each.by, setting, place)
    place = facts.unpinned(host) or facts.elsewhere(host)
    if place is not None:
        setting = f"TMDB_PINS={host}={place}"
        yield _option(facts, "pin", str(place), setting, place)


def _written(found: NameLookup) -> str:
    address = f"[{found.by}]" if ":" in found.by else found.by
    return f"{'tcp' if found.tcp else 'udp'}://{address}"


def _option(facts: Facts, kind: str, value: str, setting: str, place: Place) -> Option:
    host = facts.evidence.direct
    profile = facts.profile(host, place)
    known = (e for e in facts.evidence.tried if (e.kind, e.value) == (kind, value))
    return Option(kind, value, setting, host, place, profile, next(known, None))


def _first(listed: Sequence[Given], name: str) -> str:
    """The list with one entry at its front."""
    ordered = sorted(listed, key=lambda each: each.name != name)
    return ",".join(each.written for each in ordered)


def _untried(against: Sequence[DoctorVerdict]) -> Advice | None:
    layers = {each.layer for each in against}
    if layers == {Layer.DNS}:
        return Advice(
            "STREAMR_RESOLVERS",
            "list a resolver over TLS or HTTPS (tls://, https://), whose answers "
            "nobody on the path can change; this is untried, because none that is "
            "listed works",
            tried=False,
        )
    if layers & {Layer.TCP, Layer.TLS, Layer.HTTP, Layer.EGRESS}:
        return Advice(
            "STREAMR_EGRESS",
            "list an outbound proxy (http://, https://, socks5://) on another network, "
            "or another streamr's proxy in TMDB_PROXY_URL; this is untried, because "
            "none that is listed works",
            tried=False,
        )
    return None
