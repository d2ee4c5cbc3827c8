"""The examination: from names to bodies, each step with its deadline, 30 s in all.

It reads only the wire. What it finds is an `Evidence`; what that means is the judge's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from streamr.config.load import Found, Stock
from streamr.config.settings import Settings
from streamr.doctor.evidence import Evidence, House
from streamr.doctor.probe import machine
from streamr.doctor.probe.http import Asker
from streamr.doctor.probe.run import Case, Limits
from streamr.doctor.probe.step_dns import Names
from streamr.doctor.probe.step_http import Requests
from streamr.doctor.probe.step_tcp import Addresses
from streamr.doctor.probe.step_tls import Arms
from streamr.doctor.probe.tcp_tls import Prober, policies
from streamr.doctor.probe.trials import Runner
from streamr.errors import SettingsError
from streamr.interfaces import Reactor
from streamr.upstream.resolve.cache import Find, RememberingResolver

# TMDB's CDN drops connections beyond some 20 from one address (docs/facts/tmdb.md,
# "Limits on requests and connections").
MOST_AT_ONCE = 12


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
        second: Mapping[str, Find],
        second_over_tcp: Mapping[str, Find],
        limits: Limits,
        wall: Callable[[], float] = time.time,
        tell: Callable[[str, str], None] = lambda _step, _text: None,
        inspect: Callable[[Settings, Iterable[Found]], House] = machine.inspect,
    ) -> None:
        """`find` looks names up and `by` is its name; `second` are other resolvers,
        which are asked over TCP where UDP brings nothing.
        `inspect` looks at this machine, in a thread.

        Raises SettingsError when a setting cannot be used.
        """
        settings = stock.settings
        if settings is None:
            raise SettingsError(list(stock.problems))
        profiles = policies(settings.tmdb_ca_file)
        self._reactor = reactor
        self._stock = stock
        self._inspector = inspect
        self._case = case = Case(reactor, settings, limits, tell, wall)
        prober = Prober(reactor, profiles, limits.tcp, limits.tls)
        remembered = RememberingResolver(find, reactor)
        self._names = Names(case, reactor, find, by, second, second_over_tcp)
        self._addresses = Addresses(case, prober)
        self._arms = Arms(
            case, Runner(reactor, prober, case.lateness, MOST_AT_ONCE, limits.pause)
        )
        self._requests = Requests(
            case,
            Asker(
                reactor,
                settings,
                profiles,
                remembered,
                case.lateness,
                wall,
                limits.http,
                limits.tls,
            ),
        )

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
        proxies = Deferred.fromCoroutine(self._requests.ask_proxies())
        await self._names.look_up()
        await self._addresses.connect_own()
        await self._addresses.check_own()
        await self._arms.compare_profiles()
        await self._arms.compare_names(self._addresses)
        await self._names.ask_others(self._addresses)
        await self._requests.ask_tmdb()
        await proxies
        self._case.house = await inspecting

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
