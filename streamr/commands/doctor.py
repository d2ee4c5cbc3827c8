"""`streamr doctor`: why TMDB fails here, and which setting heals it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar, cast

from twisted.internet.interfaces import IReactorCore

from streamr.app.routes import tls_policy
from streamr.boundaries import Resolver
from streamr.commands.output_options import PrintingOptions
from streamr.config import load
from streamr.config.resolvers import ALLOWED, SYSTEM, resolver
from streamr.doctor.diagnosis.diagnose import Diagnosis, judge
from streamr.doctor.evidence import NOBODY, Evidence
from streamr.doctor.probe.examination import DoctorReactor, Examination
from streamr.doctor.probe.run import ProbeLimits
from streamr.doctor.probe.step_dns import NOBODY_SECONDS
from streamr.doctor.report import table
from streamr.doctor.report.bundle import bundle
from streamr.doctor.report.progress import ProgressLine
from streamr.errors import SettingsError
from streamr.policy.redact import Redactor
from streamr.service import use_monotonic_clock
from streamr.terminal import console
from streamr.terminal.exits import EX_CONFIG, give_up
from streamr.terminal.options import UsageError
from streamr.terminal.running import running
from streamr.upstream.dial.tls import CLASSIC
from streamr.upstream.resolve import dns
from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.resolvers import find_of
from streamr.upstream.resolve.system import Lookups, system_lookup

# Public resolvers that are asked when a name's own answers lead nowhere.
SECOND = "9.9.9.9,1.1.1.1"


class DoctorOptions(PrintingOptions):
    """`streamr doctor`: why TMDB fails here, and which setting heals it."""

    about = (
        "Examines every layer between here and TMDB, from the settings to the "
        "response bodies, in less than 30 seconds, and names what is wrong and what "
        "to set. streamr need not be running; without a key, it examines the network "
        "of a running demo. Exit status: 0 when the direct route works, 1 when it "
        "does not, 78 when a setting cannot be used."
    )
    example = "streamr doctor --bundle report.json"
    optParameters: ClassVar = [
        ["bundle", None, None, "Write a file for an issue report, without secrets."],
        [
            "dns",
            None,
            None,
            "Ask this resolver first, instead of the system's: the ADDRESS[:PORT] of a "
            "DNS server, or any other that STREAMR_RESOLVERS takes.",
        ],
        [
            "second-dns",
            None,
            SECOND,
            "Resolvers to ask when the first one's answers do not work, separated by "
            "commas, or the word none.",
        ],
        [
            "env-file",
            None,
            None,
            "Read settings only from this file, not from the environment or .env.",
        ],
    ]

    def postOptions(self) -> None:
        super().postOptions()
        self.dns = _resolver("dns", self["dns"]) if self["dns"] else None
        self.second = [
            _resolver("second-dns", each) for each in _listed(self["second-dns"])
        ]

    def perform(self) -> int:
        """Examine, judge, report."""
        from twisted.internet import reactor

        use_monotonic_clock(reactor)
        self._look_into_the_demo()
        progress = ProgressLine(sys.stderr)
        examination = self._examination(cast(DoctorReactor, reactor), progress)
        evidence = run(reactor, examination)
        progress.stop()
        if evidence is None:
            return 1
        diagnosis = judge(evidence)
        if self["json"]:
            console.print_json(table.as_json(evidence, diagnosis))
        else:
            show(evidence, diagnosis)
        if self["bundle"]:
            self._write(bundle(evidence, Redactor(self._secrets)))
        return 0 if diagnosis.sound else 1

    def _examination(
        self, reactor: DoctorReactor, progress: ProgressLine
    ) -> Examination:
        stock = self._stock()
        settings = stock.settings
        self._secrets = settings.secrets if settings is not None else ()
        ca_file = settings.tmdb_ca_file if settings is not None else None
        lookups = Lookups(reactor, system_lookup)

        def finder(resolver: Resolver) -> Find:
            policy_for = partial(tls_policy, CLASSIC.name, ca_file)
            return find_of(resolver, reactor, lookups, policy_for)

        listed = settings.resolvers if settings is not None else (SYSTEM,)
        first = self.dns or listed[0]
        given = [e for e in listed if e != first and not (self.dns and e == SYSTEM)]
        by = self["dns"] or first.name
        known = [by, *(each.name for each in given)]
        others = [
            each for each in self.second if not {_called(each), each.name} & {*known}
        ]
        over_udp = [each for each in others if each.scheme == "udp"]
        nobody = dns.server(reactor, NOBODY, 53, NOBODY_SECONDS)
        nobody = dns.server(reactor, NOBODY, 53, NOBODY_SECONDS)
        try:
            return Examination(
                reactor,
                stock,
                finder(first),
                by,
                given={each.name: finder(each) for each in given},
                second={_called(each): finder(each) for each in others},
                second_over_tcp={
                    _called(each): finder(replace(each, scheme="tcp"))
                    for each in over_udp
                },
                nobody=nobody if others else None,
                limits=ProbeLimits(),
                tell=progress.tell,
            )
        except SettingsError as error:
            give_up(EX_CONFIG, error.problems)

    def _look_into_the_demo(self) -> None:
        """Without a key it is the network of the demo that runs which is examined."""
        if self["env-file"] or self.dns is not None:
            return
        settings = self._stock().settings
        if settings is None or settings.tmdb_access_token or settings.tmdb_api_key:
            return
        found = running(settings)
        if found is not None and found.demo:
            self["env-file"], self["dns"] = found.demo["env_file"], found.demo["dns"]
            self.dns, self.second = _resolver("dns", self["dns"]), []
            print(
                "There is no TMDB key: this is the demo's network. With TMDB_API_KEY "
                "the doctor examines your own.",
                file=sys.stderr,
            )

    def _stock(self) -> load.Stock:
        chosen = self["env-file"]
        if chosen and not Path(chosen).is_file():
            raise UsageError(f"--env-file: there is no file {chosen}")
        environment = {} if chosen else os.environ
        path = Path(chosen or ".env")
        return load.take_stock(self.given(), environment, path, needs_key=False)

    def _write(self, value: console.Json) -> None:
        path = Path(self["bundle"])
        try:
            path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            give_up(1, [f"--bundle: {path} cannot be written: {error.strerror}"])
        print(f"written: {path}; look at it before you share it", file=sys.stderr)


def show(evidence: Evidence, diagnosis: Diagnosis) -> None:
    """The layers, then each verdict with what to set, then what it comes to."""
    out = console.console()
    console.show(out, table.HEAD, table.rows(evidence))
    out.print()
    for each in diagnosis.verdicts:
        out.print(console.verdict(*table.line(each)))
        out.print(console.advice(each.heal))
    out.print(console.verdict(*table.summary(evidence, diagnosis)))
    if diagnosis.advice is not None:
        out.print(console.advice(table.advice(diagnosis.advice)))


def run(reactor: IReactorCore, examination: Examination) -> Evidence | None:
    """Run the reactor for one examination; None when it was interrupted."""
    found: list[Evidence] = []
    problems: list[BaseException] = []

    async def examine() -> None:
        try:
            found.append(await examination.run())
        except Exception as error:
            # raised again below, outside the reactor, which would swallow it
            problems.append(error)
        finally:
            reactor.stop()

    from twisted.internet.defer import Deferred

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(examine()))
    reactor.run()
    if problems:
        raise problems[0]
    return found[0] if found else None


def _resolver(flag: str, text: str) -> Resolver:
    """The resolver that a flag names. Raises UsageError."""
    try:
        return resolver(text)
    except ValueError as error:
        raise UsageError(f"--{flag}: {error}; allowed: {ALLOWED}") from error


def _called(resolver: Resolver) -> str:
    """What a second resolver is called in the report."""
    return resolver.address if resolver.scheme == "udp" else resolver.name


def _listed(text: str) -> list[str]:
    return [] if text == "none" else [each.strip() for each in text.split(",")]
