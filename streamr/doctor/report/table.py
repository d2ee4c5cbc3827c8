"""What the doctor saw, as rows of a table and as JSON; and what it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from streamr import __version__
from streamr.doctor.diagnosis.advice import Advice
from streamr.doctor.diagnosis.confidence import bounds
from streamr.doctor.diagnosis.diagnose import Diagnosis
from streamr.doctor.diagnosis.facts import Facts, main_cause, meaning
from streamr.doctor.diagnosis.verdicts import DoctorVerdict
from streamr.doctor.evidence import ArmResult, Evidence, HostReply, special
from streamr.terminal.console import Json
from streamr.terminal.findings import Mark

HEAD = ("layer", "what", "verdict", "seen")
TableRow = tuple[str, str, Mark, str]


def summary(evidence: Evidence, diagnosis: Diagnosis) -> tuple[Mark, str]:
    """The last line: is the direct route sound?"""
    late = "; it ran out of time" if evidence.out_of_time else ""
    took = f"({evidence.seconds:.0f} s, streamr {__version__}{late})"
    route = f"the direct route to {evidence.direct}"
    if evidence.tunnelled:
        route += f" over the outbound proxy {evidence.egress[0].name}"
    if diagnosis.sound:
        return Mark.OK, f"{route} works {took}"
    if diagnosis.comes_to:
        return Mark.FAILED, f"{diagnosis.comes_to} {took}"
    if not any(each.direct for each in diagnosis.verdicts):
        return Mark.FAILED, f"no answer from {evidence.direct} could be judged {took}"
    return (
        Mark.FAILED,
        f"{route} does not work {took}",
    )


def advice(found: Advice) -> str:
    """The setting that helps, as it is written, and what is known of it."""
    if found.tried:
        return f"{found.setting} ({found.words})"
    return f"{found.setting}: {found.words}"


def line(found: DoctorVerdict) -> tuple[Mark, str]:
    """A verdict, with the name that it has in docs/doctor.md and in the JSON."""
    mark = Mark.FAILED if found.direct else Mark.WARNING
    return mark, f"{found.sentence} [{found.code}]"


def as_json(evidence: Evidence, diagnosis: Diagnosis) -> Json:
    """The same for programs."""
    return {
        "streamr": __version__,
        "sound": diagnosis.sound,
        "verdicts": [asdict(each) for each in diagnosis.verdicts],
        "advice": asdict(diagnosis.advice) if diagnosis.advice else None,
        "evidence": asdict(evidence),
    }


def rows(evidence: Evidence) -> Iterator[TableRow]:
    """One row for each thing that was looked at, as a request meets them."""
    facts = Facts(evidence)
    yield from _house(evidence)
    yield from _clock(evidence)
    yield from _names(evidence, facts)
    yield from _tcp(evidence)
    for arm in evidence.matrix.arms:
        yield "tls", f"{arm.host} {arm.profile}", _arm_mark(arm), _arm(arm)
    for arm in (*evidence.addresses.arms, *evidence.names.arms):
        yield "tls", f"{arm.host} at {arm.place}", _arm_mark(arm), _arm(arm)
    for host in evidence.hosts:
        yield from _http(host, [r for r in evidence.replies if r.host == host])
    yield from _pictures(evidence)
    yield from _egresses(evidence)
    yield from _proxies(evidence)


def _house(evidence: Evidence) -> Iterator[TableRow]:
    house = evidence.house
    for row in house.settings:
        yield "settings", row.name, Mark.OK, f"{row.shown} ({row.origin})"
    for port in house.ports:
        ours = port.holder in (None, "streamr")
        seen = "free" if port.holder is None else f"held by {port.holder}"
        if ours and port.problem:
            seen += f": {port.problem}"
        yield "ports", f"{port.setting} {port.port}", _mark(ours), seen
    if house.internet is not None:
        seen = ", ".join(house.internet) or "no route to the internet"
        yield "network", "routes", _mark(bool(house.internet)), seen
    if house.gateway is not None:
        seen = "answers" if house.gateway else "does not answer"
        yield "network", "gateway", _mark(house.gateway), seen
    yield (
        "disk",
        "STREAMR_STATE_DIR",
        _mark(not house.state_problem),
        house.state_problem or house.state,
    )
    yield (
        "plugin",
        "twistd streamr",
        _mark(house.plugin),
        "found" if house.plugin else "not found",
    )


def _cause(name: str, detail: str = "") -> str:
    """A fault by the name that log, headers and metrics use, and in words."""
    return f"{name}: {meaning(name)}" + (f" ({detail})" if detail else "")


def _busy(starved: bool) -> str:
    return "; this machine was too busy to tell" if starved else ""


def _mark(good: bool) -> Mark:
    return Mark.OK if good else Mark.WARNING


def _clock(evidence: Evidence) -> Iterator[TableRow]:
    skews = [reply.skew for reply in evidence.replies if reply.skew is not None]
    if skews:
        skew = sorted(skews)[len(skews) // 2]
        yield "clock", "against TMDB's Date", _mark(abs(skew) <= 120), f"{skew:+.0f} s"


def _names(evidence: Evidence, facts: Facts) -> Iterator[TableRow]:
    for each in (*evidence.lookups, *evidence.second):
        where = f"{each.host} by {each.by}{' over TCP' if each.tcp else ''}"
        if each.cause is not None:
            seen = f"{each.cause}: {each.detail}{_busy(each.starved)}"
            yield "dns", where, Mark.FAILED, seen
            continue
        proved = [place for place in each.places if facts.reached(place)]
        words = [_place(place.address, str(place)) for place in each.places]
        doubted = _tls(evidence) and not proved
        doubt = "; no verified handshake" if doubted else ""
        mark = Mark.WARNING if doubted else Mark.OK
        yield "dns", where, mark, ", ".join(words) + doubt


def _tls(evidence: Evidence) -> bool:
    return bool(evidence.checks or evidence.matrix.arms)


def _place(address: str, shown: str) -> str:
    kind = special(address)
    return f"{shown} ({kind})" if kind else shown


def _tcp(evidence: Evidence) -> Iterator[TableRow]:
    for each in evidence.connects:
        seen = f"{each.ms} ms" if each.cause is None else _cause(each.cause)
        seen += _busy(each.starved)
        mark = Mark.OK if each.cause is None else Mark.FAILED
        yield "tcp", f"{each.place} {each.place.family}", mark, seen


def _arm_mark(arm: ArmResult) -> Mark:
    if not arm.failed:
        return Mark.OK
    return Mark.WARNING if arm.ok and arm.failed <= 1 else Mark.FAILED


def _arm(arm: ArmResult) -> str:
    """Counts, the bounds of the failure rate, and what the handshake looked like."""
    low, high = bounds(arm.failed, arm.tries)
    words = [
        f"{arm.ok}/{arm.tries} succeed",
        f"failure rate {low:.0%}-{high:.0%}",
        f"hello {arm.sample.hello} bytes",
    ]
    if arm.failed:
        words.insert(1, _cause(main_cause(arm.causes)))
    if arm.sample.version:
        words += [arm.sample.version, arm.sample.group]
    if arm.sample.issuer:
        # who vouches for it: a company's own authority is seen here
        words.append(f"issuer {arm.sample.issuer}")
    certificate = arm.sample.certificate
    if certificate is not None:
        words.append(f"{certificate.problem}: {certificate.subject}")
        words.append(f"issuer {certificate.issuer}")
    return ", ".join(filter(None, words))


def _http(host: str, replies: list[HostReply]) -> Iterator[TableRow]:
    kinds: dict[str, list[HostReply]] = {}
    for reply in replies:
        if reply.cause is not None:
            words = _cause(reply.cause)
            words += f" ({reply.detail})" if reply.detail else ""
            words += _busy(reply.starved)
        else:
            code = f", TMDB's code {reply.code}" if reply.code is not None else ""
            words = f"status {reply.status}{code}"
        kinds.setdefault(words, []).append(reply)
    for words, some in kinds.items():
        good = all(reply.status == 200 for reply in some)
        times = f"{len(some)}/{len(replies)}, {max(r.ms for r in some)} ms at most"
        size = max(reply.size for reply in some)
        more = f", {size} bytes" if size else ""
        yield "http", host, Mark.OK if good else Mark.FAILED, f"{words} ({times}{more})"


def _pictures(evidence: Evidence) -> Iterator[TableRow]:
    for looked in evidence.pictures:
        where = f"{looked.host} by {looked.by}"
        if looked.cause is not None:
            seen = f"{looked.cause}: {looked.detail}{_busy(looked.starved)}"
            yield "pictures", where, Mark.FAILED, seen
            continue
        for each in evidence.picture_checks:
            if each.place not in looked.places:
                continue
            good = each.cause is None
            seen = f"verified, {each.ms} ms" if good else _cause(each.cause or "")
            mark = Mark.OK if good else Mark.FAILED
            what = f"{where} at {each.place} {each.profile}"
            yield "pictures", what, mark, seen


def _egresses(evidence: Evidence) -> Iterator[TableRow]:
    for each in evidence.egresses:
        if each.cause is None:
            seen = f"status {each.status}, {each.ms} ms"
        else:
            seen = f"{_cause(each.cause, each.detail)}{_busy(each.starved)}"
        yield "egress", each.name, Mark.OK if each.works else Mark.FAILED, seen


def _proxies(evidence: Evidence) -> Iterator[TableRow]:
    for proxy in evidence.proxies:
        if proxy.cause is None:
            seen, mark = f"status {proxy.status}", Mark.OK
        elif proxy.chosen:
            seen, mark = _cause(proxy.cause, proxy.detail), Mark.FAILED
            seen += _busy(proxy.starved)
        else:
            seen, mark = "not running: nothing to ask", Mark.OK
        if proxy.reported:
            seen += f" (found: {', '.join(proxy.reported)})"
        yield "proxies", proxy.url, mark, seen
