"""What an operator is told at the start."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from streamr.app.warnings import (
    SOON,
    ending,
    exposure,
    in_container,
    loopback_egresses,
    notices,
    without_effect,
)
from streamr.config.load import load
from streamr.config.settings import Settings

KEY = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Exposed(SynchronousTestCase):
    """A proxy that other machines can reach."""

    def codes(self, servers: tuple[str, ...], **environment: str) -> dict[str, str]:
        given = {"TMDB_API_KEY": KEY, "STREAMR_PROXY_TOKEN": "x" * 16, **environment}
        found = exposure(load({}, given), servers)
        return {each.code: each.text for each in found}

    def test_over_plain_http_it_is_told_what_others_can_read(self) -> None:
        said = self.codes(("proxy",), PROXY_HOST="0.0.0.0")
        self.assertEqual(list(said), ["proxy-exposed", "proxy-plain"])
        for word in ("STREAMR_PROXY_TOKEN", "PROXY_TLS_CERT", "streamr peer new"):
            self.assertIn(word, said["proxy-plain"])
        self.assertIn("your TMDB key does not travel", said["proxy-plain"])

    def test_with_tls_nobody_reads_it(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            tls = {"PROXY_TLS_CERT": file.name, "PROXY_TLS_KEY": file.name}
            said = self.codes(("proxy",), PROXY_HOST="0.0.0.0", **tls)
        self.assertEqual(list(said), ["proxy-exposed"])

    def test_on_loopback_and_without_a_proxy_there_is_nothing_to_tell(self) -> None:
        self.assertEqual(self.codes(("proxy",)), {})
        self.assertEqual(self.codes(("main",), PROXY_HOST="0.0.0.0"), {})


class WithoutEffect(SynchronousTestCase):
    """What is set for connections from here, where there are none."""

    GIVEN: ClassVar = {
        "STREAMR_RESOLVERS": "9.9.9.9,system",
        "STREAMR_ADDRESS_FAMILY": "ipv4",
    }

    def said(self, egress: str, **more: str) -> list[str]:
        given = {"TMDB_API_KEY": KEY, "STREAMR_EGRESS": egress, **more}
        settings = load({}, given)
        found = notices(settings, {}, Path("/"), Path("/nowhere"))
        self.assertEqual(found, without_effect(settings))
        return [each.text for each in found]

    def test_each_is_named_beside_a_list_of_outbound_proxies_only(self) -> None:
        resolvers, family = self.said("socks5://p.test,http://q.test", **self.GIVEN)
        self.assertTrue(resolvers.startswith("STREAMR_RESOLVERS is not used: "))
        self.assertTrue(family.startswith("STREAMR_ADDRESS_FAMILY=ipv4 is used only"))

    def test_with_direct_in_the_list_they_have_an_effect(self) -> None:
        for egress in ("direct", "socks5://p.test,direct"):
            self.assertEqual(self.said(egress, **self.GIVEN), [])

    def test_what_was_not_set_is_not_named(self) -> None:
        self.assertEqual(self.said("socks5://p.test"), [])


class Ending(SynchronousTestCase):
    """A certificate that ends."""

    def test_it_is_told_two_weeks_ahead_and_not_before(self) -> None:
        self.assertEqual(ending(NOW + SOON + SECOND, NOW), [])
        (notice,) = ending(NOW + SOON, NOW)
        self.assertEqual(notice.code, "certificate-ends")
        self.assertIn("PROXY_TLS_CERT ends on 2026-07-15", notice.text)

    def test_one_that_has_ended_is_told_as_such(self) -> None:
        (notice,) = ending(NOW - SECOND, NOW)
        self.assertIn("PROXY_TLS_CERT ended on 2026-07-01", notice.text)


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
