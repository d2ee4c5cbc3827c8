"""`streamr check`: is a running streamr all right?"""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, ClassVar

from streamr.commands import drill
from streamr.commands.output_options import PrintingOptions
from streamr.config.settings import Settings
from streamr.config.state import state_directory
from streamr.doctor.diagnosis.http import key_verdict
from streamr.terminal import client, console
from streamr.terminal.console import Json
from streamr.terminal.door import DOOR, door
from streamr.terminal.fallbacks import is_fallback
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.health import HEALTH
from streamr.terminal.running import as_running
from streamr.terminal.settings import read_settings

if TYPE_CHECKING:  # a command that asks loads no routes
    from streamr.doctor.diagnosis.verdicts import DoctorVerdict
    from streamr.routing.report import ToldRoute

HEAD = ("asked", "verdict", "answer", "by", "ms", "cause")


class CheckOptions(PrintingOptions):
    """`streamr check`: is a running streamr all right, and how did answers come?"""

    about = (
        "Asks a running streamr for the health of both servers and for three lists, "
        "and shows which route answered and, where it was not the direct one, why. "
        "It also tries each fallback, even while the direct route works. Exits with "
        "status 1 when something is wrong. With --drill it breaks the direct route "
        "of a running demo with several faults, watches the fallback take over, and "
        "repairs what it broke."
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
        findings = [
            *client.check(settings),
            *door(settings, state_directory(settings)),
        ]
        if any(map(is_unexplained, findings)):
            findings = explained(findings, _routes(settings))
        if self["json"]:
            console.print_json([told(each) for each in findings])
        else:
            out = console.console()
            console.show(out, HEAD, map(row, findings))
            out.print()
            out.print(console.verdict(*verdict(findings)))
            refused = key_refused(findings)
            if refused is not None:
                out.print(console.advice(refused.heal))
        return status(findings)


def status(findings: Iterable[Finding]) -> int:
    """The exit status: an answer over another route is no error."""
    return int(any(each.mark is Mark.FAILED for each in findings))


def verdict(findings: Sequence[Finding]) -> tuple[Mark, str]:
    """What it comes to, and what helps."""
    marks = {each.mark for each in findings}
    servers = [each for each in findings if each.what in (*HEALTH, DOOR)]
    refused = key_refused(findings)
    if refused is not None:
        return Mark.FAILED, refused.sentence
    if any(each.mark is Mark.FAILED for each in servers):
        return Mark.FAILED, "streamr is not running as it should; see above"
    if Mark.FAILED in marks:
        return Mark.FAILED, (
            "some answers are missing; run streamr doctor to find out why"
        )
    if all(each.mark is Mark.OK or is_fallback(each) for each in findings):
        if Mark.WARNING in marks:
            return Mark.WARNING, "the direct route works, but a fallback does not"
    elif Mark.WARNING in marks:
        return Mark.WARNING, "the direct route fails; answers came over another route"
    return Mark.OK, "all answers came over the direct route"


def key_refused(findings: Iterable[Finding]) -> DoctorVerdict | None:
    """The doctor's verdict on the key, when TMDB has refused it."""
    found = (key_verdict(each.status, each.code) for each in findings)
    return next(filter(None, found), None)


def is_unexplained(each: Finding) -> bool:
    """True for an answer that came round the direct route without a try of it."""
    return each.mark is not Mark.OK and each.by != client.DIRECT and each.ms is not None


def explained(
    findings: Iterable[Finding], routes: Sequence[ToldRoute]
) -> list[Finding]:
    """The same with what opened the direct route's breaker, where nobody was sent over
    that route. `routes` is what main's health page says of them."""
    direct = next((each for each in routes if each["route"] == client.DIRECT), None)
    if direct is None or direct["breaker"] == "closed":
        return list(findings)
    cause, breaker = direct["cause"], direct["breaker"]
    return [
        replace(each, cause=cause, breaker=breaker)
        if is_unexplained(each) and each.cause is None
        else each
        for each in findings
    ]


def row(each: Finding) -> tuple[console.Cell, ...]:
    """A finding in the table."""
    opened = f"breaker {each.breaker}: " if each.breaker else ""
    cause = f"{opened}{each.cause or 'no cause is known'}" if opened else each.cause
    return each.what, each.mark, each.told, client.short(each.by), each.ms, cause


def told(each: Finding) -> Json:
    """A finding for programs."""
    return {**asdict(each), "mark": each.mark.value}


def _routes(settings: Settings) -> Sequence[ToldRoute]:
    """What main's health page says of the routes; nothing when it does not answer."""
    try:
        found = client.request(settings, "/api/tmdb/health").json
        routes: Sequence[ToldRoute] = found["routes"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return ()
    return routes
