"""What `streamr check` makes of its findings."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from streamr.commands.check import row, status, told, verdict
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
            ([UP, direct, good], Mark.OK, "usual route"),
            ([UP, direct, bad], Mark.WARNING, "a fallback does not"),
            ([UP, AROUND, good], Mark.WARNING, "another route"),
            ([UP, AROUND, bad], Mark.WARNING, "another route"),
            ([UP, DOWN, bad], Mark.FAILED, "streamr doctor"),
        ):
            told_mark, sentence = verdict(findings)
            self.assertEqual(told_mark, mark)
            self.assertIn(said, sentence)
        self.assertEqual(status([UP, direct, bad]), 0)

    def test_when_something_fails_the_next_step_is_named(self) -> None:
        self.assertIn("streamr doctor", verdict([DOWN])[1])

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
            },
        )
