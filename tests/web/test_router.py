"""The table of a server's own pages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.web.access import Visit, Who
from streamr.web.page import Page, json_page
from streamr.web.router import CHANGE, READ, Router, Row


def answer(_visit: Visit) -> Page:
    return json_page(200, {})


class Table(SynchronousTestCase):
    def setUp(self) -> None:
        self.exact = Row("/posters/all", answer)
        self.below = Row("/posters/", answer, below=True)
        self.act = Row("/act", answer, CHANGE, Who.OPERATORS)
        self.router = Router([self.below, self.exact, self.act])

    def test_a_path_has_its_own_row_before_that_of_its_prefix(self) -> None:
        for path, row in (
            ("/posters/all", self.exact),
            ("/posters/a.jpg", self.below),
            ("/posters/", self.below),
            ("/posters", None),
            ("/act", self.act),
            ("/act/more", None),
            ("/", None),
        ):
            self.assertIs(self.router.find(path), row, path)

    def test_a_page_is_read_by_callers_unless_it_says_otherwise(self) -> None:
        self.assertEqual((self.exact.methods, self.exact.who), (READ, Who.CALLERS))

    def test_what_reveals_or_changes_something_is_read_under_our_names(self) -> None:
        for row, ours in (
            (Row("/a", answer), False),
            (Row("/a", answer, reveals=True), True),
            (Row("/a", answer, who=Who.OPERATORS), True),
            (Row("/a", answer, who=Who.PLAYERS), True),
            (Row("/a", answer, who=Who.EVERYBODY), False),
        ):
            self.assertIs(row.under_our_names, ours)
            self.assertFalse(row.probe)

    def test_a_method_that_no_page_takes_is_known(self) -> None:
        for method, taken in (("GET", True), ("HEAD", True), ("POST", True)):
            self.assertIs(self.router.takes(method), taken, method)
        self.assertFalse(self.router.takes("DELETE"))
        self.assertFalse(Router([self.exact]).takes("POST"))

    def test_metrics_name_every_path(self) -> None:
        self.assertEqual(self.router.paths, ("/posters/", "/posters/all", "/act"))

    def test_a_path_that_stands_twice_is_a_mistake(self) -> None:
        again = Row("/posters/all", answer)
        prefix = Row("/posters/", answer, below=True)
        for rows in (
            [self.exact, again],
            [self.below, prefix],
            # beside others of either kind, too
            [self.exact, again, self.below],
            [self.below, prefix, self.exact, self.act],
        ):
            self.assertRaises(ValueError, Router, rows)

    def test_a_path_may_have_a_page_of_its_own_and_be_a_prefix(self) -> None:
        own = Row("/posters/", self.act.handler)
        router = Router([own, self.below])
        self.assertIs(router.find("/posters/"), own)
        self.assertIs(router.find("/posters/a"), self.below)
