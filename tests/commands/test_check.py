"""What `streamr check` makes of its findings."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from streamr.commands.check import (
    explained,
    key_refused,
    row,
    status,
    told,
    verdict,
)
from streamr.routing.report import ToldRoute
from streamr.terminal.findings import Finding, Mark

UP = Finding("main", Mark.OK, "healthy")
AROUND = Finding("/api", Mark.WARNING, "20 results", "proxy@x/y", 60, "tls_reset")
DOWN = Finding("/api", Mark.FAILED, "502 No answer from TMDB")


class Verdict(SynchronousTestCase):
    def test_the_worst_finding_decides(self) -> None:
        for findings, mark, code in (
            ([UP], Mark.OK, 0),
            ([UP, AROUND], Mark.WARNING, 0),
            ([DOWN, AROUND, UP], Mark.FAILED, 1),
        ):
            self.assertEqual(verdict(findings)[0], mark)
            self.assertEqual(status(findings), code)

    def test_a_fallback_that_fails_is_a_warning_of_its_own(self) -> None:
        direct = Finding("/api", Mark.OK, "20 results", "direct", 60)
        good = Finding("fallback proxy@p", Mark.OK, "answers", "proxy@p", 9)
        bad = replace(good, mark=Mark.WARNING, by=None, cause="tls_reset")
        for findings, mark, said in (
            ([UP, direct, good], Mark.OK, "direct route"),
            ([UP, direct, bad], Mark.WARNING, "a fallback does not"),
            ([UP, AROUND, good], Mark.WARNING, "direct route fails"),
            ([UP, AROUND, bad], Mark.WARNING, "direct route fails"),
            ([UP, DOWN, bad], Mark.FAILED, "streamr doctor"),
        ):
            told_mark, sentence = verdict(findings)
            self.assertEqual(told_mark, mark)
            self.assertIn(said, sentence)
        self.assertEqual(status([UP, direct, bad]), 0)

    def test_a_refused_key_is_the_headline_with_its_cure(self) -> None:
        for code, words in (
            (7, "TMDB does not accept your key (status 401, code 7)"),
            (10, "TMDB has suspended your key (status 401, code 10)"),
        ):
            refused = replace(DOWN, status=401, code=code)
            for findings in ([UP, refused], [DOWN, AROUND, refused]):
                self.assertEqual(verdict(findings), (Mark.FAILED, words))
                found = key_refused(findings)
                assert found is not None
                self.assertIn("TMDB_API_KEY", found.heal)
        for code in (None, 34, 43):
            other = replace(DOWN, status=404, code=code)
            self.assertIsNone(key_refused([other]))

    def test_when_something_fails_the_next_step_is_named(self) -> None:
        self.assertIn("streamr doctor", verdict([UP, DOWN])[1])
        # the doctor does not look for a server that was never started
        refused = Finding("main", Mark.FAILED, "no answer; start it with streamr run")
        self.assertNotIn("doctor", verdict([refused])[1])

    def test_the_proxy_on_this_machine_is_named_without_its_address(self) -> None:
        for by, told_by in (
            ("proxy@127.0.0.1:5001/modern@api.tmdb.org", "proxy/modern@api.tmdb.org"),
            ("proxy@far.example/modern@api.tmdb.org",) * 2,
            ("direct", "direct"),
            (None, None),
        ):
            self.assertEqual(row(replace(AROUND, by=by))[3], told_by)

    def test_programs_get_the_same_words(self) -> None:
        self.assertEqual(
            told(AROUND),
            {
                "what": "/api",
                "mark": "warning",
                "told": "20 results",
                "by": "proxy@x/y",
                "ms": 60,
                "cause": "tls_reset",
                "breaker": None,
                "status": None,
                "code": None,
            },
        )


class Breaker(SynchronousTestCase):
    """Why nobody was sent over the direct route."""

    def routes(self, breaker: str, cause: str | None) -> list[ToldRoute]:
        told = ToldRoute(
            route="direct",
            place=None,
            why="",
            next_hop="api.themoviedb.org",
            dimensions={},
            breaker=breaker,
            state="failing",
            cause=cause,
            detail="",
            at=None,
            ms=0,
            usual_ms=None,
            served=0,
            failed=5,
            differs_in=[],
        )
        return [told]

    def test_an_open_breaker_is_named_with_what_opened_it(self) -> None:
        skipped = replace(AROUND, cause=None)
        failed = replace(skipped, mark=Mark.FAILED, by=None)
        for each in (skipped, failed):
            for state in ("open", "half-open"):
                (found,) = explained([each], self.routes(state, "tls_reset"))
                self.assertEqual(row(found)[5], f"breaker {state}: tls_reset")
                self.assertEqual(told(found)["cause"], "tls_reset")
                self.assertEqual(told(found)["breaker"], state)

    def test_what_is_explained_or_needs_no_cause_stays(self) -> None:
        good = Finding("/api", Mark.OK, "20 results", "direct", 60)
        silent = Finding("/api", Mark.FAILED, "no answer: timed out")
        kept = [UP, good, silent, AROUND]
        self.assertEqual(explained(kept, self.routes("open", "tls_reset")), kept)
        skipped = [replace(AROUND, cause=None)]
        self.assertEqual(explained(skipped, self.routes("closed", None)), skipped)
        self.assertEqual(explained(skipped, []), skipped)
