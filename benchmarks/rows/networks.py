"""Row 19: blocked networks, each by itself and combined, as they are on the wire.

streamr runs at home in the lab of `tests/network`; what it is given there is in the
table. Beside it plain curl takes the best route that exists among that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import median

from tests.network.callers import Reply
from tests.network.lab import Lab
from tests.network.networks import Network
from tests.network.oracle import PICTURE_HOSTS, Route, best

from ..bench import Table, say

ASKED = 20
# pictures, after these; all different
PICTURES = 6
# of the paths, those at the end: what worked is known by then
LEARNED = 10
# for curl to get through where half of the handshakes are reset
CURLS = 8
# the targets
FIRST_SECONDS, LEARNED_SECONDS, AGAIN_SECONDS = 1.0, 0.02, 60.0
# after the fault: how long direct is waited for, asking once in this long
LONGEST_WAIT, PAUSE = 120.0, 0.5
SHORT_FAULT = 20.0


@dataclass
class Found:
    """What was measured in one network. Times in seconds; None: not measured, or no
    answer."""

    network: Network
    replies: list[Reply] = field(default_factory=list)
    pictures: list[Reply] = field(default_factory=list)
    picture_curl: list[Reply] = field(default_factory=list)
    firsts: list[Reply] = field(default_factory=list)
    restarts: list[Reply] = field(default_factory=list)
    curl: list[Reply] = field(default_factory=list)
    again: float | None = None
    unverified: int = 0
    connected: dict[str, int] = field(default_factory=dict)
    said: list[str] | None = None
    log: str = ""

    @property
    def healed(self) -> bool:
        """All of the cold paths, where a verified route exists."""
        return good(self.replies) == len(self.replies)

    @property
    def shown(self) -> bool:
        """All pictures, where a verified route to their host exists."""
        return good(self.pictures) == len(self.pictures)

    @property
    def healable(self) -> bool:
        """Does a verified route exist, and TMDB answer over it?"""
        return self.network.tmdb == "none" and best(self.network) is not None

    @property
    def showable(self) -> bool:
        """The same of the picture host."""
        return self.network.tmdb == "none" and picture_route(self.network) is not None

    @property
    def learned(self) -> float | None:
        """The median once what works is known."""
        return middle(self.replies[-LEARNED:])

    @property
    def doctor(self) -> bool | None:
        """Did the doctor say what is wrong, and nothing else?"""
        if self.said is None:
            return None
        named = self.said or [""]
        return set(named) <= set(self.network.doctor)


def picture_route(network: Network) -> Route | None:
    """The first route that works there for pictures."""
    return best(network, PICTURE_HOSTS)


def pictures_alone(network: Network) -> bool:
    """Is their host blocked, and nothing else?"""
    usual = picture_route(network) == Route(*PICTURE_HOSTS)
    return best(network) == Route() and not usual


def good(replies: Sequence[Reply]) -> int:
    """How many are TMDB's, and whole."""
    return sum(each.good for each in replies)


def middle(replies: Sequence[Reply]) -> float | None:
    """The median time of the good ones."""
    times = [each.seconds for each in replies if each.good]
    return median(times) if times else None


def measure(lab: Lab, network: Network, *, starts: int, fault: float | None) -> Found:
    """All of one network. `fault` is how many seconds it lasts before it is lifted;
    None leaves that out."""
    lab.stop()
    lab.become(network)
    found, before = Found(network), lab.unverified()
    found.curl = lab.curl(lab.paths.fresh(CURLS))
    route = picture_route(network)
    if route is not None:
        found.picture_curl = lab.curl(lab.paths.pictures(PICTURES), route)
    for number in range(starts):
        state = f"{network.name[:80]}-{time.monotonic_ns()}-{number}"
        daemon = lab.streamr(state)
        replies = lab.ask(lab.paths.fresh(ASKED))
        found.firsts.append(replies[0])
        found.replies += replies
        found.pictures += lab.ask(lab.paths.pictures(PICTURES))
    found.log, found.connected = daemon.output, lab.connected()
    # before the fault is lifted: then it learns that direct works
    for _ in range(starts):
        lab.streamr(state)
        found.restarts += lab.ask(lab.paths.fresh(1))
    if fault is not None and network.name != "healthy":
        began = time.monotonic()
        found.again = direct_again(lab, began, fault)
        lab.become(network)
    found.unverified = lab.unverified() - before
    lab.stop()
    told = lab.doctor(STREAMR_STATE_DIR=str(lab.directory / "doctor"))
    found.said = [each["code"] for each in told["verdicts"] if each["direct"]]
    return found


