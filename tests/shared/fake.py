"""An engine in memory, on the test's clock. That it does what Valkey and Redis do, is
held against a real one (tests/acceptance/test_engine_sockets.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from streamr.shared import scripts
from streamr.shared.engine import AGAIN
from streamr.shared.wire import MISSING, Word

# Its clock has nothing to do with anybody else's (seconds).
ENGINES_TIME = 1_700_000_000.0


class Server:
    """What all nodes reach; `down` is an engine that is not there, `refuses` one that
    runs no scripts, because it is full, or a replica."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.down = False
        self.refuses = False
        self.asked: list[tuple[Word, ...]] = []
        self.engines: list[FakeEngine] = []
        self.forget()

    def forget(self) -> None:
        """As after a restart without a disk."""
        self.data: dict[str, Any] = {}
        self.ends: dict[str, float] = {}

    def now(self) -> float:
        """Milliseconds."""
        return (ENGINES_TIME + self.clock.seconds()) * 1000

    def make(
        self,
        channel: str,
        pushed: Callable[[bytes], object],
        changed: Callable[[bool, str], object],
    ) -> FakeEngine:
        made = FakeEngine(self, channel, pushed, changed)
        self.engines.append(made)
        return made

    def stop(self, why: str = "Connection was refused") -> None:
        self.down = True
        for each in self.engines:
            each.lose(why)

    def start(self) -> None:
        self.down = False
        for each in self.engines:
            if each.running:
                each.find()

    def run(self, *command: Word) -> Any:
        """One command's reply."""
        self.asked.append(command)
        name, *rest = command
        if self.refuses and name == "EVAL":
            return MISSING
        return getattr(self, f"_{str(name).lower()}")(*rest)

    def get(self, key: str) -> Any:
        if self.ends.get(key, self.now() + 1) <= self.now():
            self.delete(key)
        return self.data.get(key)

    def put(self, key: str, value: Any, milliseconds: float | None = None) -> None:
        self.data[key] = value
        self.ends.pop(key, None)
        if milliseconds is not None:
            self.ends[key] = self.now() + milliseconds

    def delete(self, key: str) -> int:
        self.ends.pop(key, None)
        return int(self.data.pop(key, None) is not None)

    def publish(self, channel: str, news: str) -> None:
        for each in self.engines:
            if each.channel == channel and each.up:
                self.clock.callLater(0, each.pushed, news.encode())

    def _get(self, key: str) -> Any:
        return self.get(key)

    def _set(self, key: str, value: Word, *more: Word) -> Any:
        if "NX" in more and self.get(key) is not None:
            return None
        lasting = None
        if "PX" in more:
            lasting = float(more[more.index("PX") + 1])
        self.put(key, _bytes(value), lasting)
        return "OK"

    def _zrem(self, key: str, member: str) -> int:
        return int(self.data.get(key, {}).pop(member, None) is not None)

    def _eval(self, script: str, count: int, *rest: Any) -> Any:
        return _SCRIPTS[script](self, rest[:count], rest[count:])

    def keep(self, keys: Any, given: Any) -> int:
        (record, claim), (value, seconds, node, channel, name) = keys, given
        self.put(record, value, seconds * 1000)
        if self.get(claim) == node.encode():
            self.delete(claim)
        self.publish(channel, f"landed:{name}")
        return 1

    def claim(self, keys: Any, given: Any) -> int:
        (claim,), (node, milliseconds) = keys, given
        if self.get(claim) not in (None, node.encode()):
            return 0
        self.put(claim, node.encode(), milliseconds)
        return 1

    def pause(self, keys: Any, given: Any) -> int:
        (pause,), (milliseconds,) = keys, given
        if self.get(pause) is None or self.ends[pause] - self.now() < milliseconds:
            self.put(pause, b"1", milliseconds)
        return 1

    def free(self, keys: Any, given: Any) -> int:
        (claim,), (node, channel, name) = keys, given
        if self.get(claim) != node.encode():
            return 0
        self.delete(claim)
        self.publish(channel, f"landed:{name}")
        return 1

    def purge(self, keys: Any, given: Any) -> int:
        (number,), (what, most, channel) = keys, given
        count = int(self.get(number) or 0) + 1
        self.put(number, str(count).encode())
        log = [what.encode(), *(self.get(f"{number}:log") or [])][:most]
        self.put(f"{number}:log", log)
        self.publish(channel, f"purged:{count}")
        return count

    def purges(self, keys: Any, given: Any) -> list[Any]:
        (number, life), (name,) = keys, given
        if self.get(life) is None:
            self.put(life, name.encode())
        log = list(self.get(f"{number}:log") or [])
        return [self.get(life), int(self.get(number) or 0), log]

    def found(self, keys: Any, given: Any) -> int:
        (key,), (name, told, seconds, most, channel) = keys, given
        known = dict(self.get(key) or {})
        if told == "":
            found = int(known.pop(name.encode(), None) is not None)
            self.data[key] = known
            return found
        new = name.encode() not in known
        if new and len(known) >= most:
            return 0
        known[name.encode()] = _bytes(told)
        self.put(key, known, seconds * 1000)
        if new:
            self.publish(channel, "found")
        return 1

    def routes(self, keys: Any, _given: Any) -> list[bytes]:
        known = self.get(keys[0]) or {}
        return [part for pair in known.items() for part in pair]

    def beat(self, keys: Any, given: Any) -> list[Any]:
        (nodes, number, life), (node, seen, name) = keys, given
        now = int(self.now())
        known = self.get(nodes) or {}
        known[node] = now
        known = {n: at for n, at in known.items() if at > now - seen}
        self.put(nodes, known, seen * 4)
        if self.get(life) is None:
            self.put(life, name.encode())
        return [now, len(known), self.get(life), int(self.get(number) or 0)]

    def rate(self, keys: Any, given: Any) -> list[int]:
        (full_key, pause), (each, burst, longest) = keys, given
        if self.get(pause) is not None:
            return [2, int(self.ends[pause] - self.now())]
        now = self.now()
        full = max(float(self.get(full_key) or 0), now)
        if full > now + float(each) * burst + longest:
            full = now + float(each) * (burst - 1)
        wait = full - float(each) * (burst - 1) - now
        if wait > longest:
            return [0, _up(wait)]
        self.put(full_key, f"{full + float(each):.3f}".encode(), 60_000)
        return [1, max(0, _up(wait))]


