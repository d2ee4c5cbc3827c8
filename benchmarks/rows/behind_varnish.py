"""Row 31: Varnish in front of a fleet: what is left for streamr, and what a purge does.

The calls come at a fixed rate, so that what Varnish may not keep follows from when each
page is asked for and how long it may be kept: `reaching`.
"""

from __future__ import annotations

import asyncio
import math
import re
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from streamr.tmdb.tags import of_path
from tests.acceptance.test_caches_in_front_sockets import varnish

from ..bench import Bench, BenchOptions, Table, opened, span
from ..changing import BRIEFLY, FILMS, SERIES
from ..client import LoadClient, Worth
from ..cost import entered
from ..fleet import NODES, UNPACED, Fleet, fleet
from ..load import Sample, Samples, at_rate
from ..oracle import Oracle
from ..paths import MOVIES, zipf
from ..peers import STREAMR
from ..processes import ROOT, Child, free_ports

DETAILS, CHANGES, MISSING = "details", "changes", "404"
TITLES, ABSENT, RATE = 476, 10, 100.0
# For how long each may be kept (seconds): details for longer than this takes.
LIFETIMES = {DETAILS: math.inf, CHANGES: BRIEFLY, MISSING: 0}
# What metrics call them.
ENDPOINTS = {
    "/movie/{movie_id}": DETAILS,
    "/tv/{series_id}": DETAILS,
    "/movie/{movie_id}/changes": CHANGES,
}
# The ids of those that there are not, from this one on.
NOBODY = 990_000_000
# From so many seconds after a purge on, nothing old may come.
SOON = 1.0
PURGED = [*(f"movie/{each}" for each in FILMS), *(f"tv/{each}" for each in SERIES)]
_TOLD = re.compile(r"^(\S+Z) .* the cache in front \S+ has dropped (\S+)$", re.M)
_ASKED = re.compile(
    r'^streamr_requests_total\{endpoint="([^"]*)",server="streamr-main",'
    r'source="[^"]*",status="([^"]*)"\} (\S+)$',
    re.M,
)


@dataclass(slots=True)
class Purged:
    """When each title was purged, and when Varnish was told, in seconds of
    `time.perf_counter`; and what was right before it and after."""

    at: dict[str, float] = field(default_factory=dict)
    told: dict[str, list[float]] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def when(self, path: str) -> float:
        """When what this path answers was purged; never is infinitely late."""
        return self.at.get(title_of(path), math.inf)

    def is_old(self, sample: Sample) -> bool:
        """Whether it got what was right before the change."""
        old = self.before.get(sample.path)
        return sample.path in self.after and sample.reply.judge(old) is Worth.GOOD

    def is_good(self, sample: Sample) -> bool:
        """Whether it got what is, or was, right."""
        if kind_of(sample.path) == MISSING:
            return sample.reply.status == 404 and not sample.reply.problem
        known = (self.before.get(sample.path), self.after.get(sample.path))
        return any(sample.reply.judge(each) is Worth.GOOD for each in known)


async def measure(options: BenchOptions) -> Table:
    """The replay, and in the middle of it the purge."""
    count = options.pick(6_000, 1_500)
    pages = TITLES + len(MOVIES) + ABSENT
    table = Table(
        31,
        f"Behind Varnish, {NODES} nodes: {pages} pages, {count:,} calls, and a purge",
        "streamr is asked only for what Varnish may not keep; no old answer "
        f"{SOON:.0f} s after a purge",
        [
            *("pages", "calls", "asked of streamr", "what Varnish may not keep"),
            *("old after the purge", "good", "p50 / p99 ms"),
        ],
    )
    with opened(options, module="benchmarks.changing") as bench:
        calls = await replay(bench, count)
        [port] = free_ports(1)
        settings = {
            **UNPACED,
            "STREAMR_TAGS": "surrogate-key",
            "STREAMR_PURGE_URL": f"BAN http://127.0.0.1:{port}/",
        }
        async with fleet(bench, **settings) as made, in_front(made, port) as front:
            bench.simulator.reset_counts()
            before = asked(made)
            began = time.perf_counter()
            asking = asyncio.ensure_future(at_rate(front, bench.oracle, calls, RATE))
            await asyncio.sleep(count / RATE / 2)
            purged = await changed(bench, made)
            samples = await asking
            # what Varnish fetches in the background has come by then
            await asyncio.sleep(SOON)
            after, upstream = asked(made), bench.simulator.requests()
            purged.told = told(made.nodes[0].child.output)
    reached = {kind: after[kind] - before[kind] for kind in after}
    report(table, began, samples, purged, reached)
    table.notes.append(
        f"Varnish with deploy/varnish.vcl, HAProxy behind it, {NODES} nodes with a "
        f"shared tier behind that; {RATE:.0f} calls a second. What Varnish may not "
        "keep follows from when each page is asked for: the first call for it, and "
        "the first after each time that Varnish is told of a purge, which is twice; "
        f"every 404; of /changes, which streamr keeps for {BRIEFLY} s, whatever comes "
        "when less than a second of them is left, and one answer that is stale itself "
        f"while streamr renews it. TMDB has had {upstream * 1000 / count:.0f} requests "
        "per 1,000 calls."
    )
    return table


