"""What an operator is told at the start."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.app.warnings import in_container, loopback_egresses, notices
from streamr.config.load import load
from streamr.config.settings import Settings


def settings(egress: str) -> Settings:
    return load({}, {"TMDB_API_KEY": "0" * 32, "STREAMR_EGRESS": egress})


class Egresses(SynchronousTestCase):
    """Outbound proxies, seen from inside a container."""

    def test_those_on_loopback_are_named_with_what_is_probably_meant(self):
        said = loopback_egresses(
            settings(
                "direct,socks5://a:canary@localhost,http://[::1]:1#six,http://proxy"
            )
        )
        self.assertEqual([each.code for each in said], ["egress-loopback"] * 2)
        for notice, words in zip(
            said,
            (("socks5-localhost-1080", "at localhost"), ("six", "::1")),
            strict=True,
        ):
            for word in (*words, "STREAMR_EGRESS", "host.docker.internal", "service"):
                self.assertIn(word, notice.text)
            self.assertNotIn("canary", notice.text)

    def test_they_are_named_only_in_a_container(self):
        for mark in (None, ".dockerenv", "run/.containerenv"):
            root = Path(self.mktemp())
            if mark is not None:
                (root / mark).parent.mkdir(parents=True)
                (root / mark).touch()
            self.assertEqual(in_container(root), mark is not None)
            said = notices(settings("http://127.0.0.1:8080"), {}, root, root)
            codes = [each.code for each in said]
            self.assertEqual(codes, ["egress-loopback"] if mark else [])
