"""URLs: what is sent is what hyperlink would have written."""

from __future__ import annotations

import contextlib

from hyperlink import EncodedURL
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.url import split
from tests.properties import examples


def by_hyperlink(text: str) -> str | None:
    """A URL as hyperlink writes it; None for what is none."""
    try:
        return str(EncodedURL.from_text(text).to_uri().to_text())
    except ValueError:
        return None


def by_us(text: str) -> str | None:
    try:
        origin, target = split(text)
    except ValueError:
        return None
    return origin.to_uri().to_text() + target.decode()


class URLs(SynchronousTestCase):
    @examples(1000)
    @given(
        st.sampled_from(
            (
                "https://api.test.invalid",
                "http://127.0.0.1:5001",
                "HTTPS://b\xfccher.de:1",
            )
        ),
        st.text("/aZ09._~%-", max_size=12) | st.text(max_size=12),
        st.text("aZ09._~%-=&", max_size=12) | st.text(max_size=12),
    )
    def test_every_url_is_the_same(self, origin: str, path: str, query: str) -> None:
        text = f"{origin}/3/{path}" + (f"?{query}" if query else "")
        self.assertEqual(by_us(text), by_hyperlink(text))

    def test_each_character_is_encoded_where_hyperlink_encodes_it(self) -> None:
        for code in range(1, 0x100):
            for place in ("/3/x{}y", "/3/x?a{}b=1", "/3/x?a=1{}2", "/3/{}"):
                text = "https://api.test.invalid" + place.format(chr(code))
                self.assertEqual(by_us(text), by_hyperlink(text), text)

    def test_a_url_without_a_path_is_one(self) -> None:
        for text in ("http://a.test?b=c", "http://a.test/"):
            self.assertEqual(by_us(text), by_hyperlink(text), text)
        self.assertEqual(by_us("http://a.test"), "http://a.test/")

    def test_the_host_may_be_an_ipv6_address(self) -> None:
        for text in ("http://[::1]:5001/3/x?a=b", "http://[::1]", "http://[::1]/\xe9"):
            target = "" if text.count("/") > 2 else "/"
            self.assertEqual(by_us(text), text.replace("\xe9", "%C3%A9") + target)

    def test_the_origin_says_where_it_is_and_what_its_host_is_called(self) -> None:
        for url, port, said in (
            ("http://a.test/x", 80, b"a.test"),
            ("https://a.test/x", 443, b"a.test"),
            ("https://a.test:443/x", 443, b"a.test"),
            ("http://a.test:443/x", 443, b"a.test:443"),
            ("http://127.0.0.1:5001/x", 5001, b"127.0.0.1:5001"),
            ("http://[::1]:5001/x", 5001, b"[::1]:5001"),
            ("http://[::1]/x", 80, b"[::1]"),
        ):
            origin, target = split(url)
            self.assertEqual((origin.place.port, origin.host_field), (port, said), url)
            self.assertEqual(target, b"/x")

    def test_no_url_becomes_two_lines(self) -> None:
        for code in (*range(0x21), 0x7F):
            for place in ("/3/x{}y", "/3/x?a{}b=1", "{}"):
                text = "https://a.test" + place.format(chr(code))
                with contextlib.suppress(ValueError):
                    origin, target = split(text)
                    self.assertRegex(origin.key + origin.host_field, rb"^[!-~]+$")
                    self.assertRegex(target, rb"^[!-~]+$")
