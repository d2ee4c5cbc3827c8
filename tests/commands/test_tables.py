"""What `streamr routes` and `streamr cache stats` make of a daemon's answer."""

import contextlib
import io
import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.commands.cache import PurgeOptions, StatsOptions
from streamr.commands.routes import RoutesOptions
from streamr.terminal.options import UsageError

ROUTE = {
    "route": "direct",
    "place": 2,
    "why": "open: a reset",
    "next_hop": "api.themoviedb.org",
    "breaker": "open",
    "state": "failing",
    "cause": "tls_reset",
    "at": "2026-11-22T12:00:00.000Z",
    "ms": 15,
    "usual_ms": None,
    "dimensions": {
        "host": "api.themoviedb.org",
        "profile": "modern",
        "family": "auto",
        "egress": "direct",
        "resolver": "system",
    },
    "served": 3,
    "failed": 5,
    "differs_in": [],
}
UNTRIED = {**ROUTE, "route": "modern@api.tmdb.org", "state": "untried", "cause": None}
LEFT_OUT = {"place": None, "why": "as listed"}
OVER_WARP = {
    **ROUTE,
    "route": "modern@api.themoviedb.org+via:warp",
    "dimensions": {**ROUTE["dimensions"], "egress": "warp", "resolver": "remote"},
    "usual_ms": 41,
}
ROUTES = {"main": [ROUTE], "proxy": [{**UNTRIED, "at": None, "ms": None, **LEFT_OUT}]}
STATS = {
    "entries": 3,
    "bytes": 2 * 1024 * 1024,
    "most_bytes": 64 * 1024 * 1024,
    "by_class": {"lists": 2, "details": 1},
    "by_state": {"stale": 1, "fresh": 2},
    "in_front": [],
}
PURGED = {"purged": 7, "in_front": []}


class Tables(SynchronousTestCase):
    def said(self, options: Any, answer: Any, *words: str) -> list[str]:
        """The lines that a command prints when the daemon answers this."""
        command = options()
        command.parseOptions(words)
        command.ask = lambda *_asked, **_more: answer
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(command.perform(), 0)
        return out.getvalue().splitlines()

    def test_a_route_is_a_row_with_its_state_breaker_and_cause(self) -> None:
        lines = self.said(RoutesOptions, ROUTES)
        self.assertEqual(
            [" ".join(line.split()) for line in lines],
            [
                "server next route state breaker cause ms usual ms served failed "
                "at (UTC) why it is next, or not",
                "main 2 direct failed open tls_reset 15 - 3 5 12:00:00 open: a reset",
                "proxy - modern@api.tmdb.org untried open - - - 3 5 - as listed",
            ],
        )

    def test_a_dimension_gets_a_column_where_routes_differ_in_it(self) -> None:
        lines = self.said(RoutesOptions, {"main": [ROUTE], "proxy": [OVER_WARP]})
        words = [line.split() for line in lines]
        self.assertEqual(
            words[0][:6], ["server", "next", "route", "egress", "resolver", "state"]
        )
        self.assertEqual(words[1][3:5], ["direct", "system"])
        self.assertEqual(words[2][3:5], ["warp", "remote"])

    def test_how_long_a_route_usually_takes_here_is_told(self) -> None:
        lines = self.said(RoutesOptions, {"proxy": [OVER_WARP]})
        self.assertEqual(lines[1].split()[6:8], ["15", "41"])

    def test_a_route_that_was_only_overtaken_is_not_called_failed(self) -> None:
        overtaken = {**ROUTE, "cause": "overtaken", "breaker": "closed"}
        lines = self.said(RoutesOptions, {"main": [overtaken]})
        self.assertEqual(
            lines[1].split()[2:6], ["direct", "overtaken", "closed", "overtaken"]
        )

    def test_stats_tell_size_classes_and_states_the_freshest_first(self) -> None:
        text = self.said(StatsOptions, STATS)
        self.assertEqual(text[0], "3 answers, 2.0 of 64 MB")
        words = [line.split()[:2] for line in text[1:] if line]
        self.assertEqual(
            words,
            [
                ["class", "answers"],
                ["details", "1"],
                ["lists", "2"],
                ["state", "answers"],
                ["fresh", "2"],
                ["stale", "1"],
            ],
        )

    def test_an_empty_cache_is_one_line(self) -> None:
        empty = {**STATS, "entries": 0, "bytes": 0, "by_class": {}, "by_state": {}}
        self.assertEqual(self.said(StatsOptions, empty), ["0 answers, 0.0 of 64 MB"])

    def test_a_purge_names_the_caches_in_front_that_will_be_told(self) -> None:
        purged = {"purged": 1, "in_front": ["varnish:6081", "api.cdn.example"]}
        self.assertEqual(
            self.said(PurgeOptions, purged, "--title", "movie/550"),
            [
                "1 answer deleted",
                "varnish:6081, api.cdn.example will be told to do the same: streamr "
                "cache stats shows what came of it",
            ],
        )

    def test_stats_tell_what_came_of_it(self) -> None:
        told = {"cache": "varnish:6081", "waiting": 1, "told": 2, "failed": 3}
        caches = [{**told, "trouble": "status 405"}, {**told, "trouble": ""}]
        lines = self.said(StatsOptions, {**STATS, "in_front": caches})[-3:]
        self.assertEqual(
            [" ".join(line.split()) for line in lines],
            [
                "cache in front purges waiting done failed trouble",
                "varnish:6081 1 2 3 status 405",
                "varnish:6081 1 2 3 -",
            ],
        )

    def test_a_title_that_is_none_is_refused(self) -> None:
        for title in ("550", "person/287", "movie/x"):
            error = self.assertRaises(
                UsageError, PurgeOptions().parseOptions, ["--title", title]
            )
            self.assertIn("movie/ID", str(error))

    def test_a_purge_tells_how_many(self) -> None:
        self.assertEqual(
            self.said(PurgeOptions, PURGED, "--all"), ["7 answers deleted"]
        )

    def test_with_json_the_answer_stays_what_it_was(self) -> None:
        for options, answer, words in (
            (RoutesOptions, ROUTES, ()),
            (StatsOptions, STATS, ()),
            (PurgeOptions, PURGED, ("--all",)),
        ):
            text = self.said(options, answer, *words, "--json")
            self.assertEqual(json.loads("\n".join(text)), answer)
