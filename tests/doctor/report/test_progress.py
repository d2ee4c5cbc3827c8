"""Progress for a pipe and for a terminal."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.report.progress import ProgressLine


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Steps(SynchronousTestCase):
    """What is told."""

    def test_a_pipe_gets_each_step_once(self) -> None:
        stream = io.StringIO()
        progress = ProgressLine(stream)
        for text in ("1 handshake", "2 handshakes"):
            progress.tell("arms", text)
        progress.tell("http", "a.test")
        progress.stop()
        self.assertEqual("arms: 1 handshake\nhttp: a.test\n", stream.getvalue())

    def test_a_terminal_gets_one_line_that_changes(self) -> None:
        stream = Terminal()
        progress = ProgressLine(stream)
        progress.tell("arms", "1 handshake")
        progress.stop()
        self.assertIn("arms: 1 handshake", stream.getvalue())
        self.assertIn("\x1b", stream.getvalue())

    def test_nothing_is_shown_before_the_first_step(self) -> None:
        stream = Terminal()
        ProgressLine(stream).stop()
        self.assertEqual("", stream.getvalue())
