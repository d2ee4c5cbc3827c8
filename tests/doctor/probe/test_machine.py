"""What the doctor sees of the machine itself."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.probe.machine import families


class Families(SynchronousTestCase):
    """For which address families there is a route."""

    def test_a_family_counts_only_when_the_system_knows_a_route(self) -> None:
        # no program may connect to the broadcast address unasked, network or none
        found = families(
            {
                "near": (socket.AF_INET, "127.0.0.1"),
                "nowhere": (socket.AF_INET, "255.255.255.255"),
            }
        )
        self.assertEqual(("near",), found)
