"""PURE: what the arms say. Causes combine: each contrast may blame its own arms, and
what no contrast explains is judged by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from streamr.doctor.diagnosis.confidence import bounds
from streamr.doctor.diagnosis.dns_tcp import route_over, vantage
from streamr.doctor.diagnosis.facts import (
    CERTIFICATE,
    DATES,
    DOOR,
    HOW,
    STRANGER,
    Facts,
    all_causes,
    count,
    main_cause,
    meaning,
)
from streamr.doctor.diagnosis.verdicts import (
    DOUBTFUL,
    OWN_AUTHORITY,
    DoctorVerdict,
    verdict,
)
from streamr.doctor.evidence import ArmResult, Certificate, Difference, Matrix

# What contrasts are called; `studies` makes them.
NAMES = "names"
ADDRESSES = "addresses"
SPLIT = "modern/classic"
OLD = "modern/tls12"
TLS13 = "classic/tls12"
# Fewer than this fail in any sound network, now and then.
LEAST_RATE = 0.01
# Certificates of public authorities last a year or so: who shows one that ended longer
# ago than this is not who is wrong.
MOST_PAST = timedelta(days=365)


def judge(facts: Facts) -> Iterator[DoctorVerdict]:
    """The verdicts on TLS."""
    matrix = facts.evidence.matrix
    clear = {each.name: each for each in matrix.differences}
    blamed: set[int] = set()
    for name, difference in clear.items():
        if name.startswith(NAMES):
            yield from _names(facts, matrix, difference)
            blamed.update(difference.worse)
    names = {matrix.arms[index].host for index in blamed}
    arms = [arm for arm in matrix.arms if arm.host not in names] or matrix.arms
    yield from _profiles(matrix, arms, clear)
    yield from _behind_a_lie(facts)
    yield from _addresses(facts)
    for name in (SPLIT, OLD, TLS13):
        if name in clear:
            blamed.update(clear[name].worse)
    rest = [arm for index, arm in enumerate(matrix.arms) if index not in blamed]
    yield from _unexplained(facts, [a for a in rest if not facts.is_misled(a.host)])


def _chosen(matrix: Matrix, indexes: Sequence[int]) -> list[ArmResult]:
    return [matrix.arms[index] for index in indexes]


def _names(
    facts: Facts, matrix: Matrix, difference: Difference
) -> Iterator[DoctorVerdict]:
    """One name fails more often than the other: the name, or its address?"""
    worse = _chosen(matrix, difference.worse)
    better = _chosen(matrix, difference.better)
    host, other = worse[0].host, better[0].host
    if facts.is_misled(host):
        return  # at an address that is not TMDB's nothing can be said of the name
    cause = main_cause(all_causes(worse))
    if cause in STRANGER:
        yield from _stranger(facts, worse, cause)
        return
    names = facts.evidence.names
    at_home = [arm for arm in names.arms if arm.place == worse[0].place]
    same = [arm for arm in at_home if arm.host == other]
    own = [arm for arm in at_home if arm.host == host] or worse
    if same and not any(arm.ok for arm in same) and not _passed(same):
        good = better[0].place
        yield verdict(
            "address_filtered",
            (host,),
            addresses=worse[0].place,
            good=good,
            counts=count([*worse, *same]),
            pin=good,
        )
        return
    control = (
        f"{_through(same)} with {other} at the same address"
        if same
        else f"{count(better)} with {other}"
    )
    yield verdict(
        "name_filtered",
        (host,),
        counts=count(own if same else worse),
        control=control,
        how=HOW.get(cause, meaning(cause)),
        vantage=vantage(facts),
        route=route_over(facts, [other]),
    )


def _behind_a_lie(facts: Facts) -> Iterator[DoctorVerdict]:
    """A name that DNS leads astray and that is filtered as well: it fails at another
    name's address, where that one is verified."""
    names = facts.evidence.names
    for difference in names.differences:
        (worse,), (better,) = (
            _chosen(names, each) for each in (difference.worse, difference.better)
        )
        if worse.place in facts.places(worse.host):
            continue  # told with the arms of its own addresses
        cause = main_cause(worse.causes)
        yield verdict(
            "name_filtered",
            (worse.host,),
            counts=count([worse]),
            control=f"{_through([better])} with {better.host} at the same address",
            how=HOW.get(cause, meaning(cause)),
            vantage=vantage(facts),
            route=route_over(facts, [better.host]),
        )


def _addresses(facts: Facts) -> Iterator[DoctorVerdict]:
    """Addresses of one name where handshakes fail, while they succeed at others."""
    matrix = facts.evidence.addresses
    if not matrix.differences:
        return
    difference = matrix.differences[0]
    both = zip(
        _chosen(matrix, difference.worse),
        _chosen(matrix, difference.better),
        strict=True,
    )
    for worse, better in both:
        if not worse.failed:
            continue
        family = worse.place.family
        cause = main_cause(worse.causes)
        told = {
            "counts": count([worse]),
            "bad": worse.place,
            "good": better.place,
            "how": HOW.get(cause, meaning(cause)),
        }
        whole = not any(
            facts.reached(place)
            for place in facts.places(worse.host)
            if place.family == family
        )
        code = f"{family.lower()}_filtered" if whole else "address_fails"
        yield verdict(code, (worse.host,), **told)


