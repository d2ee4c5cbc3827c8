"""The live page: server-sent events to a bounded number of listeners.

One timer runs while somebody listens. Each second the parts of the page are painted
anew, and those that look different are sent, once painted for all. A listener who
does not keep up misses events instead of heaping them up, and gets all parts next time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from streamr.errors import Envelope, Refusal
from streamr.web.access import Feed, Stop, Write

# A page for each person of a team and a screen on the wall; each takes up to 20 kB/s,
# and 50 kB/s while a dozen of the proxy's routes are in use.
MOST_LISTENERS = 20
EVERY = 1.0
# Nothing changes on an idle daemon; proxies cut what is silent for a minute.
HEARTBEAT = 15.0
# How soon a page asks again after the daemon was restarted, in milliseconds.
RETRY_MS = 2000
HEADERS = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-store"),
    # nginx would collect the events before it hands them on
    ("X-Accel-Buffering", "no"),
)

Parts = dict[str, str]


@dataclass(eq=False, slots=True)
class _Listener:
    write: Write
    finish: Callable[[], None]
    whole: bool = field(default=True)


class Live:
    """Those who listen, and what they were last shown."""

    def __init__(self, paint: Callable[[], Parts], clock: IReactorTime) -> None:
        self._paint = paint
        self._clock = clock
        self._listeners: list[_Listener] = []
        self._shown: Parts = {}
        self._said_at = 0.0
        self._timer: IDelayedCall | None = None
        self._ended = False

    def __len__(self) -> int:
        return len(self._listeners)

    def feed(self) -> Feed:
        """An answer for one more listener. Raises Refusal when there are enough."""
        if self._is_full():
            raise Refusal(
                503,
                Envelope.OFFLINE,
                f"Too many listeners: {MOST_LISTENERS} pages are already live; ask "
                "/status.json instead.",
            )
        return Feed(HEADERS, self._begin)

    def end(self) -> None:
        """The daemon stops: every listener's answer ends, and none begins again."""
        self._ended = True
        self._rest()
        for listener in list(self._listeners):
            listener.finish()

    def show(self) -> None:
        """Paint now, for those who listen: something has just changed."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
            self._tick()

    def _is_full(self) -> bool:
        return self._ended or len(self._listeners) >= MOST_LISTENERS

    def _begin(self, write: Write, finish: Callable[[], None]) -> Stop:
        if self._is_full():  # by now
            finish()
            return lambda: None
        listener = _Listener(write, finish)
        self._listeners.append(listener)
        write(f"retry: {RETRY_MS}\n\n".encode())
        if self._timer is None:
            self._tick()
        else:
            self._send_whole(listener)

        def stop() -> None:
            self._listeners.remove(listener)
            if not self._listeners:
                self._rest()

        return stop

    def _rest(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _tick(self) -> None:
        self._timer = self._clock.callLater(EVERY, self._tick)
        painted = self._paint()
        changed = {
            name: part
            for name, part in painted.items()
            if self._shown.get(name) != part
        }
        self._shown = painted
        now = self._clock.seconds()
        silent = now - self._said_at >= HEARTBEAT
        if changed or silent:
            self._said_at = now
        said = _event(changed) if changed else b": still here\n\n" if silent else b""
        for listener in list(self._listeners):
            if listener.whole:
                self._send_whole(listener)
            elif said:
                listener.whole = not listener.write(said)

    def _send_whole(self, listener: _Listener) -> None:
        listener.whole = not listener.write(_event(self._shown))


def _event(parts: Parts) -> bytes:
    return b"event: paint\ndata: " + json.dumps(parts).encode() + b"\n\n"
