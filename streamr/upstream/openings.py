"""What opens connections on this machine's line to the internet, and what of it waits.

    ask ─► its turn, now or later ─► heard … ─► over: it stands, or has ended

A slow line is full of what we have sent ourselves long before anything comes back:
SYNs to an address that another attempt is asking already, and ClientHellos, which are
large. When each may go: policy/congestion.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

# When it may go: by what time it is, and since when those before it are silent.
Rule = Callable[[float, Collection[float]], float]


class Opening:
    """One of them: it waits for its turn, then it is unanswered, then it is `over`.

    `turn` fires when it may go, which may be at once; cancelling it gives it up.
    """

    def __init__(self, among: Openings, place: str, rule: Rule, asker: object) -> None:
        self._among = among
        self.place = place
        self.asker = asker
        self.rule = rule
        self.turn: Deferred[None] = Deferred(lambda _turn: self.over())

    def heard(self) -> None:
        """The other side has spoken, and has more to say."""
        self._among.heard(self)

    def over(self) -> None:
        """It has brought what it should, or has ended."""
        self._among.over(self)


class Openings:
    """Those of one line, in the order in which they came."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[Opening] = []
        self._unanswered: dict[Opening, float] = {}
        self._timer: IDelayedCall | None = None

    def unanswered(self, place: str, asker: object = None) -> list[float]:
        """Since when each of those that have gone to a place is silent; those of one
        asker alone, if there is one."""
        return [
            at
            for each, at in self._unanswered.items()
            if each.place == place and asker in (None, each.asker)
        ]

    def ask(self, place: str, rule: Rule, asker: object = None) -> Opening:
        """One more, which has its turn by this rule among those to the same place."""
        asking = Opening(self, place, rule, asker)
        self._waiting.append(asking)
        self.look()
        return asking

    def heard(self, opening: Opening) -> None:
        """Its silence counts anew."""
        if opening in self._unanswered:
            self._unanswered[opening] = self._clock.seconds()

    def over(self, opening: Opening) -> None:
        """It is answered, or has ended, wherever it was."""
        if opening in self._waiting:
            self._waiting.remove(opening)
        elif self._unanswered.pop(opening, None) is None:
            return
        self.look()

    def look(self) -> None:
        """Let go what may go now, and look again when the next one may."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        now = self._clock.seconds()
        times = {
            each: each.rule(now, self.unanswered(each.place)) for each in self._waiting
        }
        ready = [each for each, at in times.items() if at <= now]
        if ready:
            self._waiting.remove(ready[0])
            self._unanswered[ready[0]] = now
            ready[0].turn.callback(None)
            self.look()  # what has gone changes what may go
        elif times:
            self._timer = self._clock.callLater(min(times.values()) - now, self.look)