def direct_again(lab: Lab, began: float, fault: float) -> float | None:
    """Seconds from the end of the fault until an answer came directly, or a picture
    where they alone are blocked; somebody asks all the time."""
    alone = pictures_alone(lab.network)
    fresh = lab.paths.pictures if alone else lab.paths.fresh
    while time.monotonic() < began + fault:
        lab.ask(fresh(1))
        time.sleep(PAUSE)
    lab.heal()
    healed = time.monotonic()
    while time.monotonic() < healed + LONGEST_WAIT:
        (reply,) = lab.ask(fresh(1))
        if reply.direct:
            return time.monotonic() - healed
        time.sleep(PAUSE)
    return None


def ms(seconds: float | None) -> str:
    """A time in milliseconds."""
    return "-" if seconds is None else f"{seconds * 1000:,.0f}"


def share(replies: Sequence[Reply]) -> str:
    """How many of these are good."""
    return f"{good(replies)} of {len(replies)}"


def times(replies: Sequence[Reply]) -> str:
    """Of each good one, in milliseconds."""
    return " ".join(ms(each.seconds if each.good else None) for each in replies)


def table() -> Table:
    """The empty table."""
    return Table(
        19,
        "Blocked networks",
        "every path answered and every picture whole wherever a verified route to its "
        "host exists among what was given; "
        "first answer p99 ≤ 1.0 s; what works once learned, also after a restart, at "
        "most 20 ms more than in the healthy network; direct again ≤ 60 s after the "
        "fault; no request to a server that is not TMDB; the doctor right in all",
        [
            "network, and what is given",
            "answered",
            "curl",
            "pictures",
            "pictures, curl",
            "first ms",
            "learned ms",
            "restarted ms",
            "curl ms",
            "direct again s",
            "doctor",
        ],
    )


def add(made: Table, found: Found) -> None:
    """One network's line, and what it means for the target by itself."""
    said = ", ".join(dict.fromkeys(found.said or [])) or "nothing wrong"
    made.add(
        found.network.name,
        share(found.replies),
        share(found.curl),
        share(found.pictures),
        share(found.picture_curl),
        times(found.firsts),
        ms(found.learned),
        times(found.restarts),
        ms(middle(found.curl)),
        "" if found.again is None else f"{found.again:.0f}",
        said if found.doctor else f"**{said}**",
    )
    if found.healable:
        made.judge(found.healed)
    if found.showable:
        made.judge(found.shown)
    if found.unverified:
        made.notes.append(
            f"{found.network.name}: {found.unverified} requests elsewhere"
        )
    made.judge(found.unverified == 0 and found.doctor is not False)
    if found.network.tmdb != "none":
        # TMDB itself has refused: nothing else is to be tried
        made.judge(not any(found.connected.values()))
    if found.again is not None:
        made.judge(found.again <= AGAIN_SECONDS)


def compare(made: Table, everything: Sequence[Found]) -> None:
    """What can be said only of all of them, with the healthy network as the measure."""
    healable = [each for each in everything if each.healable]
    firsts = sorted(reply.seconds for each in healable for reply in each.firsts)
    if firsts:
        last = firsts[int(0.99 * (len(firsts) - 1))]
        made.notes.append(
            f"First answers: p50 {ms(median(firsts))} ms, p99 {ms(last)} ms of "
            f"{len(firsts)} starts in networks with a verified route."
        )
        made.judge(last <= FIRST_SECONDS)
    healthy = next((each for each in healable if each.network.name == "healthy"), None)
    if healthy is None:
        return
    for each in healable:
        made.judge(later(each.learned, healthy.learned) <= LEARNED_SECONDS)
        again = later(middle(each.restarts), middle(healthy.restarts))
        made.judge(again <= LEARNED_SECONDS)


def later(seconds: float | None, usual: float | None) -> float:
    """How much later than usual; for ever where there was no answer."""
    return inf if seconds is None or usual is None else seconds - usual


def load() -> str:
    """How busy the machine is with everything."""
    return f"load {os.getloadavg()[0]:.1f}"


def keep(folder: Path, found: Found) -> None:
    """What shows why: the log, and what each caller was told."""
    folder.mkdir(parents=True, exist_ok=True)
    told = [
        f"{each.status} {each.seconds * 1000:.0f} ms {each.said}"
        for each in [*found.replies, *found.pictures, *found.restarts]
    ]
    name = found.network.name[:120]
    text = "\n".join([*told, "", found.log])
    (folder / f"{name}.txt").write_text(text)
    say(f"    {load()}")
