"""The last faults: which route failed of what, and what was done about it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from streamr.boundaries import Exchange

# Enough to see a pattern, and one screen to read.
MOST_TROUBLES = 50
# TMDB's answers that mean trouble for every caller: the key, the country, the rate.
TELLING = (401, 403, 429)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault, or several alike in a row.

    `at` is wall-clock seconds of the last one. `failed` holds (route, cause) of each
    attempt that failed. `done` is what followed: "answered" (`by` names the route),
    "stored", "kept" (a renewal behind failed), "error" or "left".
    """

    at: float
    failed: tuple[tuple[str, str], ...]
    done: str
    by: str | None
    status: int
    ms: int
    template: str
    request_id: str
    count: int = 1

    def alike(self, other: Trouble) -> bool:
        """True when another one tells the same story."""
        return (self.failed, self.done, self.by, self.status) == (
            other.failed,
            other.done,
            other.by,
            other.status,
        )


class Troubles:
    """The last ones, newest first; those alike in a row are one with a count."""

    def __init__(self) -> None:
        self._kept: deque[Trouble] = deque(maxlen=MOST_TROUBLES)

    def add(self, trouble: Trouble) -> None:
        """Keep one more."""
        if self._kept and trouble.alike(self._kept[0]):
            trouble = replace(trouble, count=self._kept[0].count + 1)
            self._kept[0] = trouble
        else:
            self._kept.appendleft(trouble)

    def last(self) -> tuple[Trouble, ...]:
        """All that are kept, newest first."""
        return tuple(self._kept)


def trouble(exchange: Exchange, at: float) -> Trouble | None:
    """What an exchange tells of faults; None for one without any."""
    failed = _failed(exchange)
    if not failed:
        return None
    return Trouble(
        at=at,
        failed=failed,
        done=_done(exchange),
        by=exchange.outcome.source,
        status=exchange.status,
        ms=exchange.ms,
        template=exchange.template or "",
        request_id=exchange.request_id,
    )


def is_refused(exchange: Exchange) -> bool:
    """True when TMDB's answer means trouble for every caller."""
    return (
        exchange.outcome.answer is not None
        and exchange.outcome.answer.status in TELLING
    )


def _failed(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    # what a proxy tried stands in the proxy's own exchange
    ours = [each for each in exchange.outcome.attempts if not each.peer]
    failed = [(each.route, each.cause) for each in ours if each.cause is not None]
    if is_refused(exchange):
        failed.append((exchange.outcome.source or "", f"status_{exchange.status}"))
    elif not failed and exchange.outcome.fault is not None and not _left(exchange):
        failed.append(("", exchange.outcome.fault.cause.name))
    return tuple(dict.fromkeys(failed))


def _left(exchange: Exchange) -> bool:
    return exchange.outcome.left


def _done(exchange: Exchange) -> str:
    if _left(exchange):
        return "left"
    if exchange.outcome.from_store:
        return "stored"
    if exchange.outcome.answer is not None and not is_refused(exchange):
        return "answered"
    return "kept" if exchange.renewal else "error"
