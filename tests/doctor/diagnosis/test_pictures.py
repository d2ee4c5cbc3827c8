"""The host that pictures come from, beside the route to TMDB."""

from __future__ import annotations

from dataclasses import replace

from streamr.doctor.evidence import PICTURES, House, NameLookup, Place
from tests.doctor.diagnosis.test_diagnose import Judged
from tests.doctor.scenes import HERE, SIX, THERE, but, shaken

LOOKED = NameLookup(PICTURES, "system", (HERE,))


class Pictures(Judged):
    """Resolve, and one verified handshake."""

    def test_nothing_is_said_where_one_of_its_addresses_was_verified(self) -> None:
        self.says(
            but(pictures=(LOOKED,), picture_checks=(shaken(PICTURES, HERE),)),
            sound=True,
        )
        old = (shaken(PICTURES, HERE, "tls_reset"), shaken(PICTURES, HERE))
        self.says(but(pictures=(LOOKED,), picture_checks=old), sound=True)
        both = replace(LOOKED, places=(SIX, HERE))
        one = (shaken(PICTURES, SIX, "tls_reset"), shaken(PICTURES, HERE))
        self.says(but(pictures=(both,), picture_checks=one), sound=True)

    def test_what_keeps_them_away_is_named_beside_the_route(self) -> None:
        home = replace(LOOKED, places=(Place("127.0.0.1", 443),))
        lost = replace(LOOKED, places=(), cause="dns_error", detail="SERVFAIL")
        reset = shaken(PICTURES, HERE, "tls_reset")
        at_home = shaken(PICTURES, home.places[0], "connection_refused")
        for looked, check, words in (
            (LOOKED, (reset,), "at 203.0.113.1 fail (reset after the ClientHello)"),
            (home, (at_home,), "returns 127.0.0.1 (this machine)"),
            (lost, (), "cannot be resolved (SERVFAIL)"),
        ):
            found = but(pictures=(looked,), picture_checks=check)
            said = self.says(found, "pictures_fail", sound=True)
            self.assertIn(words, said)

    def test_the_listed_resolver_that_leads_to_them_is_named(self) -> None:
        other = NameLookup(PICTURES, "https-dns.example", (THERE,))
        checks = (shaken(PICTURES, HERE, "tls_reset"), shaken(PICTURES, THERE))
        found = but(pictures=(LOOKED, other), picture_checks=checks)
        said = self.says(found, "pictures_fail", sound=True)
        self.assertIn("the resolver https-dns.example gives TMDB's addresses", said)

    def test_a_silence_of_this_machine_is_not_theirs(self) -> None:
        late = replace(shaken(PICTURES, HERE, "tls_timeout"), lag=0.6)
        found = but(pictures=(LOOKED,), picture_checks=(late,))
        said = self.says(found, "machine_busy", sound=True)
        self.assertIn(PICTURES, said)

    def test_without_a_network_nothing_is_said_of_them(self) -> None:
        lost = replace(LOOKED, places=(), cause="dns_error")
        gone = replace(lost, host="api.themoviedb.org")
        found = but(lookups=(gone,), connects=(), pictures=(lost,), replies=())
        offline = replace(found, house=House(internet=()))
        self.assertNotIn("image.tmdb.org", self.says(offline, "offline"))
