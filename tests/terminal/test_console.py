"""The look of the commands: for people on a terminal, plain everywhere else."""

import io
import json
import os
import re

from twisted.trial.unittest import SynchronousTestCase

from streamr.terminal import console
from streamr.terminal.findings import Mark

HEAD = ("route", "ms", "verdict")
ROWS = (("direct", 12, Mark.OK), ("proxy@127.0.0.1:5001", None, Mark.FAILED))


class Screen(io.StringIO):
    """A terminal that takes whatever comes."""

    def isatty(self) -> bool:
        return True


class Look(SynchronousTestCase):
    def printed(self, stream: io.StringIO, **environment: str) -> str:
        """The rows on a stream, under an environment with nothing else in it."""
        before = dict(os.environ)
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)
        os.environ.clear()
        os.environ.update({"TERM": "xterm-256color", **environment})
        console.show(console.console(stream), HEAD, ROWS)
        return stream.getvalue()

    def test_a_pipe_gets_one_plain_line_for_each_row(self) -> None:
        self.assertEqual(
            self.printed(io.StringIO()).splitlines(),
            [
                "route                 ms  verdict",
                "direct                12  ok",
                "proxy@127.0.0.1:5001   -  failed",
            ],
        )

    def test_a_pipe_stays_plain_under_force_color_and_columns(self) -> None:
        plain = self.printed(io.StringIO())
        forced = self.printed(io.StringIO(), FORCE_COLOR="1", COLUMNS="20")
        self.assertEqual(plain, forced)

    def test_a_terminal_gets_colour(self) -> None:
        self.assertIn("\x1b[32mok", self.printed(Screen()))
        self.assertIn("\x1b[1;31mfailed", self.printed(Screen()))

    def test_with_no_color_a_terminal_gets_none(self) -> None:
        text = self.printed(Screen(), NO_COLOR="1")
        self.assertNotIn("\x1b[3", text)
        self.assertIn("failed", text)

    def test_a_narrow_terminal_folds_and_loses_nothing(self) -> None:
        text = self.printed(Screen(), COLUMNS="24", NO_COLOR="1")
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 24)
        letters = "".join(text.split())
        for part in ("route", "direct", "12", "failed"):
            self.assertIn(part, letters)

    def test_every_verdict_is_a_word_of_its_own(self) -> None:
        stream = io.StringIO()
        for mark in Mark:
            console.console(stream).print(console.verdict(mark, "so it is"))
        self.assertEqual(
            stream.getvalue(),
            "ok: so it is\nwarning: so it is\nfailed: so it is\n",
        )

    def test_a_value_cannot_steer_the_terminal(self) -> None:
        stream = io.StringIO()
        console.show(console.console(stream), ("value",), [("\x1b[2J\x07[red]x[/]",)])
        self.assertIn("\\x1b[2J\\x07[red]x[/]", stream.getvalue())

    def test_a_letter_that_the_encoding_lacks_is_escaped(self) -> None:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        console.show(console.console(stream), ("value",), [("für",)])
        stream.seek(0)
        self.assertIn("f\\xfcr", stream.read())

    def test_numbers_stand_to_the_right_beside_gaps(self) -> None:
        made = console.table(("ms",), [(5,), (None,), (120,)])
        self.assertEqual(made.columns[0].justify, "right")
        self.assertEqual(console.table(("ms",), [(None,)]).columns[0].justify, "left")

    def test_json_is_never_coloured(self) -> None:
        screen = Screen()
        console.print_json({"served": 3}, screen)
        self.assertEqual(json.loads(screen.getvalue()), {"served": 3})
