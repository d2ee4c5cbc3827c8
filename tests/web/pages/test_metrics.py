"""The page of the metrics, and what strangers' requests become in them."""

from __future__ import annotations

import gzip
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from streamr.observe.measures import OTHER, buckets
from streamr.observe.metrics import Metrics
from streamr.tmdb import catalogue
from streamr.web.access import Visit
from streamr.web.pages.metrics import metrics_page
from tests.support import call
from tests.web.api.test_resource import SurfaceCase

OPENED = "application/openmetrics-text; version=1.0.0"


class Page(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[str] = []
        self.page = metrics_page(self.expose)

    def expose(self, accept: str) -> tuple[bytes, str]:
        self.asked.append(accept)
        return b"# EOF\n", OPENED

    def visit(self, **headers: str) -> Visit:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return Visit([], call(), lambda name: given.get(name, ""), True)

    def test_the_scraper_chooses_the_format(self) -> None:
        page = self.page(self.visit(accept="anything"))
        self.assertEqual(self.asked, ["anything"])
        self.assertEqual(dict(page.headers)["Content-Type"], OPENED)
        self.assertEqual(dict(page.headers)["Cache-Control"], "no-store")

    def test_it_comes_gzipped_to_those_who_take_it(self) -> None:
        page = self.page(self.visit(accept_encoding="gzip"))
        self.assertEqual(dict(page.headers)["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(page.body), b"# EOF\n")
        self.assertEqual(self.page(self.visit()).body, b"# EOF\n")


class Strangers(SurfaceCase):
    def test_thousands_of_strange_requests_make_a_handful_of_series(self) -> None:
        chance = Random(4)
        for _request in range(2_000):
            noise = f"{chance.getrandbits(64):x}"
            method = chance.choice(("GET", "HEAD", "POST", "OPTIONS", "TRACE"))
            name = chance.choice(("Accept", "Authorization", "Streamr-Silent", noise))
            path = chance.choice(("/", "/3/", "/api/tmdb/", "/3/movie/550/")) + noise
            self.connect()
            self.send(f"{path}?{noise}={noise}", method=method, headers={name: noise})
        self.assertGreater(len(self.notes.exchanges), 1_400)
        metrics = Metrics(
            [each.template for each in catalogue.load().endpoints], buckets(8.0), {}
        )
        for exchange in self.notes.exchanges:
            metrics.note(exchange)
        found = {
            tuple(sample.labels.values())
            for family in metrics.registry.collect()
            for sample in family.samples
            if sample.name == "streamr_requests_total"
        }
        self.assertLessEqual({endpoint for _server, endpoint, *_rest in found}, {OTHER})
        self.assertLess(len(found), 5)
