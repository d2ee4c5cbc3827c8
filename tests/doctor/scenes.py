"""Evidence for tables: a sound network, and what can be changed in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streamr.doctor.evidence import (
    ArmResult,
    Certificate,
    Connect,
    Difference,
    Evidence,
    Handshake,
    HostReply,
    Matrix,
    NameLookup,
    Place,
    ProxyReply,
)

DIRECT, OTHER = "api.themoviedb.org", "api.tmdb.org"
HERE = Place("203.0.113.1", 443)
THERE = Place("203.0.113.2", 443)
SIX = Place("2001:db8::1", 443)
PROFILES = ("modern", "classic", "tls12")
FOREIGN = Certificate("the issuer is not trusted", "CN=box", "CN=Box Root", 20)
PLACES = {DIRECT: HERE, OTHER: THERE}


def shaken(
    host: str,
    place: Place,
    cause: str | None = None,
    certificate: Certificate | None = None,
    profile: str = "classic",
    detail: str = "",
) -> Handshake:
    """One handshake."""
    issuer = "" if cause else "CN=Company Root"
    return Handshake(
        *(host, profile, place, cause, 20, detail),
        version="" if cause else "TLSv1.3",
        certificate=certificate,
        issuer=issuer,
    )


def arm(
    host: str,
    profile: str,
    ok: int = 13,
    failed: int = 0,
    cause: str = "tls_reset",
    place: Place | None = None,
    certificate: Certificate | None = None,
) -> ArmResult:
    """One arm with its tries."""
    at = place or PLACES[host]
    sample = shaken(host, at, cause if failed else None, certificate, profile)
    return ArmResult(host, profile, at, ok, {cause: failed} if failed else {}, sample)


def matrix(
    changed: Mapping[tuple[str, str], ArmResult] | None = None,
    differences: tuple[Difference, ...] = (),
) -> Matrix:
    """Both names with each profile: arms 0-2 are the direct name's, 3-5 the other's."""
    arms = tuple(
        (changed or {}).get((host, profile), arm(host, profile))
        for host in (DIRECT, OTHER)
        for profile in PROFILES
    )
    return Matrix(arms, differences, 13)


def everywhere(failed: int, ok: int = 0, **more: object) -> Matrix:
    """Every arm alike."""
    changed = {
        (host, profile): arm(host, profile, ok, failed, **more)  # type: ignore[arg-type]
        for host in (DIRECT, OTHER)
        for profile in PROFILES
    }
    return matrix(changed)


def good(host: str, **more: object) -> HostReply:
    """A good answer, or one that differs in something."""
    return replace(
        HostReply(host, "/configuration", None, 90, 200, size=4000, skew=0.0),
        **more,  # type: ignore[arg-type]
    )


def sound() -> Evidence:
    """A network with which nothing is wrong."""
    return Evidence(
        hosts=(DIRECT, OTHER),
        has_key=True,
        lookups=(
            NameLookup(DIRECT, "system", (HERE,)),
            NameLookup(OTHER, "system", (THERE,)),
        ),
        connects=(Connect(HERE, None, 9), Connect(THERE, None, 9)),
        checks=(shaken(DIRECT, HERE), shaken(OTHER, THERE)),
        matrix=matrix(),
        replies=(*[good(DIRECT)] * 8, *[good(OTHER)] * 8),
    )


def but(**more: object) -> Evidence:
    """The sound network, but for something."""
    return replace(sound(), **more)  # type: ignore[arg-type]


NAMES_DIFFER = Difference(f"names {DIRECT} {OTHER}", (0, 1, 2), (3, 4, 5), 1e-5)
FILTERED = matrix(
    {(DIRECT, p): arm(DIRECT, p, 0, 6) for p in PROFILES}, (NAMES_DIFFER,)
)
AT_ONE_ADDRESS = Matrix(
    (
        arm(DIRECT, "classic", 0, 14),
        arm(OTHER, "classic", 14, place=HERE),
    ),
    (Difference(f"names {DIRECT} {OTHER}", (0,), (1,), 1e-5),),
    14,
)
WORKS = ProxyReply("https://proxy.example", True, None, 200)
FAILS = ProxyReply("https://proxy.example", True, "tls_reset", reported=("tls_reset",))