_SCRIPTS = {
    scripts.KEEP: Server.keep,
    scripts.CLAIM: Server.claim,
    scripts.FREE: Server.free,
    scripts.PAUSE: Server.pause,
    scripts.PURGE: Server.purge,
    scripts.PURGES: Server.purges,
    scripts.FOUND: Server.found,
    scripts.ROUTES: Server.routes,
    scripts.BEAT: Server.beat,
    scripts.RATE: Server.rate,
}


def _up(number: float) -> int:
    return -int(-number // 1)


def _bytes(value: Word) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


class FakeEngine:
    """One node's connection (shared.engine.Engine): its calls are answered at once."""

    refused = ""

    def __init__(
        self,
        server: Server,
        channel: str,
        pushed: Callable[[bytes], object],
        changed: Callable[[bool, str], object],
    ) -> None:
        self.server = server
        self.channel = channel
        self.pushed = pushed
        self._changed = changed
        self.up = self.running = False

    def start(self) -> None:
        self.running = True
        if self.server.down:
            self._changed(False, "Connection was refused")
        else:
            self.find()

    def stop(self, *farewell: Word) -> None:
        if farewell:
            self.ask(*farewell)
        self.up = self.running = False

    def kill(self) -> None:
        """As of a process that is gone: nobody is told, and nobody looks for it."""
        self.up = self.running = False

    def drop(self, why: str) -> None:
        self.lose(why)
        self.server.clock.callLater(AGAIN, self._again)

    def _again(self) -> None:
        if self.running and not self.up and not self.server.down:
            self.find()

    def find(self) -> None:
        self.up = True
        self._changed(True, "")

    def lose(self, why: str = "lost") -> None:
        self.up = False
        self._changed(False, why)

    def ask(self, *command: Word) -> Deferred[object]:
        return succeed(self.server.run(*command) if self.up else MISSING)
