"""PURE: this machine, its clock and its line."""

from __future__ import annotations

from collections.abc import Iterator

from streamr.doctor.diagnosis.facts import Facts
from streamr.doctor.diagnosis.verdicts import DoctorVerdict, verdict
from streamr.doctor.evidence import STARVED, Evidence

# A clock further off than this spoils freshness; TLS stands some hours or days.
MOST_SKEW = 120.0


def judge(facts: Facts) -> Iterator[DoctorVerdict]:
    """The verdicts on what is here, whatever the network does."""
    evidence = facts.evidence
    yield from _line(evidence)
    yield from _clock(evidence)
    yield from _machine(evidence)
    yield from _busy(facts)


def _line(evidence: Evidence) -> Iterator[DoctorVerdict]:
    line = evidence.line
    if line is not None and line.rate is not None and line.is_slow:
        rate = f"{line.rate / 1000:.1f} kB/s"
        yield verdict("line_slow", rate=rate, rtt=line.rtt_ms)


def _clock(evidence: Evidence) -> Iterator[DoctorVerdict]:
    told = [each.skew for each in evidence.replies]
    told += [each.skew for each in evidence.proxies]
    skews = [skew for skew in told if skew is not None]
    if not skews:
        return
    skew = sorted(skews)[len(skews) // 2]
    if abs(skew) > MOST_SKEW:
        direction = "ahead of TMDB's" if skew > 0 else "behind TMDB's"
        yield verdict("clock_wrong", skew=_span(abs(skew)), direction=direction)


def _span(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _machine(evidence: Evidence) -> Iterator[DoctorVerdict]:
    house = evidence.house
    for port in house.ports:
        if port.holder not in (None, "streamr", "unknown"):
            yield verdict(
                "port_held", port=port.port, holder=port.holder, setting=port.setting
            )
        elif port.holder == "unknown":
            yield verdict("port_unusable", problem=port.problem, setting=port.setting)
    if house.state_problem:
        yield verdict("state_unusable", problem=house.state_problem)
    if not house.plugin:
        yield verdict("plugin_missing")


def _busy(facts: Facts) -> Iterator[DoctorVerdict]:
    """What could not be judged: trials that fell into a stall, and those for which the
    time was up while this machine came late."""
    evidence = facts.evidence
    what = list(facts.unjudged)
    answered = {each.host for each in evidence.replies}
    if evidence.out_of_time and evidence.lag >= STARVED:
        missing = [f"the answers of {h}" for h in evidence.hosts if h not in answered]
        what += [each for each in missing if each not in what]
    if what:
        lag = f"{evidence.lag:.1f} s"
        yield verdict("machine_busy", what=", ".join(what), lag=lag)
