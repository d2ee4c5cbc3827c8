"""The simulated TMDB, with titles that change while it is asked, and pages that may not
be kept for long.

    python -m benchmarks.changing --directory DIR    # and the simulator's options

SIGUSR1: from then on the films of `FILMS` and the series of `SERIES` have another
overview. What `/changes` says of a title may be kept for `BRIEFLY` seconds.
"""

from __future__ import annotations

import signal
from dataclasses import replace

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from streamr.simulator.__main__ import announce, parser
from streamr.simulator.faults.http import Scene
from streamr.simulator.hosts.api import Lookalike
from streamr.simulator.hosts.host import Host
from streamr.simulator.hosts.site import Answering, SimulatedRequest
from streamr.simulator.service import API_HOSTS, SimulatorService

FILMS, SERIES = (550, 680, 13), (1396, 1399)
# What is kept for the shortest time of all by streamr (seconds).
BRIEFLY = 30


class Brief(Lookalike):
    """A host of the API whose `/changes` may not be kept for long."""

    def scene(self, asked: SimulatedRequest) -> Deferred[Scene]:
        """The simulator's answer, with another lifetime."""
        scene = super().scene(asked)
        if asked.path.endswith("/changes"):
            return scene.addCallback(brief)
        return scene


def brief(scene: Scene) -> Scene:
    """The same for `BRIEFLY` seconds."""
    field = f"public, max-age={BRIEFLY}"
    return replace(scene, good=scene.good.but(cache_control=field))


class ChangingSimulator(SimulatorService):
    """A world in which a few titles can change."""

    def answering(self, host: Host) -> Answering:
        """Who answers for a host."""
        if host.name in API_HOSTS:
            return Brief(host, self.world, self.keys)
        return super().answering(host)

    def change(self) -> None:
        """Another overview for a few titles."""
        films = [self.world.movies[number] for number in FILMS]
        series = [self.world.series[number] for number in SERIES]
        for each in (*films, *series):
            each["overview"] = f"{each['overview']} And then it was changed."


def main() -> None:
    """Read the options and run."""
    options = parser().parse_args()
    service = ChangingSimulator(
        reactor,
        options.directory,
        keys=frozenset(options.key),
        control_port=options.control_port,
        seed=options.seed,
    )
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(service.change))
    announce(service)
    reactor.run()


if __name__ == "__main__":
    main()
