"""Handshakes at several addresses of one name, and behind a lie of DNS."""

from __future__ import annotations

from dataclasses import replace

from streamr.doctor.evidence import (
    Connect,
    Difference,
    Evidence,
    Matrix,
    NameLookup,
    Place,
)
from tests.doctor.diagnosis.test_diagnose import Judged
from tests.doctor.scenes import (
    DIRECT,
    HERE,
    OTHER,
    PROFILES,
    SIX,
    THERE,
    arm,
    but,
    good,
    matrix,
    shaken,
    sound,
)

ELSEWHERE = Place("203.0.113.66", 443)


def two(bad: Place, well: Place, *more: Place, cause: str = "tls_reset") -> Evidence:
    """The direct name fails at one of its addresses, and works at the others."""
    own = (bad, well, *more)
    arms = (
        arm(DIRECT, "classic", 0, 6, cause, place=bad),
        arm(DIRECT, "classic", 6, place=well),
    )
    return but(
        lookups=(NameLookup(DIRECT, "system", own), sound().lookups[1]),
        connects=tuple(Connect(each, None, 9) for each in (*own, THERE)),
        checks=(
            *(shaken(DIRECT, each) for each in (well, *more)),
            shaken(DIRECT, bad, cause),
            shaken(OTHER, THERE),
        ),
        matrix=matrix({(DIRECT, p): arm(DIRECT, p, place=well) for p in PROFILES}),
        addresses=Matrix(arms, (Difference("addresses", (0,), (1,), 1e-5),), 6),
    )


class Addresses(Judged):
    """One name, two addresses."""

    def test_a_family_in_which_no_handshake_succeeds_is_filtered(self) -> None:
        for bad, well, code, setting in (
            (SIX, HERE, "ipv6_filtered", "STREAMR_ADDRESS_FAMILY=ipv4"),
            (HERE, SIX, "ipv4_filtered", "STREAMR_ADDRESS_FAMILY=ipv6"),
        ):
            said = self.says(two(bad, well), code)
            self.assertIn(setting, said)
            self.assertIn("(0/6 succeed)", said)
            self.assertIn("reset after the ClientHello", said)

    def test_one_address_of_several_is_no_cause(self) -> None:
        said = self.says(two(ELSEWHERE, HERE), "address_fails", sound=True)
        self.assertIn(str(ELSEWHERE), said)

    def test_what_may_be_chance_is_no_cause(self) -> None:
        found = two(SIX, HERE)
        even = replace(found.addresses, differences=())
        self.says(replace(found, addresses=even), sound=True)


class BehindALie(Judged):
    """DNS leads a name astray, and the name is filtered as well."""

    def found(self, **more: object) -> Evidence:
        lied = NameLookup(DIRECT, "system", (ELSEWHERE,))
        arms = (
            arm(DIRECT, "classic", 0, 12, place=THERE),
            arm(OTHER, "classic", 12, place=THERE),
        )
        found = but(
            lookups=(lied, sound().lookups[1]),
            second=(NameLookup(DIRECT, "9.9.9.9", (HERE,)),),
            connects=tuple(Connect(e, None, 9) for e in (ELSEWHERE, HERE, THERE)),
            checks=(
                shaken(DIRECT, ELSEWHERE, "tls_certificate_error"),
                shaken(DIRECT, HERE, "tls_reset"),
                shaken(OTHER, THERE),
            ),
            matrix=replace(matrix(), arms=matrix().arms[3:]),
            names=Matrix(arms, (Difference("names a b", (0,), (1,), 1e-5),), 12),
            replies=(good(OTHER),),
        )
        return replace(found, **more)  # type: ignore[arg-type]

    def test_both_are_named(self) -> None:
        said = self.says(self.found(), "dns_poisoned", "name_filtered")
        self.assertIn(
            "(0/12 handshakes succeed, 12/12 with api.tmdb.org at the same address)",
            said,
        )

    def test_a_name_that_gets_through_there_is_not_filtered(self) -> None:
        self.says(self.found(names=Matrix()), "dns_poisoned")
