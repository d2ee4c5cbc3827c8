"""What `streamr check --drill` prints, and how it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict

from streamr.commands.drill_steps import (
    CannotDrill,
    Drill,
    NoDemo,
    RunningDemo,
    Step,
    handled,
)
from streamr.config.settings import Settings
from streamr.terminal import console
from streamr.terminal.client import short
from streamr.terminal.console import Json
from streamr.terminal.exits import EX_INTERRUPTED, give_up
from streamr.terminal.findings import Mark

HEAD = ("phase", "asked", "verdict", "answer", "by", "ms", "cause")
NEXT = "start a demo on other ports: streamr demo --port 3002 --proxy-port 5002"


def perform(settings: Settings, *, as_json: bool) -> int:
    """Drill, and print what was seen: exit status 1 when anything failed."""
    aside = console.console(sys.stderr)
    drill = Drill(RunningDemo(settings), lambda line: aside.print(f"drill: {line}"))
    # SIGTERM and SIGHUP end it as Ctrl-C does: with healing
    with handled(signal.default_int_handler, signal.SIGTERM, signal.SIGHUP):
        try:
            drill.run()
        except NoDemo as error:
            give_up(1, [f"{error} is not a demo; nothing was changed", NEXT])
        except CannotDrill as error:
            give_up(1, [str(error)])
        except KeyboardInterrupt:
            give_up(EX_INTERRUPTED, ["interrupted; what was broken has been repaired"])
    if as_json:
        console.print_json([told(each) for each in drill.steps])
    else:
        _print(drill.steps)
    return int(any(each.finding.mark is Mark.FAILED for each in drill.steps))


def _print(steps: Sequence[Step]) -> None:
    out = console.console()
    console.show(out, HEAD, map(row, steps))
    failed = sum(each.finding.mark is Mark.FAILED for each in steps)
    out.print()
    if failed:
        out.print(console.verdict(Mark.FAILED, f"{failed} of {len(steps)} steps"))
    else:
        out.print(console.verdict(Mark.OK, f"all {len(steps)} steps passed"))


def row(step: Step) -> tuple[console.Cell, ...]:
    """A step in the table."""
    each = step.finding
    return (
        *(step.phase, each.what.rpartition("/")[2], each.mark, each.told),
        *(short(each.by), each.ms, each.cause),
    )


def told(step: Step) -> Json:
    """A step for programs."""
    found = {**asdict(step.finding), "mark": step.finding.mark.value}
    return {"phase": step.phase, **found}
