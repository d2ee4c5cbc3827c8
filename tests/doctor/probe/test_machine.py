"""What the doctor sees of the machine itself."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.probe.machine import families, gateway


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


class Gateway(SynchronousTestCase):
    """The first hop, as Linux has noted it."""

    def answers(self, route: str | None, arp: str) -> bool | None:
        folder = Path(self.mktemp())
        folder.mkdir()
        if route is not None:
            (folder / "route").write_text(f"Iface Destination Gateway\n{route}\n")
        (folder / "arp").write_text(f"IP-address HW-type Flags HW-address\n{arp}\n")
        return gateway(folder)

    def test_it_answers_unless_its_address_has_no_answer(self) -> None:
        hop = "0101A8C0" if sys.byteorder == "little" else "C0A80101"
        default = f"eth0 00000000 {hop}"
        for route, arp, answers in (
            (default, "192.168.1.1 0x1 0x2 02:42", True),
            (default, "192.168.1.1 0x1 0x0 00:00", False),
            (default, "192.168.1.9 0x1 0x0 00:00", None),
            (default, "", None),
            ("eth0 0001A8C0 00000000", "192.168.1.1 0x1 0x0 00:00", None),
            (None, "192.168.1.1 0x1 0x0 00:00", None),
        ):
            self.assertIs(answers, self.answers(route, arp), (route, arp))
