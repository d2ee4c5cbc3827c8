"""Row 1: every fault kind of the simulator, cold and warm, and what is left of it.

Per kind, all contestants start anew (so that no breaker remembers the kind before) and
stand side by side on one simulator that keeps no connection (so that all faults bite):

    warm up     some paths while all is well, and then seven hours pass: copies exist,
                but all of them are expired
    cold        the fault on the direct route; paths that nobody has asked for
    warm        the fault on both routes; the paths of the warm-up
    lost        the fault still on both routes; paths that nobody has asked for: there
                is nothing to answer with, so only the truth or an error is right
    afterwards  no fault; everything again. Whatever is wrong now was stored: poison
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from streamr.simulator.faults.table import API, KINDS

from ..bench import US, Bench, BenchOptions, Table, jump, opened, say
from ..client import Worth
from ..load import Sample, Samples, at_once
from ..peers import Running

# Kinds that also come in another shape.
MORE = (
    "status:code=503,body=html",
    "status:code=404",
    "rate-limit:retry-after=2",
    "slow:delay=3",
)
QUICK = (
    *("refuse", "reset-after-hello", "silence-after-hello", "cert-wrong-host"),
    *("fin-after-request", "short-body", "cut-chunks"),
    *("no-length-fin", "corrupt-gzip", "gzip-unlabelled", "html"),
    *("status", "rate-limit", "error-200", "wrong-id"),
)
SEVEN_HOURS = 7 * 3600
# Asked in each phase, per kind and contestant.
EACH = 4
READS = 24
HEALING = 30.0
# TMDB's own word, not a failure of the route: to hand it on is right. A 404 is no
# reason to ask elsewhere, and TMDB counts addresses: a second name does not get round
# a 429.
TRUE_ERRORS = frozenset(
    {"status:code=404", "rate-limit", "rate-limit:retry-after=2"},
)


@dataclass(slots=True)
class ContestantTally:
    """What one contestant did over all kinds."""

    cold: int = 0
    warm: int = 0
    all: Counter[Worth] = field(default_factory=Counter)
    poisoned: int = 0
    reads: int = 0


async def measure(options: BenchOptions) -> Table:
    """All kinds, or the quick choice of them."""
    table = Table(
        1,
        "Every fault kind, cold and warm",
        "for every kind, a correct and complete body or the right error; 0 wrong "
        "bodies, 0 poisoned entries",
        ["fault", *options.peers],
        notes=[
            "Each cell: fault on the direct route, cold (slowest answer) · fault on "
            "both routes, warm and expired · fault on both routes, cold. `good` is the "
            "complete and correct body, `error` the right error, `broken` an answer "
            "that was cut or did not arrive within 12 s, `wrong` a complete answer "
            f"that is not TMDB's. The worst of {EACH} counts. Poisoned: wrong after "
            "the fault had ended. For a 404 or a 429, passing it on counts as `error`.",
        ],
    )
    tallies = {name: ContestantTally() for name in options.peers}
    with opened(options, "--no-keep-alive") as bench:
        for kind in kinds(options):
            cells = await one_kind(bench, kind, tallies)
            table.add(f"`{kind}`", *cells)
    total = len(table.rows)
    summarise(table, tallies, total)
    return table


def kinds(options: BenchOptions) -> Sequence[str]:
    """The fault expressions to go through."""
    if options.quick:
        return QUICK
    return [*(name for name, kind in KINDS.items() if API in kind.hosts), *MORE]


def summarise(table: Table, tallies: dict[str, ContestantTally], total: int) -> None:
    """The sums below the table, and whether streamr's are as they should be."""
    each = tallies.values()
    table.add("**cold: kinds all good**", *(f"{t.cold} of {total}" for t in each))
    table.add("**warm: kinds all good**", *(f"{t.warm} of {total}" for t in each))
    for verdict in (Worth.WRONG, Worth.BROKEN):
        name = f"**{verdict.value} answers**"
        table.add(name, *(f"{t.all[verdict]} of {t.all.total()}" for t in each))
    table.add("**poisoned**", *(f"{t.poisoned} of {t.reads} reads" for t in each))
    if US in tallies:
        ours = tallies[US]
        table.judge(ours.all[Worth.WRONG] + ours.all[Worth.BROKEN] == 0)
        table.judge(ours.poisoned == 0)
        excused = len(TRUE_ERRORS & {row[0].strip("`") for row in table.rows})
        table.judge(ours.warm == total and ours.cold >= total - excused)


async def one_kind(
    bench: Bench, kind: str, tallies: dict[str, ContestantTally]
) -> list[str]:
    """One kind's cells, in the order of the contestants."""
    warm, cold, lost = [await bench.fresh(EACH) for _ in range(3)]
    spare = await bench.fresh(int(HEALING) * 2)
    clock = bench.clock()
    async with bench.together(clock=clock) as contestants:
        await everyone(bench, contestants, warm)
        await jump(clock, SEVEN_HOURS, contestants)
        bench.simulator.break_direct(kind)
        first = await everyone(bench, contestants, cold)
        bench.simulator.break_both(kind)
        second = await everyone(bench, contestants, warm)
        third = await everyone(bench, contestants, lost)
        bench.simulator.heal()
        asked = [*warm, *cold, *lost] * (READS // (3 * EACH))
        cells = []
        jobs = [afterwards(bench, each, spare, asked) for each in contestants]
        reads = await asyncio.gather(*jobs)
        for each, *phases, read in zip(
            contestants, first, second, third, reads, strict=True
        ):
            tally = tallies[each.name]
            note(tally, phases, read)
            cells.append(cell(phases))
    return cells


async def everyone(
    bench: Bench, contestants: Sequence[Running], paths: Sequence[str]
) -> list[Samples]:
    """All contestants asked for all paths at the same time."""
    jobs = [at_once(each.client, bench.oracle, paths) for each in contestants]
    return await asyncio.gather(*jobs)


async def afterwards(
    bench: Bench, contestant: Running, spare: Sequence[str], asked: Sequence[str]
) -> Samples:
    """Wait until new paths are answered again, then read everything."""
    until = time.monotonic() + HEALING
    for path in spare:
        sample = await at_once(contestant.client, bench.oracle, [path])
        if sample.worst is Worth.GOOD:
            break
        if time.monotonic() > until:
            say(f"  {contestant.name} has not recovered within {HEALING:.0f} s")
            break
        await asyncio.sleep(0.5)
    samples: list[Sample] = []
    for start in range(0, len(asked), EACH):
        part = asked[start : start + EACH]
        samples += (await at_once(contestant.client, bench.oracle, part)).all
    return Samples(tuple(samples))


def note(tally: ContestantTally, phases: Sequence[Samples], read: Samples) -> None:
    """Add one kind to a contestant's sums."""
    tally.cold += phases[0].worst is Worth.GOOD
    tally.warm += phases[1].worst is Worth.GOOD
    for phase in phases:
        tally.all.update(phase.verdicts)
    tally.poisoned += read.verdicts[Worth.WRONG] + read.verdicts[Worth.BROKEN]
    tally.reads += len(read.all)


def cell(phases: Sequence[Samples]) -> str:
    """The three phases in a few words."""
    cold, warm, lost = phases
    slowest = cold.percentile(1.0) / 1000
    return (
        f"{cold.worst.value} ({slowest:.1f} s) · {warm.worst.value} · "
        f"{lost.worst.value}"
    )
