"""`streamr check`: is a running streamr all right?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import ClassVar

from streamr.commands import drill
from streamr.commands.output_options import PrintingOptions
from streamr.terminal import client, console
from streamr.terminal.console import Json
from streamr.terminal.fallbacks import is_fallback
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.running import as_running
from streamr.terminal.settings import read_settings

HEAD = ("asked", "verdict", "answer", "by", "ms", "cause")


class CheckOptions(PrintingOptions):
    """`streamr check`: is a running streamr all right, and how did answers come?"""

    about = (
        "Asks a running streamr for both healths and three lists, and tells who "
        "answered and why the direct route did not. It tries each fallback as well, "
        "also while the direct route works. Exit 1 when something is wrong. "
        "With --drill it breaks the direct route of a running demo with several "
        "faults, watches the fallback, and heals what it broke."
    )
    example = "streamr check --drill"
    optFlags: ClassVar = [
        ["drill", None, "Break the direct route of a running demo and watch."],
    ]

    def perform(self) -> int:
        """Ask, and print how each answer came."""
        settings = as_running(read_settings(self.given(), needs_key=False))
        if self["drill"]:
            return drill.perform(settings, as_json=bool(self["json"]))
        findings = list(client.check(settings))
        if self["json"]:
            console.print_json([told(each) for each in findings])
        else:
            out = console.console()
            console.show(out, HEAD, map(row, findings))
            out.print()
            out.print(console.verdict(*verdict(findings)))
        return status(findings)


def status(findings: Iterable[Finding]) -> int:
    """The exit status: an answer over another route is no error."""
    return int(any(each.mark is Mark.FAILED for each in findings))


def verdict(findings: Iterable[Finding]) -> tuple[Mark, str]:
    """What it comes to, and what helps."""
    marks = {each.mark for each in findings}
    if Mark.FAILED in marks:
        return Mark.FAILED, "not all is well; streamr doctor finds out why"
    if all(each.mark is Mark.OK or is_fallback(each) for each in findings):
        if Mark.WARNING in marks:
            return Mark.WARNING, "the direct route works, but a fallback does not"
    elif Mark.WARNING in marks:
        return Mark.WARNING, "answers came over another route, see their cause"
    return Mark.OK, "all answers came over the usual route"


def row(each: Finding) -> tuple[console.Cell, ...]:
    """A finding in the table."""
    return each.what, each.mark, each.told, client.short(each.by), each.ms, each.cause


def told(each: Finding) -> Json:
    """A finding for programs."""
    return {**asdict(each), "mark": each.mark.value}
