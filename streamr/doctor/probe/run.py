"""A case: whom the doctor examines, the time it has for that, and what it has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from twisted.internet.interfaces import IReactorTime

from streamr.config.egress import shown_one
from streamr.config.resolvers import written
from streamr.config.settings import Settings
from streamr.doctor.diagnosis.facts import Facts
from streamr.doctor.evidence import (
    Connect,
    EgressReply,
    Evidence,
    Given,
    Handshake,
    HostReply,
    House,
    Matrix,
    MeasuredLine,
    NameLookup,
    ProxyReply,
    Tried,
)
from streamr.doctor.probe.lateness import Lateness

# TMDB has four addresses in each family; a resolver that gives more says nothing new.
MOST_PLACES = 8


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """How long each probe and the whole may take, in seconds."""

    dns: float = 3.0
    tcp: float = 3.0
    tls: float = 2.5
    http: float = 5.0
    arms: float = 11.0
    pause: float = 0.05
    total: float = 26.0


class Case:
    """What the steps of one examination share; what they see, they add here.

    `hosts` are TMDB's names that the settings use, the direct one first; `tell` is
    given the name of a step and what it is at.
    """

    def __init__(
        self,
        clock: IReactorTime,
        settings: Settings,
        limits: ProbeLimits,
        tell: Callable[[str, str], None],
        wall: Callable[[], float],
    ) -> None:
        """`wall` is this machine's clock, in seconds since 1970."""
        self._wall = wall
        self.settings = settings
        self.limits = limits
        self.tell = tell
        self.lateness = Lateness(clock)
        self._clock = clock
        self._began = self._until = 0.0
        self._urls: dict[str, SplitResult] = {}
        for url in (settings.tmdb_base_url, *settings.tmdb_alternate_urls):
            parts = urlsplit(url)
            self._urls.setdefault(parts.hostname or "", parts)
        self.hosts = tuple(self._urls)
        # as in Evidence
        self.house = House()
        self.lookups: list[NameLookup] = []
        self.second: list[NameLookup] = []
        self.connects: list[Connect] = []
        self.checks: list[Handshake] = []
        self.matrix = self.names = self.addresses = Matrix()
        self.replies: list[HostReply] = []
        self.pictures: list[NameLookup] = []
        self.picture_checks: list[Handshake] = []
        self.proxies: list[ProxyReply] = []
        self.egresses: list[EgressReply] = []
        self.tried: list[Tried] = []
        self.line: MeasuredLine | None = None

    def begin(self) -> None:
        """The time runs from here, and the lateness is measured."""
        self.lateness.start()
        self._began = self._clock.seconds()
        self._until = self._began + self.limits.total

    def end(self) -> None:
        """Nothing is tried any more."""
        self.lateness.stop()

    @property
    def slow(self) -> bool:
        """True when the line is slow, so that less has to do."""
        return self.line is not None and self.line.is_slow

    @property
    def left(self) -> float:
        """Seconds until the time is up."""
        return self._until - self._clock.seconds()

    def arms_until(self) -> float:
        """When a study that begins now has to stop, as a reading of the clock; the
        handshakes under way then still need their time."""
        last = self._until - self.limits.tls
        return min(last, self._clock.seconds() + self.limits.arms)

    def url(self, host: str) -> str:
        """The base URL at which a host is asked."""
        return self._urls[host].geturl()

    def is_tls(self, host: str) -> bool:
        """True when a host is asked over TLS."""
        return self._urls[host].scheme == "https"

    def port(self, host: str) -> int:
        """The port at which a host is asked."""
        if host not in self._urls:
            return 443
        return self._urls[host].port or (443 if self.is_tls(host) else 80)

    def evidence(self) -> Evidence:
        """What has been seen so far."""
        settings = self.settings
        return Evidence(
            hosts=self.hosts,
            has_key=bool(settings.tmdb_api_key or settings.tmdb_access_token),
            family=settings.address_family,
            pinned=tuple(host for host in self.hosts if host in settings.tmdb_pins),
            house=self.house,
            lookups=tuple(self.lookups),
            second=tuple(self.second),
            connects=tuple(self.connects),
            checks=tuple(self.checks),
            matrix=self.matrix,
            names=self.names,
            addresses=self.addresses,
            replies=tuple(self.replies),
            pictures=tuple(self.pictures),
            picture_checks=tuple(self.picture_checks),
            proxies=tuple(self.proxies),
            resolvers=tuple(Given(e.name, written(e)) for e in settings.resolvers),
            egress=tuple(Given(e.name, shown_one(e)) for e in settings.egress),
            egresses=tuple(self.egresses),
            tried=tuple(self.tried),
            line=self.line,
            seconds=round(self._clock.seconds() - self._began, 1),
            out_of_time=self.left <= 0,
            lag=round(self.lateness.worst, 2),
            today=datetime.fromtimestamp(self._wall(), UTC).date().isoformat(),
        )

    def facts(self) -> Facts:
        """What follows from what has been seen so far."""
        return Facts(self.evidence())
