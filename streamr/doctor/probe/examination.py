"""The examination: from names to bodies, each step with its deadline, 30 s in all.

It reads only the wire. What it finds is an `Evidence`; what that means is the judge's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from streamr.boundaries import DIRECT as NO_EGRESS
from streamr.config.load import Found, Stock
from streamr.config.settings import Settings
from streamr.doctor.evidence import Evidence, House
from streamr.doctor.probe import machine
from streamr.doctor.probe.elsewhere import Elsewhere
from streamr.doctor.probe.http import Asker, Asking, gathered
from streamr.doctor.probe.run import Case, ProbeLimits
from streamr.doctor.probe.step_advice import Advising
from streamr.doctor.probe.step_dns import Names
from streamr.doctor.probe.step_http import Requests
from streamr.doctor.probe.step_line import Measuring
from streamr.doctor.probe.step_pictures import PictureStep
from streamr.doctor.probe.step_tcp import Addresses
from streamr.doctor.probe.step_tls import Arms
from streamr.doctor.probe.tcp_tls import MOST_AT_ONCE, Prober, policies
from streamr.doctor.probe.trials import Runner
from streamr.errors import SettingsError
from streamr.interfaces import Reactor
from streamr.upstream.resolve.cache import Find, RememberingResolver


class DoctorReactor(Reactor, IReactorThreads):
    """What an examination needs of its reactor: a daemon's, and its threads."""


class Examination:
    """One run of the doctor."""

    def __init__(
        self,
        reactor: DoctorReactor,
        stock: Stock,
        find: Find,
        by: str,
        *,
        given: Mapping[str, Find],
        second: Mapping[str, Find],
        second_over_tcp: Mapping[str, Find],
        nobody: Find | None = None,
        limits: ProbeLimits,
        wall: Callable[[], float] = time.time,
        tell: Callable[[str, str], None] = lambda _step, _text: None,
        inspect: Callable[[Settings, Iterable[Found]], House] = machine.inspect,
        gateway: Callable[[], bool | None] = machine.gateway,
    ) -> None:
        """`find` looks names up and `by` is its name; `given` are the other resolvers
        that the settings list; `second` are asked for what those cannot find, over TCP
        where UDP brings nothing. `nobody` asks where there is no resolver.
        `inspect` looks at this machine, in a thread, and `gateway` at its first hop.

        Raises SettingsError when a setting cannot be used.
        """
        settings = stock.settings
        if settings is None:
            raise SettingsError(list(stock.problems))
        profiles = policies(settings.tmdb_ca_file)
        self._reactor = reactor
        self._stock = stock
        self._inspector = inspect
        self._gateway = gateway
        self._case = case = Case(reactor, settings, limits, tell, wall)
        prober = Prober(reactor, profiles, limits.tcp, limits.tls)
        remembered = RememberingResolver(find, reactor)
        self._names = Names(
            case, reactor, find, by, given, second, second_over_tcp, nobody
        )
        self._addresses = Addresses(case, prober)
        self._arms = Arms(
            case, Runner(reactor, prober, case.lateness, MOST_AT_ONCE, limits.pause)
        )
        asking = Asking(reactor, case.lateness, wall, limits.http, limits.tls)
        asker = Asker(asking, settings, profiles, remembered)
        self._requests = Requests(case, asker, Elsewhere(asking, settings))
        self._advising = Advising(case, asker)
        self._measuring = Measuring(case, prober)
        self._pictures = PictureStep(case, self._names, prober)
        self._asking = asking

    async def run(self) -> Evidence:
        """Everything, or as much as there is time for."""
        self._case.begin()
        working = Deferred.fromCoroutine(self._work())
        try:
            await ended_or_late(working, self._case.limits.total, self._reactor)
        finally:
            self._case.end()
        return self._case.evidence()

    async def _work(self) -> None:
        """The steps, as a request meets them; this machine and the proxies beside."""
        inspecting = self._inspect()
        if NO_EGRESS in self._case.settings.egress:
            await self._go_directly()
        else:
            await self._ask_elsewhere()
        # only now has something been sent to the first hop
        self._case.house = replace(await inspecting, gateway=self._gateway())
        await self._advising.try_options()

    async def _go_directly(self) -> None:
        """As a request does that leaves from here; not where the settings do not. What
        leaves by somebody else is asked meanwhile, but on a slow line afterwards."""
        await self._names.look_up()
        await self._addresses.connect_own()
        await self._measuring.measure()
        elsewhere = None
        if self._case.slow:
            self._asking.be_patient()
        else:
            elsewhere = Deferred.fromCoroutine(self._look_beside())
        await self._addresses.check_own()
        await self._names.examine_others(self._addresses)
        await self._arms.compare_addresses()
        await self._arms.compare_profiles()
        await self._arms.compare_names(self._addresses)
        await self._names.ask_others(self._addresses)
        await self._requests.ask_tmdb()
        await (elsewhere or Deferred.fromCoroutine(self._look_beside()))

    async def _look_beside(self) -> None:
        """What is not TMDB's API at its own addresses, all at once."""
        await gathered((self._ask_elsewhere(), self._pictures.examine()))

    async def _ask_elsewhere(self) -> None:
        """Over the proxies of both kinds, all at once."""
        await gathered((self._requests.ask_proxies(), self._requests.ask_egresses()))

    def _inspect(self) -> Deferred[House]:
        return deferToThreadPool(
            self._reactor,
            self._reactor.getThreadPool(),
            self._inspector,
            self._case.settings,
            self._stock.found,
        )


def ended_or_late(
    working: Deferred[None], seconds: float, clock: IReactorTime
) -> Deferred[None]:
    """Fires when the work has ended, or is cancelled because its time is up."""
    done: Deferred[None] = Deferred()

    def late() -> None:
        done.callback(None)
        working.cancel()

    def ended(result: Failure | None) -> None:
        if not done.called:
            timer.cancel()
            done.callback(result)

    timer = clock.callLater(seconds, late)
    working.addBoth(ended)
    return done
