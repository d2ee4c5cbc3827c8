"""streamr.service: what is done to the process around the daemon."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from streamr.service import spare_the_collector


class SpareTheCollectorTests(SynchronousTestCase):
    def test_what_lives_as_long_as_the_process_is_looked_through_no_more(self) -> None:
        self.addCleanup(gc.unfreeze)
        before = gc.get_freeze_count()

        spare_the_collector()

        self.assertGreater(gc.get_freeze_count(), before)