def report(
    table: Table,
    began: float,
    samples: Samples,
    purged: Purged,
    reached: Mapping[str, int],
) -> None:
    """A line for each kind of page, and one for all."""
    derived = unkept(began, samples, purged)
    olds = [old for old in samples.all if purged.is_old(old)]
    for kind in (*LIFETIMES, "all"):
        some = samples.of(lambda one, kind=kind: kind in (kind_of(one.path), "all"))
        late = [
            one
            for one in some.all
            if began + one.due + one.late >= purged.when(one.path) + SOON
        ]
        old = sum(purged.is_old(one) for one in late)
        good = sum(purged.is_good(one) for one in some.all)
        kinds = list(LIFETIMES) if kind == "all" else [kind]
        streamr = sum(reached[each] for each in kinds)
        may_not = sum(derived[each] for each in kinds)
        table.add(
            *(kind, len(some.all), streamr, may_not, f"{old} of {len(late)}"),
            *(f"{good / len(some.all):.2%}", span(some)),
        )
        table.judge(streamr <= may_not and not old and good == len(some.all))
    last = max(began + one.due + one.late - purged.when(one.path) for one in olds)
    table.notes.append(
        f"{len(PURGED)} titles change in the middle, and each is purged at one node, "
        f"with `streamr cache purge --title {PURGED[0]}` and the like. Old after the "
        f"purge: of the calls for these titles from {SOON:.0f} s after the command had "
        f"ended. The last old answer was asked for {last * 1000:+.0f} ms from the end "
        "of the command."
    )


def unkept(began: float, samples: Samples, purged: Purged) -> dict[str, int]:
    """How many calls Varnish has to hand on, for each kind of page."""
    times: dict[str, list[float]] = {}
    for one in samples.all:
        times.setdefault(one.path, []).append(began + one.due + one.late)
    counts = dict.fromkeys(LIFETIMES, 0)
    for path, asked_at in times.items():
        kind, drops = kind_of(path), purged.told.get(title_of(path), ())
        counts[kind] += reaching(sorted(asked_at), LIFETIMES[kind], drops)
    return counts


def reaching(times: Iterable[float], lifetime: float, told: Iterable[float]) -> int:
    """How many of a page's calls, in order, a cache in front has to hand on.

    `lifetime` is for how long streamr keeps it, and `told` when the cache was told of a
    purge, all in seconds. streamr itself drops it the first time only. A cache may keep
    an answer for the whole seconds that are left of its lifetime.
    """
    made = until = -math.inf
    count = 0
    drops = [*told]
    purged = drops[0] if drops else math.inf
    for at in times:
        if purged <= at:
            made, purged = -math.inf, math.inf
        while drops and drops[0] <= at:
            until = -math.inf
            drops.pop(0)
        if at < until:
            continue
        count += 1
        left = lifetime
        if made == -math.inf:
            made = at
        elif at - made < lifetime:
            left = lifetime - (at - made)
        else:
            # it is stale, and new for whoever comes next
            made, left = at, 0
        until = at + (left if left == math.inf else max(0, math.ceil(left) - 1))
    return count


