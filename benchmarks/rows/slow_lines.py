"""Row 20: slow lines, one question alone and twenty at once, beside plain curl."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.network.callers import AT_ONCE, Reply
from tests.network.lab import Lab
from tests.network.networks import Network

from ..bench import Table


def table() -> Table:
    """The empty table."""
    return Table(
        20,
        "Slow lines: one question, and 20 at once",
        "at least as many answers as curl within the same 8 s; the doctor accuses no "
        "network",
        [
            "kbit/s",
            "at once",
            "curl",
            "last s",
            "streamr",
            "last s",
            "connections",
            "handshakes",
            "doctor",
        ],
        notes=[
            "curl opens a connection for each question. streamr has just been started, "
            "with nothing learned; its own warm set comes with it. Connections and "
            "handshakes are what TMDB saw of streamr."
        ],
    )


def measure(lab: Lab, made: Table, network: Network) -> None:
    """One line: the doctor, curl, streamr, each for itself."""
    said = doctor(lab, network)
    for count in (1, AT_ONCE):
        lab.stop()
        lab.become(network)
        curl = lab.curl(lab.paths.fresh(count), at_once=True)
        lab.become(network)
        lab.streamr(f"{network.name}-{count}-{time.monotonic_ns()}")
        ours = lab.ask(lab.paths.fresh(count), at_once=True)
        hosts = lab.tmdb()["hosts"].values()
        made.add(
            network.kbit,
            count,
            *told(curl),
            *told(ours),
            sum(each["counts"]["accepted"] for each in hosts),
            sum(each["counts"]["handshakes"] for each in hosts),
            (", ".join(said) or "nothing wrong") if count == 1 else "",
        )
        made.judge(good(ours) >= good(curl))
    made.judge(set(said or [""]) <= set(network.doctor))
    lab.stop()


def doctor(lab: Lab, network: Network) -> list[str]:
    """Its verdicts, those that are notes as well."""
    lab.stop()
    lab.become(network)
    told = lab.doctor(STREAMR_STATE_DIR=str(lab.directory / "doctor"))
    return [each["code"] for each in told["verdicts"]]


def good(replies: Sequence[Reply]) -> int:
    """How many were answered."""
    return sum(each.good for each in replies)


def told(replies: Sequence[Reply]) -> tuple[str, str]:
    """How many were answered, and when the last of them was."""
    last = [each.seconds for each in replies if each.good]
    return f"{len(last)}", f"{max(last):.1f}" if last else "-"