def _passed(arms: Sequence[ArmResult]) -> bool:
    """True when the handshake went through though the name was not served there."""
    return any(arm.sample.reached for arm in arms)


def _through(arms: Sequence[ArmResult]) -> str:
    """How many got through; a sound chain for another name got through as well."""
    tries = sum(arm.tries for arm in arms)
    return f"{tries}/{tries}" if _passed(arms) and not _oks(arms) else count(arms)


def _oks(arms: Sequence[ArmResult]) -> int:
    return sum(arm.ok for arm in arms)


def _profiles(
    matrix: Matrix, arms: Sequence[ArmResult], clear: dict[str, Difference]
) -> Iterator[DoctorVerdict]:
    """Which ClientHello does not get through, told over the names that do."""
    by_profile = {
        name: [arm for arm in arms if arm.profile == name]
        for name in ("modern", "classic", "tls12")
    }
    told = ", ".join(
        f"{name} {count(arms)}" for name, arms in by_profile.items() if arms
    )
    failing = clear.get(TLS13), clear.get(SPLIT), clear.get(OLD)
    hosts = tuple(dict.fromkeys(arm.host for arm in matrix.arms))
    tls13, split, old = (
        each is not None and _blames_first(matrix, each) for each in failing
    )
    classic_fails = sum(arm.failed for arm in by_profile["classic"])
    if tls13 or (old and not split and classic_fails):
        yield verdict("tls13_intolerant", hosts, counts=told)
    elif split or old:
        yield verdict("split_hello", hosts, counts=told)


def _blames_first(matrix: Matrix, difference: Difference) -> bool:
    """True when the newer of the two profiles is the one that fails."""
    worse = matrix.arms[difference.worse[0]].profile
    return worse == difference.name.partition("/")[0]


def _unexplained(facts: Facts, arms: list[ArmResult]) -> Iterator[DoctorVerdict]:
    tries, failed = sum(a.tries for a in arms), sum(a.failed for a in arms)
    if not failed:
        return
    cause = main_cause(all_causes(arms))
    hosts = tuple(dict.fromkeys(arm.host for arm in arms))
    if cause == DOOR:
        yield verdict("door_loop", hosts, counts=f"{failed}/{tries}")
    elif failed == tries:
        if cause in STRANGER:
            yield from _stranger(facts, arms, cause)
        else:
            yield verdict(
                "tls_dead",
                hosts,
                counts=count(arms),
                how=HOW.get(cause, meaning(cause)),
                vantage=vantage(facts),
                route=route_over(facts, []),
            )
    elif cause in STRANGER:
        yield from _stranger(facts, [a for a in arms if a.failed], cause)
    elif bounds(failed, tries)[0] > LEAST_RATE:
        what = {"tls_timeout": "silence", "tls_closed": "a close"}.get(cause, "a reset")
        yield verdict("random_resets", hosts, what=what, counts=f"{failed}/{tries}")
    else:
        yield verdict(
            "tls_unclear", hosts, failed=failed, tries=tries, what=meaning(cause)
        )


def _stranger(
    facts: Facts, arms: Sequence[ArmResult], cause: str
) -> Iterator[DoctorVerdict]:
    """Somebody else answers: with a page, with bytes, with a certificate."""
    hosts = tuple(dict.fromkeys(arm.host for arm in arms))
    counts = (
        f"{sum(arm.causes.get(cause, 0) for arm in arms)}/{sum(a.tries for a in arms)}"
    )
    if cause != CERTIFICATE:
        sample = next(arm.sample for arm in arms if arm.sample.cause == cause)
        yield verdict("portal", hosts, what=sample.detail, counts=counts)
        return
    shown = [a.sample.certificate for a in arms if a.sample.certificate is not None]
    if not shown:
        return
    first = shown[0]
    if first.code in DATES:
        today = facts.evidence.today
        yield verdict(
            "clock_excludes" if _is_far(first, today) else "certificate_expired",
            hosts,
            counts=counts,
            today=today or "unknown",
            begins=first.begins or "unknown",
            ends=first.ends or "unknown",
        )
        return
    code = f", code {first.code}" if first.code is not None else ""
    yield verdict(
        "interception",
        hosts,
        problem=first.problem,
        counts=counts,
        who=f"subject {first.subject}, issuer {first.issuer}{code}",
        route=DOUBTFUL if facts.is_doubtful(hosts) else OWN_AUTHORITY,
    )


def _is_far(certificate: Certificate, today: str) -> bool:
    """True when only the clock can be wrong: nobody shows a certificate before its
    time, or one that ended more than a year ago."""
    if not (today and certificate.begins and certificate.ends):
        return False
    now, ends = date.fromisoformat(today), date.fromisoformat(certificate.ends)
    return today < certificate.begins or now - ends > MOST_PAST
