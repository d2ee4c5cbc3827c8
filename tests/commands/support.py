"""A command of the `streamr` program, called in a folder of its own."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr import cli


class CommandCase(SynchronousTestCase):
    """Nothing is set but where state is kept."""

    command = ""

    def setUp(self) -> None:
        before, place = dict(os.environ), Path.cwd()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.addCleanup(os.chdir, place)
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)
        os.environ.clear()
        os.environ["STREAMR_STATE_DIR"] = str(self.folder / "state")
        os.chdir(self.folder)

    def said(self, *words: str, **environment: str) -> tuple[object, str, str]:
        """Exit status, standard output and standard error."""
        os.environ.update(environment)
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            self.assertRaises(SystemExit) as caught,
        ):
            cli.main([self.command, *words])
        return caught.exception.code, out.getvalue(), err.getvalue()
