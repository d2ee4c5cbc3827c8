"""Query strings: the same as the standard library writes."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.urlencoded import urlencoded
from tests.properties import examples

WORDS = st.text("aZ09_.~-", max_size=6) | st.text(max_size=6).filter(
    lambda text: text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)
)


class Pairs(SynchronousTestCase):
    @examples()
    @given(st.lists(st.tuples(WORDS, WORDS), max_size=4))
    def test_they_are_written_as_urlencode_writes_them(
        self, pairs: list[tuple[str, str]]
    ) -> None:
        self.assertEqual(urlencoded(pairs), urlencode(pairs, quote_via=quote))

    def test_so_is_each_character(self) -> None:
        for code in range(0x100):
            pairs = [("a" + chr(code), chr(code) + "b")]
            self.assertEqual(urlencoded(pairs), urlencode(pairs, quote_via=quote))
