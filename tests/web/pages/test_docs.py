"""`/openapi.json` and `/docs` as they are served."""

from __future__ import annotations

import gzip
import json
import re
from urllib.parse import urljoin

from twisted.trial.unittest import SynchronousTestCase

from streamr.tmdb import catalogue
from streamr.web.access import Visit
from streamr.web.page import Page
from streamr.web.pages import docs
from streamr.web.pages.fixed import Fixed
from tests.support import call

ADDRESS = "http://127.0.0.1:8080"


def visit(prefix: str = "", **headers: str) -> Visit:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Visit([], call(), lambda name: given.get(name, ""), prefix=prefix)


class Pages(SynchronousTestCase):
    def setUp(self) -> None:
        self.pages = {
            row.path: row.handler for row in docs.rows(catalogue.load(), ADDRESS)
        }

    def ask(self, path: str, **headers: str) -> Page:
        page = self.pages[path](visit(**headers))
        assert isinstance(page, Page)
        return page

    def test_the_description_is_json(self) -> None:
        page = self.ask("/openapi.json")
        self.assertEqual("3.1.0", json.loads(page.body)["openapi"])
        self.assertIn("application/json", dict(page.headers)["Content-Type"])

    def test_each_page_can_be_kept_for_a_while_and_asked_again(self) -> None:
        for path in self.pages:
            headers = dict(self.ask(path).headers)
            self.assertEqual("public, max-age=300", headers["Cache-Control"])
            again = self.ask(path, if_none_match=headers["ETag"])
            self.assertEqual((304, b""), (again.status, again.body))
            self.assertEqual(200, self.ask(path, if_none_match='W/"other"').status)

    def test_each_page_comes_gzipped_to_those_who_take_it(self) -> None:
        for path in self.pages:
            plain, packed = self.ask(path), self.ask(path, accept_encoding="gzip")
            self.assertEqual("gzip", dict(packed.headers)["Content-Encoding"])
            self.assertIn("Accept-Encoding", dict(plain.headers)["Vary"])
            self.assertNotIn("Content-Encoding", dict(plain.headers))
            self.assertEqual(plain.body, gzip.decompress(packed.body))

    def test_a_page_is_made_once(self) -> None:
        made = []
        page = Fixed("text/plain", "no-cache", lambda: made.append(1) or b"text")
        for _ in range(3):
            page(visit(accept_encoding="gzip"))
            page(visit())
        self.assertEqual([1], made)

    def test_nothing_is_made_before_it_is_asked_for(self) -> None:
        def make() -> bytes:
            raise AssertionError("made too early")

        Fixed("text/plain", "no-cache", make)

    def test_the_page_allows_itself_nothing_but_its_own_files(self) -> None:
        headers = dict(self.ask("/docs").headers)
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        body = self.ask("/docs").body.decode()
        for path in ("docs.css", "docs.js"):
            self.assertIn(f'"{path}"', body)
            self.assertEqual(200, self.ask(f"/{path}").status)

    def test_every_address_of_ours_is_relative(self) -> None:
        body = self.ask("/docs").body.decode()
        found = re.findall(r' (?:href|src|action)="([^"]*)"', body)
        absolute = [each for each in found if each.startswith("/")]
        self.assertEqual([], absolute)
        self.assertIn("openapi.json", found)
        script = self.ask("/docs.js").body.decode()
        self.assertEqual([], re.findall(r"""["'`]/[a-z]""", script))

    def servers(self, prefix: str) -> str:
        page = self.pages["/openapi.json"](visit(prefix))
        self.assertIn("X-Forwarded-Prefix", dict(page.headers)["Vary"])
        [server] = json.loads(page.body)["servers"]
        return str(server["url"])

    def test_the_paths_begin_beside_the_description(self) -> None:
        for fetched in ("http://a/openapi.json", "https://b/tmdb/openapi.json"):
            asked = urljoin(fetched, f"{self.servers('')}/3/movie/550")
            self.assertEqual(fetched.replace("openapi.json", "3/movie/550"), asked)

    def test_or_below_the_path_that_a_reverse_proxy_names(self) -> None:
        for _ in range(2):
            self.assertEqual("/tmdb", self.servers("/tmdb"))
            self.assertEqual("/media/tmdb", self.servers("/media/tmdb"))
            self.assertEqual(".", self.servers(""))

    def test_nothing_of_anybody_elses_is_asked_for(self) -> None:
        body = self.ask("/docs").body.decode()
        for forbidden in (" style=", "<style", " onclick=", 'src="http', "<script>"):
            self.assertNotIn(forbidden, body)

    def test_the_examples_ask_the_address_of_this_server(self) -> None:
        self.assertIn(f"curl -s {ADDRESS}/3/movie/550", self.ask("/docs").body.decode())
