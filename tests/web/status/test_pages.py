"""The status pages over HTTP, in memory: who gets what, and with which headers."""

from __future__ import annotations

import re
from typing import Any

from streamr import __version__
from streamr.fields.loop import Loop
from streamr.tmdb import catalogue
from streamr.web.api import target
from streamr.web.api.cors import Cors
from streamr.web.api.resource import GatewayResource
from streamr.web.api.surface import Surface
from streamr.web.hosts import Hosts
from streamr.web.router import Router
from streamr.web.server.channel import QUIET_SECONDS, WRITE_SECONDS
from streamr.web.server.site import LOOK_EVERY, GatewaySite
from streamr.web.status.document import Shown
from streamr.web.status.live import MOST_LISTENERS
from streamr.web.status.pages import ASSETS, Status
from tests.support import Notes, tell
from tests.web.api.test_resource import ADMIN, HERE, Seen, SurfaceCase
from tests.web.demo.test_pages import PUBLISHED
from tests.web.status.support import StatusCase

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class StatusPages(StatusCase):
    """`SurfaceCase` sends bytes; what answers is main with its status pages."""

    send = SurfaceCase.send
    seen = SurfaceCase.seen
    connect = SurfaceCase.connect

    def setUp(self) -> None:
        super().setUp()
        shown = [Shown("PORT", "3001", "default", "Port of the main server.")]
        self.status = Status(self.sources, lambda: shown, self.clock)
        self.notes = Notes()
        surface = Surface(
            self.gateway,
            target.main_query(catalogue.load()),
            Router(self.status.rows()),
            Cors(("*",)),
            8.0,
            Loop("streamr-me-main").closed,
            admin_token=ADMIN,
            hosts=Hosts(frozenset({"a", "films.lan", "a.example"})),
        )
        resource = GatewayResource(surface, self.clock, self.notes)
        self.site = GatewaySite(resource, self.clock)
        self.site.startFactory()
        self.addCleanup(self.site.stopFactory)

    def get(self, path: str, *, peer: str = "192.0.2.1", **more: Any) -> Seen:
        self.connect(peer)
        self.send(path, **more)
        return self.seen()

    def test_a_command_line_gets_text(self) -> None:
        for headers in ({}, {"Accept": "*/*"}):
            seen = self.get("/", headers=headers)
            self.assertEqual(200, seen.status)
            self.assertTrue(seen.headers["content-type"].startswith("text/plain"))
            self.assertIn(f"streamr {__version__}", seen.body.decode())
            self.assertEqual("Accept", seen.headers["vary"])

    def test_both_show_the_base_url_that_an_app_has_to_use(self) -> None:
        for headers in ({}, BROWSER):
            seen = self.get("/", host="films.lan:8080", headers=headers)
            self.assertIn("http://films.lan:8080/3", seen.body.decode())
        behind = {"X-Forwarded-Prefix": "/tmdb"}
        seen = self.get("/", peer="127.0.0.1", host="a.example", headers=behind)
        self.assertIn("http://a.example/tmdb/3", seen.body.decode())

    def test_a_name_that_was_pointed_here_sees_nothing_of_it(self) -> None:
        for path in ("/", "/status.json", "/status/events"):
            for peer in ("127.0.0.1", "192.0.2.1"):
                seen = self.get(path, peer=peer, host="rebound.test:3001")
                self.assertEqual(421, seen.status, (path, peer))
                self.assertIn("STREAMR_ALLOWED_HOSTS", seen.json["status_message"])

    def test_a_browser_gets_the_page(self) -> None:
        seen = self.get("/", headers=BROWSER)
        self.assertTrue(seen.headers["content-type"].startswith("text/html"))
        self.assertTrue(seen.body.startswith(b"<!doctype html>"))
        self.assertEqual("Accept", seen.headers["vary"])
        self.assertEqual("no-store", seen.headers["cache-control"])

    def test_nothing_of_elsewhere_and_nothing_inline_may_run(self) -> None:
        policy = self.get("/", headers=BROWSER).headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        for word in ("unsafe", "http:", "https:", "data:", "*"):
            self.assertNotIn(word, policy)

    def test_what_the_page_names_is_there(self) -> None:
        page = self.get("/", headers=BROWSER).body.decode()
        for name in ASSETS:
            self.assertIs(name != "films.js", f'"{name}"' in page)
            seen = self.get(f"/{name}")
            self.assertEqual((200, ASSETS[name]), _kind(seen), name)

    def test_an_asset_that_is_known_is_not_sent_again(self) -> None:
        first = self.get("/status.css")
        self.assertEqual("no-cache", first.headers["cache-control"])
        known = {"If-None-Match": first.headers["etag"]}
        self.assertEqual(b"", self.get("/status.css", headers=known).body)
        self.assertEqual(304, self.get("/status.css", headers=known).status)
        other = {"If-None-Match": '"else"'}
        self.assertEqual(200, self.get("/status.css", headers=other).status)

    def test_the_snapshot_can_be_asked_for(self) -> None:
        seen = self.get("/status.json")
        self.assertEqual("Ready.", seen.json["verdict"]["headline"])

    def test_settings_are_for_trusted_visitors(self) -> None:
        self.assertIn(b"PORT", self.get("/", headers=BROWSER, **HERE).body)
        token = {**BROWSER, "Authorization": f"Bearer {ADMIN}"}
        self.assertIn(b"PORT", self.get("/", headers=token).body)
        self.assertNotIn(b"PORT", self.get("/", headers=BROWSER).body)

    def test_another_sites_page_reads_no_settings(self) -> None:
        for odd in (
            {"Origin": "https://elsewhere.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            seen = self.get("/", headers={**BROWSER, **odd}, **HERE)
            self.assertNotIn(b"PORT", seen.body, odd)

    def test_no_settings_leave_by_json_text_or_events(self) -> None:
        for path in ("/", "/status.json", "/status/events"):
            self.assertNotIn(b"PORT", self.get(path, **HERE).body, path)

    def test_the_page_is_live(self) -> None:
        seen = self.get("/status/events")
        self.assertEqual("text/event-stream", seen.headers["content-type"])
        self.assertIn(b"event: paint\ndata: {", seen.body)
        self.breaks(self.gateway, self.direct)
        self.clock.advance(1)
        self.assertIn("The direct route fails", self.seen().body.decode())

    def test_one_listener_too_many_is_told_where_to_ask(self) -> None:
        for number in range(MOST_LISTENERS):
            # one address has four of them
            peer = f"192.0.2.{number}"
            self.assertEqual(200, self.get("/status/events", peer=peer).status)
        seen = self.get("/status/events")
        self.assertEqual(503, seen.status)
        self.assertIn("/status.json", seen.json["status_message"])

    def test_a_listener_who_does_not_read_heaps_nothing_up(self) -> None:
        self.get("/status/events")
        self.channel.pauseProducing()
        before = len(self.transport.value())
        for _ in range(50):
            self.breaks(self.gateway, self.direct, 1)
            self.clock.advance(WRITE_SECONDS / 60)
        self.assertEqual(before, len(self.transport.value()))
        self.channel.resumeProducing()
        self.clock.advance(1)
        self.assertGreater(len(self.transport.value()), before)

    def test_live_pages_end_before_the_server_drains(self) -> None:
        self.get("/status/events")
        self.status.live.end()
        self.assertTrue(self.transport.value().endswith(b"0\r\n\r\n"))
        self.site.drain(9.0)
        self.clock.advance(QUIET_SECONDS + LOOK_EVERY)
        self.assertTrue(self.transport.disconnecting)

    def test_looking_is_no_call_of_a_caller(self) -> None:
        for path in ("/", "/status.json", "/status.css", "/status/events"):
            self.get(path)
        for exchange in self.notes.exchanges:
            tell(self.history, exchange)
        self.assertEqual(0, self.shown()["recent"]["calls"])
        self.assertEqual(0, self.shown()["recent"]["by"]["refused"])

    def test_nothing_is_changed_by_it(self) -> None:
        seen = self.get("/", method="POST", headers={"Content-Length": "0"}, **HERE)
        self.assertEqual(405, seen.status)


class DemoPage(StatusPages):
    """The same page with the demo's part."""

    demo = True

    def test_the_buttons_are_there_for_whom_they_work_and_nothing_else_is(self) -> None:
        for who, buttons, settings in (
            (HERE, True, True),
            (PUBLISHED, True, False),
            ({**PUBLISHED, "host": "172.17.0.2:3001"}, False, False),
            ({}, False, False),
        ):
            page = self.get("/", headers=BROWSER, **who).body
            self.assertIs(b'action="demo/heal"' in page, buttons, who)
            self.assertIs(b'id="settings"' in page, settings, who)
            self.assertIn(b"What is open here: programs on this computer", page)

    def test_what_the_page_names_is_there(self) -> None:
        page = self.get("/", headers=BROWSER).body.decode()
        for name in ASSETS:
            self.assertIn(f'"{name}"', page)

    def test_every_address_is_relative_on_the_page_and_in_its_scripts(self) -> None:
        page = self.get("/", headers=BROWSER, **HERE).body.decode()
        found = re.findall(r' (?:href|src|action)="([^"]*)"', page)
        self.assertEqual([], [each for each in found if each.startswith("/")])
        for each in ("docs", "status.json", "demo/heal", "films.js"):
            self.assertIn(each, found)
        for name in ("status.js", "films.js"):
            script = self.get(f"/{name}").body.decode()
            self.assertEqual([], re.findall(r"""["'`]/(?:[a-z]|["'`])""", script), name)


def _kind(seen: Seen) -> tuple[int, str]:
    return seen.status, seen.headers["content-type"]
