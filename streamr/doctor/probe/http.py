"""HTTP probes: TMDB with the key over a route on which TLS works.

The routes are the daemon's own, so the doctor sees what streamr would see; only the
address is chosen by the doctor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import Answer, Budget, Call, Dimensions, Expected, Query
from streamr.config.settings import Settings
from streamr.doctor.evidence import HostReply, Place
from streamr.doctor.probe.lateness import Lateness
from streamr.doctor.probe.tcp_tls import milliseconds
from streamr.errors import CAUSES, KEY_CAUSES, Fault, Phase, RouteKind
from streamr.interfaces import Reactor, Route
from streamr.upstream.client import Client
from streamr.upstream.dial.addresses import HostAddresses
from streamr.upstream.dial.dialer import Dialer
from streamr.upstream.dial.tls import ProfilePolicy
from streamr.upstream.origin import Credentials, TMDBRoute
from streamr.upstream.ratelimit import Pacer
from streamr.upstream.resolve.book import AddressBook
from streamr.upstream.resolve.pins import NameResolver, PinnedResolver, Pins

SMALL = Query("/configuration", (), "/configuration", expected=Expected(("images",)))
# The largest bodies that front ends ask for: they show cuts, damage and throttling.
LARGE = Query(
    "/movie/550",
    (("append_to_response", "credits,images,videos,recommendations,reviews"),),
    "/movie/{movie_id}",
    expected=Expected(("id", "title")),
)
TRANSPORT = (Phase.RESOLVE, Phase.CONNECT, Phase.TLS)
# Answers asked of each host: a fault of every second answer shows in all but 1 of 256.
REPLIES = 8
ASKED_AT_ONCE = 4
# After so many milliseconds in all, a few answers have to do.
SLOW_MS = 6000
# On a slow line a request has so many times its time.
PATIENCE = 2
# Tries that die in a handshake say nothing of HTTP, nor do those for which this machine
# was too busy; so many are made again.
MOST_LOST = 6

Result = TypeVar("Result")


class Head:
    """Notes when the head came (interfaces.Progress)."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.at: float | None = None

    def queued(self) -> None:
        """Nobody else asks, so it does not wait."""

    def sent(self) -> None:
        self.at = None

    def alive(self) -> None:
        """The doctor waits for the answer."""

    def first_byte(self) -> None:
        self.at = self._clock.seconds()


def _may_leave() -> None:
    """The doctor has no breakers."""


class Asking:
    """What requests of the doctor have in common. `wall` is this machine's clock."""

    def __init__(
        self,
        reactor: Reactor,
        lateness: Lateness,
        wall: Callable[[], float],
        seconds: float,
        connect: float,
    ) -> None:
        """Limits in seconds: of an answer, and of the connection before it."""
        self.reactor = reactor
        self.lateness = lateness
        self._wall = wall
        self._seconds = seconds
        self._connect = connect

    def be_patient(self) -> None:
        """Wait longer for each: the line is slow."""
        self._connect *= PATIENCE
        self._seconds *= PATIENCE

    def send(self, route: Route, query: Query, head: Head) -> Deferred[Answer]:
        """One request, on a connection of its own; fails with Fault."""
        return route.send(
            query,
            Call("doctor", self.reactor.seconds() + self._seconds),
            self.budget(),
            new_connection=True,
            progress=head,
            veto=_may_leave,
        )

    def budget(self) -> Budget:
        """The time of one request."""
        limit = self._seconds
        return Budget(self._connect, limit, limit, limit / 2, limit)

    def skew(self, answer: Answer) -> float | None:
        """This machine's clock minus the answer's Date, in seconds."""
        if answer.date is None:
            return None
        try:
            told = parsedate_to_datetime(answer.date).timestamp()
        except ValueError:
            return None
        return round(self._wall() - answer.age - told, 1)


