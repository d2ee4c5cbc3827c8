"""What the demo adds to main's surface, and that nobody else has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamr.fields import names
from streamr.web.api.surface import Surface
from streamr.web.demo.faults import WishGranter
from streamr.web.demo.pages import Demo
from streamr.web.router import Row
from tests.web.api.test_resource import HERE, Seen, SurfaceCase

HOST = "api.themoviedb.org"
# What the machine looks like through `docker run -p 127.0.0.1:3001:3001`.
PUBLISHED = {"peer": "172.17.0.1", "host": "localhost:3001"}
SITE = {"Origin": "http://127.0.0.1:3001", "Sec-Fetch-Site": "same-origin"}


class DemoCase(SurfaceCase):
    """Main's surface over a simulator that only remembers."""

    def more_rows(self) -> list[Row]:
        self.faults = {HOST: "none", "api.tmdb.org": "none"}
        demo = Demo(
            lambda: self.faults,
            {"reset-after-hello": "RST", "html": "a portal page"},
            self.set_fault,
            {"a.jpg": b"<svg/>"}.get,
        )
        self.changes = 0
        return demo.rows(self.count)

    def count(self) -> None:
        self.changes += 1

    def changed(self, surface: Surface) -> Surface:
        wishes = WishGranter(surface.gateway, self.clock, self.notes)
        cors = surface.cors.for_demo(names.FAULT)
        return replace(surface, cors=cors, wishes=wishes)

    def set_fault(self, host: str, expression: str) -> None:
        if expression not in ("none", "reset-after-hello", "html+html"):
            raise ValueError(f"There is no fault {expression!r}; allowed: …")
        for name in self.faults if host == "*" else [host]:
            self.faults[name] = expression

    def post(self, path: str, **more: Any) -> Seen:
        return self.get(path, method="POST", **{**HERE, **more})


