"""`streamr config`: every setting, where its value comes from, and what is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from streamr.commands.output_options import PrintingOptions
from streamr.config.load import Found, Stock, take_stock
from streamr.config.settings import Settings
from streamr.config.state import no_folder, state_directory
from streamr.config.warm import warm_queries
from streamr.errors import SettingsError
from streamr.terminal import console
from streamr.terminal.console import Json
from streamr.terminal.exits import EX_CONFIG
from streamr.terminal.findings import Mark
from streamr.tmdb import catalogue


class ConfigOptions(PrintingOptions):
    """`streamr config`: would `streamr run` start with these settings?"""

    about = (
        "Prints every setting with its value (secrets masked) and where it comes "
        "from: a flag, the environment, .env or the default. Checks all of them as "
        "streamr run would; exits with status 78 when something is wrong."
    )
    example = "streamr config --port 8080"
    # here is where they are all told
    elsewhere: ClassVar = frozenset()
    elsewhere_line: ClassVar = ""

    def perform(self) -> int:
        """Print and check."""
        stock = take_stock(self.given(), os.environ, Path(".env"))
        if stock.settings is not None and state_directory(stock.settings) is None:
            stock = replace(
                stock, warnings=(*stock.warnings, no_folder(stock.settings))
            )
        problems = [*stock.problems, *wrong_at_start(stock.settings)]
        if self["json"]:
            console.print_json(told(stock, problems))
        else:
            _print(stock, problems)
        return EX_CONFIG if problems else 0


def wrong_at_start(settings: Settings | None) -> list[str]:
    """What only the start would notice, after each setting by itself was fine."""
    if settings is None:
        return []
    checks: tuple[Callable[[], object], ...] = (
        lambda: _trust(settings),
        lambda: _identity(settings),
        lambda: _authority(settings),
        lambda: warm_queries(settings, catalogue.load(settings.extra_paths)),
    )
    return [problem for check in checks for problem in _problems(check)]


def _trust(settings: Settings) -> None:
    """Whether there are trust roots in the file of them. Raises SettingsError."""
    if settings.tmdb_ca_file is not None:
        # they are read as the daemon reads them: OpenSSL, which takes its time to load
        from streamr.app.routes import tls_policy
        from streamr.upstream.dial.tls import MODERN

        tls_policy(MODERN.name, settings.tmdb_ca_file)


def _authority(settings: Settings) -> None:
    """Whether the door has an authority that can be used. Raises SettingsError."""
    if settings.door:
        from streamr.app.door import door_of

        door_of(state_directory(settings), time.time)


def _identity(settings: Settings) -> None:
    """Whether the proxy's certificate and its key fit. Raises SettingsError."""
    if settings.proxy_tls_cert is not None:
        # OpenSSL again
        from streamr.app.identity import identity_of

        identity_of(settings, runs_here=settings.only != "main")


def _problems(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except SettingsError as error:
        return error.problems
    return []


def told(stock: Stock, problems: list[str]) -> Json:
    """The same for programs."""
    return {
        "settings": [
            {
                "name": each.setting.name,
                "value": each.shown,
                "origin": each.origin,
                "allowed": each.setting.allowed,
                "problem": each.problem,
            }
            for each in stock.found
        ],
        "problems": problems,
        "warnings": [each.text for each in stock.warnings],
    }


def _print(stock: Stock, problems: list[str]) -> None:
    out = console.console()
    console.show(out, ("setting", "value", "from", "verdict"), map(_row, stock.found))
    out.print()
    for problem in problems:
        out.print(console.verdict(Mark.FAILED, problem))
    for warning in stock.warnings:
        out.print(console.verdict(Mark.WARNING, warning.text))
    if not problems:
        out.print(console.verdict(Mark.OK, "streamr run can start with these settings"))


def _row(found: Found) -> tuple[console.Cell, ...]:
    mark = Mark.FAILED if found.problem else Mark.OK
    return found.setting.name, found.shown, found.origin, mark
