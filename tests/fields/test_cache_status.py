"""Cache-Status: RFC 9211, read back by a parser of structured fields."""

from typing import Any

import http_sf
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import CacheUse
from streamr.fields.cache_status import render
from tests.properties import examples

steady = examples(200)
# RFC 9211, 2.2
REASONS = ("bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale")
DETAILS = ("", "stale-while-revalidate", "stale-while-slow", "stale-if-error")
uses = st.builds(
    CacheUse,
    st.sampled_from([None, *REASONS, "partial"]),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(-(10**14), 10**14),
    st.sampled_from(DETAILS),
)


def read(use: CacheUse, status: int | None = None) -> tuple[Any, dict[str, Any]]:
    """The one member of the field, parsed."""
    text = render("streamr-main", use, status)
    (member,) = http_sf.parse(text.encode(), tltype="list")
    return member


class Syntax(SynchronousTestCase):
    """What RFC 9211 allows, and nothing else."""

    @steady
    @given(uses, st.none() | st.integers(100, 599))
    def test_every_use_is_a_structured_field_that_says_it(
        self, use: CacheUse, status: int | None
    ) -> None:
        name, found = read(use, status)
        self.assertEqual((str(name), type(name)), ("streamr-main", http_sf.Token))
        self.assertNotEqual("hit" in found, "fwd" in found)
        if use.forward is not None:
            self.assertIsInstance(found["fwd"], http_sf.Token)
            self.assertEqual(str(found["fwd"]), use.forward)
            self.assertEqual(found.get("fwd-status"), status)
        self.assertEqual(found.get("ttl"), use.ttl)
        self.assertEqual(found.get("stored", False), use.stored)
        self.assertEqual(found.get("collapsed", False), use.collapsed)
        self.assertEqual(str(found.get("detail", "")), use.detail)

    def test_a_hit_that_was_not_forwarded_has_no_status_of_a_forward(self) -> None:
        # RFC 9211, 2.3: fwd-status belongs to fwd
        self.assertNotIn("fwd-status", read(CacheUse(ttl=5), 200)[1])

    def test_the_very_words(self) -> None:
        for use, status, expected in (
            (CacheUse(ttl=41), None, "streamr-main;hit;ttl=41"),
            (
                CacheUse(ttl=-7, detail="stale-if-error"),
                None,
                "streamr-main;hit;ttl=-7;detail=stale-if-error",
            ),
            (
                CacheUse("uri-miss", stored=True, collapsed=True),
                200,
                "streamr-main;fwd=uri-miss;fwd-status=200;stored;collapsed",
            ),
            (CacheUse("stale"), None, "streamr-main;fwd=stale"),
        ):
            self.assertEqual(
                render("streamr-main", use, status).replace(" ", ""), expected
            )


class Remembering(SynchronousTestCase):
    """What was rendered before is at hand, within a bound."""

    def test_the_last_1024_are_made_once_and_none_before_them_is_kept(self) -> None:
        def made(number: int) -> str:
            return render("streamr-main", CacheUse(ttl=number), None)

        first = made(0)
        for number in range(1, 1024):
            made(number)
        self.assertIs(made(0), first)
        for number in range(1024, 2048):
            made(number)
        self.assertEqual(made(0), first)
        self.assertIsNot(made(0), first)