class Switches(DemoCase):
    def test_the_state_tells_each_hosts_fault_and_what_could_be_wished(self) -> None:
        self.faults[HOST] = "html"
        seen = self.get("/demo/state")
        self.assertEqual(seen.json["hosts"][HOST], {"fault": "html"})
        self.assertEqual(seen.json["known"]["html"], "a portal page")
        self.assertEqual(seen.headers["cache-control"], "no-store")

    def test_a_fault_strikes_one_host(self) -> None:
        seen = self.post(
            f"/demo/fault?host={HOST}&fault=reset-after-hello", headers=SITE
        )
        self.assertEqual(seen.status, 200)
        self.assertEqual(seen.json["hosts"][HOST], {"fault": "reset-after-hello"})
        self.assertEqual(self.faults["api.tmdb.org"], "none")

    def test_whoever_watches_the_routes_is_told_of_each_change(self) -> None:
        self.post(f"/demo/fault?host={HOST}&fault=reset-after-hello")
        self.assertEqual(1, self.changes)
        self.post("/demo/fault?host=*&fault=nonsense")
        self.assertEqual(1, self.changes)
        self.post("/demo/heal")
        self.assertEqual(2, self.changes)

    def test_a_fault_without_a_host_strikes_all(self) -> None:
        self.post("/demo/fault?fault=reset-after-hello")
        self.assertEqual(set(self.faults.values()), {"reset-after-hello"})

    def test_joined_faults_may_be_written_with_a_bare_plus(self) -> None:
        self.assertEqual(self.post("/demo/fault?fault=html+html").status, 200)
        self.assertEqual(self.faults[HOST], "html+html")

    def test_healing_mends_every_host(self) -> None:
        self.faults = dict.fromkeys(self.faults, "html")
        self.assertEqual(self.post("/demo/heal").status, 200)
        self.assertEqual(set(self.faults.values()), {"none"})

    def test_a_parameter_that_nobody_knows_is_refused(self) -> None:
        """Without its host a fault would strike all of them."""
        for path, said in (
            (
                f"/demo/fault?hsot={HOST}&fault=html",
                "'hsot' is not a parameter of /demo/fault",
            ),
            ("/demo/fault?fault=html&for=3s", "allowed: host, fault"),
            (
                f"/demo/heal?host={HOST}",
                "'host' is not a parameter of /demo/heal; allowed: none",
            ),
        ):
            seen = self.post(path)
            self.assertEqual(seen.status, 400, path)
            self.assertIn(said, seen.json["status_message"])
        self.assertEqual(set(self.faults.values()), {"none"})

    def test_what_is_no_fault_is_400_and_says_what_is(self) -> None:
        for query, said in (
            ("", "fault is missing; allowed: none, reset-after-hello, html."),
            ("?fault=", "fault is missing"),
            ("?fault=x", "There is no fault 'x'; allowed"),
            ("?fault=html&fault=reset", "fault was given twice"),
        ):
            seen = self.post(f"/demo/fault{query}")
            self.assertEqual((seen.status, seen.json["status_code"]), (400, 47), query)
            self.assertIn(said, seen.json["status_message"])
        self.assertEqual(set(self.faults.values()), {"none"})

    def test_neither_strangers_nor_other_sites_pages_may_switch(self) -> None:
        for path in ("/demo/fault?fault=reset-after-hello", "/demo/heal"):
            stranger = self.post(path, peer="192.0.2.1")
            other = {"Origin": "https://evil.test.invalid"}
            self.assertEqual((stranger.status, stranger.json["status_code"]), (403, 38))
            self.assertEqual(self.post(path, headers=other).status, 403)
        self.assertEqual(set(self.faults.values()), {"none"})

    def test_a_containers_own_machine_may_switch_and_a_page_that_it_serves(
        self,
    ) -> None:
        app = {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-site"}
        for headers in ({}, app):
            seen = self.post("/demo/heal", headers=headers, **PUBLISHED)
            self.assertEqual(seen.status, 200, headers)

    def test_it_may_nothing_else(self) -> None:
        for method, path in (("GET", "/inside"), ("POST", "/act")):
            seen = self.get(path, method=method, **PUBLISHED)
            self.assertEqual(seen.status, 403, path)

    def test_under_another_name_nobody_of_its_network_may(self) -> None:
        for host, status in (
            ("172.17.0.2:3001", 403),
            ("rebound.test:3001", 421),
            ("streamr:3001", 421),
        ):
            asked = {**PUBLISHED, "host": host}
            self.assertEqual(self.post("/demo/heal", **asked).status, status, host)
        forwarded = {"X-Forwarded-For": "203.0.113.9"}
        seen = self.post("/demo/heal", headers=forwarded, **PUBLISHED)
        self.assertEqual(seen.status, 403)

    def test_reading_does_not_switch(self) -> None:
        seen = self.get("/demo/fault?fault=reset-after-hello", **HERE)
        self.assertEqual((seen.status, seen.headers["allow"]), (405, "POST, OPTIONS"))


class Readers(DemoCase):
    """Pages of other origins, where no CORS_ORIGINS name them, as in the image."""

    origins = ()

    def reads(self, origin: str) -> str | None:
        seen = self.get("/3/movie/550", headers={"Origin": origin})
        return seen.headers.get("access-control-allow-origin")

    def test_loopback_origins_may_read(self) -> None:
        for origin in ("http://localhost:5173", "http://127.0.0.1:4200"):
            self.assertEqual(origin, self.reads(origin))
            asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            seen = self.get("/3/movie/550", method="OPTIONS", headers=asked)
            self.assertIn(names.FAULT, seen.headers["access-control-allow-headers"])

    def test_others_may_not(self) -> None:
        for origin in ("https://evil.example", "null", "http://192.168.1.7:5173"):
            self.assertIsNone(self.reads(origin), origin)


class Elsewhere(SurfaceCase):
    """A daemon that is no demo."""

    origins = ()

    def test_a_loopback_origin_reads_nothing_that_was_not_named(self) -> None:
        seen = self.get("/3/movie/550", headers={"Origin": "http://localhost:5173"})
        self.assertNotIn("access-control-allow-origin", seen.headers)

    def test_there_is_no_page_of_the_demo(self) -> None:
        for path in ("/demo/state", "/demo/fault", "/demo/heal"):
            self.assertEqual(self.get(path, **HERE).status, 404, path)

    def test_there_is_nothing_to_switch(self) -> None:
        for path in ("/demo/fault?fault=html", "/demo/heal"):
            seen = self.get(path, method="POST", **HERE)
            self.assertEqual((seen.status, seen.headers["allow"]), SHUT, path)


SHUT = (405, "GET, HEAD, OPTIONS")
