"""The listening sockets that a supervisor passes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.net.inherited import passed

ROOT = Path(__file__).resolve().parents[2]
PID = 4711
TWO = {"LISTEN_PID": str(PID), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "proxy:main"}


class Inherited(SynchronousTestCase):
    """What the environment says."""

    def test_the_names_belong_to_descriptors_from_three_on(self) -> None:
        self.assertEqual(passed(TWO, PID), (("proxy", 3), ("main", 4)))

    def test_what_has_no_name_is_unknown_and_takes_nobody_elses(self) -> None:
        for names, found in (
            (":main", ("unknown", "main")),
            ("main", ("main", "unknown")),
            ("", ("unknown", "unknown")),
        ):
            given = passed({**TWO, "LISTEN_FDNAMES": names}, PID)
            self.assertEqual(tuple(name for name, _ in given), found)

    def test_what_is_for_another_process_or_no_number_is_nothing(self) -> None:
        for other in (
            {**TWO, "LISTEN_PID": "1"},
            {**TWO, "LISTEN_FDS": "0"},
            {**TWO, "LISTEN_FDS": "two"},
            {},
        ):
            self.assertEqual(passed(other, PID), ())

    def test_it_is_read_before_twisted_deletes_it(self) -> None:
        # whichever module of ours is the first one
        look = (
            "import os; os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1',"
            "LISTEN_FDNAMES='main'); import streamr.service, streamr.net.inherited;"
            "print(streamr.net.inherited.SOCKETS, os.environ.get('LISTEN_FDS'))"
        )
        told = subprocess.run(
            [sys.executable, "-c", look], capture_output=True, cwd=ROOT
        )
        self.assertEqual(told.stdout.decode(), "(('main', 3),) None\n", told.stderr)