async def replay(bench: Bench, count: int) -> list[str]:
    """Calls over details, over pages that are kept briefly and over some that there are
    not, popular and rare ones of each."""
    details = await bench.titles(TITLES)
    changes = [f"/3/movie/{number}/changes" for number in MOVIES]
    await bench.oracle.learn(changes)
    absent = [f"/3/movie/{NOBODY + number}" for number in range(ABSENT)]
    # nobody judges these by what they hold
    bench.oracle.known.update(dict.fromkeys(absent))
    pages = details
    for few in (changes, absent):
        step = len(pages) // len(few)
        for place, path in enumerate(few):
            pages.insert(place * step + step // 4, path)
    return zipf(pages, count, bench.options.seed)


@asynccontextmanager
async def in_front(made: Fleet, port: int) -> AsyncIterator[LoadClient]:
    """HAProxy in front of the nodes and Varnish in front of that: who asks it."""
    haproxy = await made.behind_haproxy()
    assert made.front is not None
    place = entered(made.bench.directory, "varnish")
    command = varnish(place, port, f"127.0.0.1:{made.front.port}")
    child = Child(command, place / "varnish.log", {"HOME": str(place)})
    front = LoadClient(port)
    try:
        await asyncio.to_thread(child.wait_for_port, port)
        # until its probe has seen a node, it answers 503
        while (await front.get("/readyz")).status != 200:
            child.check()
            await asyncio.sleep(0.02)
        yield front
    finally:
        front.close()
        await asyncio.to_thread(child.stop)
        await asyncio.to_thread(haproxy.stop)


async def changed(bench: Bench, made: Fleet) -> Purged:
    """Let a few titles change, and purge them at one node."""
    purged = Purged(before=dict(bench.oracle.known))
    bench.simulator.child.process.send_signal(signal.SIGUSR1)
    paths = [each for each in purged.before if title_of(each) in PURGED]
    fresh = Oracle(bench.simulator)
    while (await once(fresh, paths[0])) == purged.before[paths[0]]:
        await asyncio.sleep(0.02)
    await fresh.learn(paths)
    purged.after = fresh.known
    same = [each for each in paths if purged.after[each] == purged.before[each]]
    if same:
        raise RuntimeError(f"these have not changed: {same}")
    state = made.places[0].directory
    for title in PURGED:
        command = [str(STREAMR), "cache", "purge", "--title", title]
        await ended(*command, "--state-dir", str(state))
        purged.at[title] = time.perf_counter()
    return purged


def told(log: str) -> dict[str, list[float]]:
    """When Varnish has dropped each title, as a node's log has it."""
    names = {of_path(title): title for title in PURGED}
    ahead = time.time() - time.perf_counter()
    found: dict[str, list[float]] = {}
    for at, tag in _TOLD.findall(log):
        moment = datetime.fromisoformat(at).timestamp() - ahead
        found.setdefault(names[tag], []).append(moment)
    return found


async def once(oracle: Oracle, path: str) -> Any:
    """What TMDB says now."""
    oracle.known.clear()
    await oracle.learn([path])
    return oracle[path]


async def ended(*command: str) -> None:
    """Run a command to its end. Raises RuntimeError when it fails."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, *command),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)}: {said.decode()[-1000:]}")


def asked(made: Fleet) -> dict[str, int]:
    """How many requests all nodes have answered, for each kind of page."""
    counts = dict.fromkeys(LIFETIMES, 0)
    for node in made.nodes:
        url = f"http://127.0.0.1:{node.port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as told:
            for endpoint, status, number in _ASKED.findall(told.read().decode()):
                if endpoint in ENDPOINTS:
                    kind = MISSING if status == "404" else ENDPOINTS[endpoint]
                    counts[kind] += int(float(number))
    return counts


def kind_of(path: str) -> str:
    """The kind of a page."""
    if path.endswith("/changes"):
        return CHANGES
    number = int(title_of(path).partition("/")[2])
    return MISSING if number >= NOBODY else DETAILS


def title_of(path: str) -> str:
    """The title that a path is about, as a purge names it."""
    return "/".join(path.partition("?")[0].split("/")[2:4])
