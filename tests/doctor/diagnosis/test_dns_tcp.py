"""Whose an address is at which somebody else answers: a lie, or interception."""

from __future__ import annotations

from dataclasses import replace

from streamr.doctor.evidence import (
    NOBODY,
    Certificate,
    Connect,
    Evidence,
    NameLookup,
    Place,
)
from tests.doctor.diagnosis.test_diagnose import Judged
from tests.doctor.scenes import (
    DIRECT,
    FOREIGN,
    HERE,
    OTHER,
    SIX,
    THERE,
    arm,
    but,
    everywhere,
    good,
    matrix,
    shaken,
    sound,
)

ELSEWHERE = Place("203.0.113.66", 443)
BOX = Certificate("the certificate is self-signed", "CN=block", "CN=block", 18)
STRANGER = "tls_certificate_error"


def met(second: tuple[NameLookup, ...] = (), **more: object) -> Evidence:
    """A stranger answers at the addresses of both names."""
    found = everywhere(4, cause=STRANGER, certificate=FOREIGN)
    checks = tuple(
        shaken(host, place, STRANGER, FOREIGN)
        for host, place in ((DIRECT, HERE), (OTHER, THERE))
    )
    return but(
        **{"matrix": found, "checks": checks, "replies": (), "second": second, **more}
    )


class Strangers(Judged):
    """Where both names meet somebody else."""

    def test_at_addresses_that_nobody_disputes_the_path_is_intercepted(self) -> None:
        same = tuple(
            NameLookup(host, "9.9.9.9", (place,))
            for host, place in ((DIRECT, HERE), (OTHER, THERE))
        )
        for second in ((), same):
            said = self.says(met(second), "interception")
            self.assertIn("TMDB_CA_FILE", said)

    def test_no_authority_is_advised_where_resolvers_disagree(self) -> None:
        other = (NameLookup(DIRECT, "9.9.9.9", (ELSEWHERE,)),)
        shown = replace(FOREIGN, issuer="CN=Somebody Else")
        met_there = shaken(DIRECT, ELSEWHERE, STRANGER, shown)
        found = met(other)
        disputed = replace(found, checks=(*found.checks, met_there))
        said = self.says(disputed, "interception")
        self.assertNotIn("TMDB_CA_FILE", said)
        self.assertIn("do not trust this certificate", said)

    def test_one_stranger_at_all_addresses_is_interception_and_may_be_ones_own(
        self,
    ) -> None:
        other = (NameLookup(DIRECT, "9.9.9.9", (ELSEWHERE,)),)
        found = met(other)
        same = shaken(DIRECT, ELSEWHERE, STRANGER, FOREIGN)
        said = self.says(replace(found, checks=(*found.checks, same)), "interception")
        self.assertIn("TMDB_CA_FILE", said)

    def test_a_network_that_answers_for_all_resolvers_has_made_them_up(self) -> None:
        answered = NameLookup(DIRECT, NOBODY, (HERE,))
        for each in (answered, replace(answered, places=(), cause="dns_error")):
            said = self.says(met((each,)), "dns_poisoned", "dns_hijacked")
            self.assertNotIn("TMDB_CA_FILE", said)
            self.assertIn("a resolver over TLS or HTTPS in STREAMR_RESOLVERS", said)
        nothing = replace(answered, places=(), cause="dns_timeout")
        self.says(met((nothing,)), "interception")

    def test_a_network_that_answers_for_all_resolvers_rightly_is_no_cause(self) -> None:
        answered = NameLookup(DIRECT, NOBODY, (HERE,))
        self.says(but(second=(answered,)), sound=True)

    def test_an_address_that_two_names_have_is_made_up(self) -> None:
        shared = tuple(NameLookup(host, "system", (HERE,)) for host in (DIRECT, OTHER))
        arms = matrix(
            {
                (host, p): arm(host, p, 0, 4, STRANGER, place=HERE, certificate=FOREIGN)
                for host in (DIRECT, OTHER)
                for p in ("modern", "classic", "tls12")
            }
        )
        checks = tuple(shaken(h, HERE, STRANGER, FOREIGN) for h in (DIRECT, OTHER))
        found = met(lookups=shared, matrix=arms, checks=checks)
        self.assertNotIn("TMDB_CA_FILE", self.says(found, "dns_poisoned"))
        pinned = tuple(replace(each, by="TMDB_PINS") for each in shared)
        self.says(replace(found, lookups=pinned), "interception")


class OneFamily(Judged):
    """A lie beside an honest address."""

    def lie(self, *second: NameLookup) -> Evidence:
        return but(
            lookups=(NameLookup(DIRECT, "system", (SIX, HERE)), sound().lookups[1]),
            connects=(*sound().connects, Connect(SIX, None, 9)),
            checks=(*sound().checks, shaken(DIRECT, SIX, STRANGER, BOX)),
            second=second,
        )

    def test_it_is_named(self) -> None:
        honest = NameLookup(DIRECT, "9.9.9.9", (HERE,))
        for second in ((), (honest,)):
            said = self.says(self.lie(*second), "dns_poisoned")
            self.assertIn("returns [2001:db8::1]", said)
            self.assertNotIn("[203.0.113.1]", said)

    def test_what_another_resolver_names_as_well_is_no_lie(self) -> None:
        same = NameLookup(DIRECT, "9.9.9.9", (SIX, HERE))
        self.says(self.lie(same), sound=True)


class BehindALie(Judged):
    """A lie, and nothing that is verified: the name is filtered as well."""

    def test_a_stranger_only_where_the_resolver_leads_is_a_lie(self) -> None:
        found = but(
            lookups=(NameLookup(DIRECT, "system", (ELSEWHERE,)), sound().lookups[1]),
            second=(NameLookup(DIRECT, "9.9.9.9", (HERE,)),),
            connects=(*sound().connects, Connect(ELSEWHERE, None, 9)),
            checks=(
                shaken(DIRECT, ELSEWHERE, STRANGER, BOX),
                shaken(DIRECT, HERE, "tls_reset"),
                shaken(OTHER, THERE),
            ),
            matrix=replace(matrix(), arms=matrix().arms[3:]),
            replies=(good(OTHER),),
        )
        self.says(found, "dns_poisoned")
        box = shaken(DIRECT, HERE, STRANGER, BOX)
        checks = tuple(box if e.cause == "tls_reset" else e for e in found.checks)
        self.says(replace(found, checks=checks))