class Asker:
    """Asks TMDB's hosts, each at an address that the doctor has chosen."""

    def __init__(
        self,
        asking: Asking,
        settings: Settings,
        profiles: dict[str, ProfilePolicy],
        names: NameResolver,
    ) -> None:
        self._asking = asking
        self._settings = settings
        self._profiles = profiles
        self._names = names

    async def sampled(
        self,
        base_url: str,
        profile: str,
        place: Place,
        note: Callable[[HostReply], None],
        most: int = REPLIES,
    ) -> None:
        """Answers enough to tell a fault's rate, each over a connection of its own.

        Each is noted at once: the time may be up before the last one is there.
        """
        heard: list[HostReply] = []
        lost, width = 0, 1
        while not _enough(heard, most) and lost < MOST_LOST:
            replies = await gathered(
                self._asking.lateness.told(
                    self.tmdb(base_url, profile, place, LARGE if number == 1 else SMALL)
                )
                for number in range(width)
            )
            for each in replies:
                said = not (never_arrived(each) or each.starved)
                lost += not said
                if said:
                    heard.append(each)
                if not never_arrived(each):
                    note(each)
            # the first one alone: it says whether more are of use
            width = min(ASKED_AT_ONCE, most)

    async def tmdb(
        self, base_url: str, profile: str, place: Place, query: Query
    ) -> HostReply:
        """One request to one of TMDB's hosts, on a connection of its own."""
        host = urlsplit(base_url).hostname or ""
        pins = {host: ((place.address, place.port),)}
        policy = self._profiles[profile] if base_url.startswith("https:") else None
        client = self._client(pins, policy)
        route = self._route(base_url, host, profile, client)
        clock = self._asking.reactor
        began, head = clock.seconds(), Head(clock)
        try:
            answer = await self._asking.send(route, query, head)
        except Fault as fault:
            ms = milliseconds(clock.seconds() - began)
            return failed(host, query, fault, ms)
        finally:
            await client.close()
        ended = clock.seconds()
        return HostReply(
            host,
            query.path,
            None,
            milliseconds(ended - began),
            answer.status,
            code_of(answer),
            size=len(answer.gzipped or answer.body),
            body_ms=milliseconds(ended - (head.at or began)),
            skew=self._asking.skew(answer),
        )

    def _client(self, pins: Pins, policy: ProfilePolicy | None) -> Client:
        """One that remembers nothing of what it finds."""
        resolver = PinnedResolver(self._names, pins, "auto")
        reactor = self._asking.reactor
        addresses = HostAddresses(resolver, AddressBook(reactor), "doctor", "auto")
        return Client(reactor, Dialer(reactor, addresses, policy))

    def _route(
        self, base_url: str, host: str, profile: str, client: Client
    ) -> TMDBRoute:
        settings = self._settings
        return TMDBRoute(
            "doctor",
            RouteKind.DIRECT,
            base_url,
            client,
            Credentials(settings.tmdb_access_token, settings.tmdb_api_key),
            Dimensions(host, profile, "auto", "here"),
            None,
            Pacer(self._asking.reactor, settings.rate, settings.connections),
        )


def failed(host: str, query: Query, fault: Fault, ms: int) -> HostReply:
    """A request without an answer; a body that came too slowly still has a rate.
    What TMDB says of the key is an answer."""
    if fault.cause.name in KEY_CAUSES:
        status, code = fault.cause.status, int(fault.cause.code)
        return HostReply(host, query.path, None, ms, status, code)
    return HostReply(
        host,
        query.path,
        fault.cause.name,
        ms,
        detail=fault.detail,
        size=fault.received or 0,
        body_ms=milliseconds(fault.seconds or 0.0),
    )


def never_arrived(reply: HostReply) -> bool:
    """True when a request failed before TMDB could have seen it."""
    return reply.cause is not None and CAUSES[reply.cause].phase in TRANSPORT


def code_of(answer: Answer) -> int | None:
    """TMDB's own status_code in an error's body."""
    if answer.status < 400:
        return None
    try:
        code = json.loads(answer.body)["status_code"]
    except (ValueError, KeyError, TypeError):
        return None
    return code if type(code) is int else None


def _enough(heard: list[HostReply], most: int) -> bool:
    """A refusal is one for all; silence costs too much time for many tries."""
    if any(reply.status in (401, 429) for reply in heard):
        return True
    slow = sum(reply.ms for reply in heard) > SLOW_MS
    return len(heard) >= min(2 if slow else REPLIES, most)


async def gathered(
    coroutines: Iterable[Coroutine[Deferred[object], object, Result]],
) -> list[Result]:
    """All of them at once; the results in their order."""
    waiting = list(map(Deferred.fromCoroutine, coroutines))
    # when the time is up all are cancelled, and one failure speaks for the rest
    return list(await gatherResults(waiting, consumeErrors=True))
