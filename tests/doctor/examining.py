"""What the tests of the doctor share: one examination within loopback."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from twisted.internet.task import deferLater

from streamr.config import load
from streamr.config.resolvers import resolver
from streamr.doctor.evidence import Evidence
from streamr.doctor.probe.examination import DoctorReactor, Examination
from streamr.doctor.probe.machine import inspect
from streamr.doctor.probe.run import ProbeLimits
from streamr.upstream.resolve import dns as dns_server
from tests.doctor.roads import Roads

# Loopback answers in milliseconds; what is silent for so long stays silent. A request
# has the whole time that it has in `streamr doctor`: the other process has to work for
# its answer, and what it gets of the processor the doctor cannot know. Everything else
# (tries, error rates, rounds) is as there.
LIMITS = ProbeLimits(
    dns=1.0, tcp=1.0, tls=1.5, http=5.0, arms=9.0, pause=0.0, total=26.0
)
# On a busy machine one of some hundred handshakes may take longer than the limit: the
# doctor says so, and that it means nothing.
CHANCE = {"tls_unclear"}


async def examine(
    reactor: DoctorReactor,
    found: Mapping[str, str],
    dns: str,
    state: Path,
    roads: Mapping[str, str] | None = None,
    internet: tuple[str, ...] = ("IPv4", "IPv6"),
    ahead: float = 0.0,
) -> Evidence:
    """What the doctor sees with these settings and this resolver, which is the first
    of those that they list.

    `internet` are the families for which the machine would have a route out, `ahead`
    is how far its clock would be ahead (seconds).
    """
    environment = {
        **found,
        "PORT": "0",
        "PROXY_PORT": "0",
        "STREAMR_STATE_DIR": str(state),
    }
    within = Roads(reactor, roads or {})
    where = resolver(dns)
    stock = load.take_stock({}, environment, needs_key=False)
    others = stock.settings.resolvers[1:] if stock.settings is not None else ()
    given = {
        each.name: dns_server.server(within, each.address, each.port, LIMITS.dns)
        for each in others
    }
    examination = Examination(
        within,
        stock,
        dns_server.server(within, where.address, where.port, LIMITS.dns),
        dns,
        given=given,
        second={},
        second_over_tcp={},
        limits=LIMITS,
        wall=lambda: time.time() + ahead,
        inspect=lambda *found: replace(inspect(*found), internet=internet),
        gateway=lambda: None,
    )
    evidence = await examination.run()
    await deferLater(reactor, 0)  # sockets that were just closed leave the reactor
    return evidence
