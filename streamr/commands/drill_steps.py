"""A drill: break the direct route of a demo, watch the fallback, heal.

direct answers ─► a fault ─► the fallback answers ─► healed ─► direct again ─► …

Breakers remember: after a fault the direct route comes back by a probe in the
background, some seconds later. The drill waits for it, with a deadline.
"""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from streamr.config.settings import Settings
from streamr.terminal.client import DIRECT, LISTS, ask_list, request
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.http import why

if TYPE_CHECKING:
    # its room loads Twisted
    from streamr.routing.report import ToldRoute

# What the field knows best: a handshake cut off, a silent one, a portal's page.
FAULTS = ("reset-after-hello", "silence-after-hello", "html")
# A breaker's first pause is 5 s and may vary by a fifth; a probe that came while the
# fault was on has doubled it.
BACK_SECONDS = 30.0
ASK_EVERY = 0.5
UNBROKEN, HEALED = "unbroken", "healed"
# On a busy machine a hedge may overtake a direct route that nothing is wrong with.
TRIES = 3

SignalHandler = Callable[[int, FrameType | None], object] | signal.Handlers


class NoDemo(Exception):
    """The server there is no demo: nothing can be broken, and nothing was changed."""


class CannotDrill(Exception):
    """The drill cannot begin, or not heal; the text says what helps."""


@dataclass(frozen=True, slots=True)
class Step:
    """A finding, and what was the matter when it was made."""

    phase: str
    finding: Finding


class RunningDemo:
    """A running demo, over HTTP. Its methods raise CannotDrill when it is gone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.where = f"{settings.host}:{settings.port}"

    def direct(self) -> tuple[str, str]:
        """The host of the direct route, and the fault it has now. Raises NoDemo."""
        try:
            hosts = self._json("/demo/state")["hosts"]
            host = str(self._routes()[0]["next_hop"])
            return host, str(hosts[host]["fault"])
        except (ValueError, LookupError, TypeError) as error:
            raise NoDemo(self.where) from error

    def is_back(self) -> bool:
        """Whether the breaker sends callers over the direct route."""
        direct = self._routes()[0]
        return bool(direct["route"] == DIRECT and direct["breaker"] == "closed")

    def ask(self, path: str) -> Finding:
        """One list, past the store."""
        return ask_list(self._settings, path)

    def switch(self, host: str, fault: str) -> None:
        """Replace a host's fault; "none" heals it."""
        query = urlencode({"host": host, "fault": fault})
        self._json(f"/demo/fault?{query}", "POST")

    def _routes(self) -> Sequence[ToldRoute]:
        routes: Sequence[ToldRoute] = self._json("/api/tmdb/health")["routes"]
        return routes

    def _json(self, path: str, method: str = "GET") -> Any:
        try:
            answer = request(self._settings, path, method=method)
        except (OSError, http.client.HTTPException) as error:
            raise CannotDrill(
                f"no demo answers at {self.where}: {why(error)}; start one with "
                "streamr demo, or name its port with --port"
            ) from error
        if method == "POST" and answer.status != http.client.OK:
            raise CannotDrill(f"{path} answered with status {answer.status}")
        return answer.json


class Drill:
    """One drill. `say` is told what is going on; time is handed in for tests."""

    def __init__(
        self,
        demo: RunningDemo,
        say: Callable[[str], object],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._demo = demo
        self._say = say
        self._now = now
        self._sleep = sleep
        self.steps: list[Step] = []

    def run(self) -> None:
        """Every fault once. Whatever happens, what it broke is healed.

        Raises NoDemo and CannotDrill.
        """
        host, fault = self._demo.direct()
        if fault != "none":
            raise CannotDrill(
                f"the direct route is already broken ({fault}); {self._by_hand()}"
            )
        self._say("the direct route, before any fault")
        for path in LISTS:
            self._note(UNBROKEN, self._direct(path), is_direct)
        for fault in FAULTS:
            with self._broken(host, fault):
                for path in LISTS:
                    self._note(fault, self._demo.ask(path), is_fallback)
            self._await_direct()

    def _direct(self, path: str) -> Finding:
        """What is found when the direct route should answer."""
        for _ in range(TRIES):
            found = self._demo.ask(path)
            if is_direct(found):
                break
        return found

    def _note(
        self, phase: str, found: Finding, as_it_should: Callable[[Finding], bool]
    ) -> None:
        mark = Mark.OK if as_it_should(found) else Mark.FAILED
        self.steps.append(Step(phase, replace(found, mark=mark)))

    @contextmanager
    def _broken(self, host: str, fault: str) -> Iterator[None]:
        """The direct route under a fault, which ends even when the drill does."""
        self._say(f"broken: {fault}")
        try:
            self._demo.switch(host, fault)
            yield
        finally:
            with undisturbed():
                self._heal(host)

    def _heal(self, host: str) -> None:
        try:
            self._demo.switch(host, "none")
        except CannotDrill as error:
            raise CannotDrill(f"not repaired: {error}; {self._by_hand()}") from error
        self._say("repaired")

    def _await_direct(self) -> None:
        """Until the direct route answers again: a breaker that is closed may still be
        in doubt of it, and send callers over another one."""
        self._say(f"waiting for the direct route, {BACK_SECONDS:.0f} s at most")
        began = self._now()
        found = self._once_back(began)
        while not is_direct(found) and self._now() - began < BACK_SECONDS:
            self._sleep(ASK_EVERY)
            found = self._once_back(began)
        waited = self._now() - began
        told = f"after {waited:.1f} s, {found.told}"
        self._note(HEALED, replace(found, told=told), is_direct)

    def _once_back(self, began: float) -> Finding:
        """What is found when the breaker is closed, or the waiting over."""
        while not self._demo.is_back() and self._now() - began < BACK_SECONDS:
            self._sleep(ASK_EVERY)
        return self._direct(LISTS[0])

    def _by_hand(self) -> str:
        return f"repair it with: curl -X POST http://{self._demo.where}/demo/heal"


def is_direct(found: Finding) -> bool:
    """Whether the direct route answered."""
    return found.mark is not Mark.FAILED and found.by == DIRECT


def is_fallback(found: Finding) -> bool:
    """Whether another route answered."""
    return found.mark is not Mark.FAILED and found.by not in (None, DIRECT)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not keep the healing from its end."""
    with handled(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def handled(handler: SignalHandler, *names: signal.Signals) -> Iterator[None]:
    """Signals meet a handler for a while, and then their own again."""
    before = {name: signal.signal(name, handler) for name in names}
    try:
        yield
    finally:
        for name, own in before.items():
            signal.signal(name, own)
