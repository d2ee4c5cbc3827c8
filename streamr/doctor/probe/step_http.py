"""Steps of the examination: what TMDB answers, here and over every proxy."""

from __future__ import annotations

from streamr.boundaries import Egress
from streamr.config.addresses import pinned_proxy_url
from streamr.doctor.diagnosis.facts import Facts
from streamr.doctor.evidence import Place
from streamr.doctor.probe.elsewhere import Elsewhere
from streamr.doctor.probe.http import Asker, gathered
from streamr.doctor.probe.run import Case


class Requests:
    """Requests to TMDB's hosts, each over its best route, and over every proxy."""

    def __init__(self, case: Case, asker: Asker, elsewhere: Elsewhere) -> None:
        self._case = case
        self._asker = asker
        self._elsewhere = elsewhere

    async def ask_tmdb(self) -> None:
        """Several answers of each host that a handshake reaches."""
        case, facts = self._case, self._case.facts()
        case.tell("http", ", ".join(case.hosts))
        routes = {host: self._route(host, facts) for host in case.hosts}
        if case.slow:
            for host, way in routes.items():
                if way is not None:
                    await self._asker.sampled(
                        case.url(host), *way, case.replies.append, most=1
                    )
            return
        await gathered(
            self._asker.sampled(case.url(host), *route, case.replies.append)
            for host, route in routes.items()
            if route is not None
        )

    def _route(self, host: str, facts: Facts) -> tuple[str, Place] | None:
        """Profile and place over which a host can be asked."""
        case = self._case
        if not case.is_tls(host):
            places = [each for each in facts.places(host) if facts.answers(each)]
            return ("modern", places[0]) if places else None
        arms = [arm for arm in case.matrix.arms if arm.host == host and arm.ok]
        if arms:
            best = max(arms, key=lambda arm: arm.ok / arm.tries)
            return best.profile, best.place
        good = next((e for e in case.checks if e.host == host and not e.cause), None)
        return (good.profile, good.place) if good is not None else None

    async def ask_proxies(self) -> None:
        """The chosen ones, and our own, which is no second vantage point."""
        settings = self._case.settings
        urls = dict.fromkeys(settings.tmdb_proxy_url, True)
        if settings.only == "" and settings.proxy_port:
            urls.setdefault(pinned_proxy_url(settings), False)
        self._case.proxies = await gathered(
            self._elsewhere.proxy(url, chosen=chosen) for url, chosen in urls.items()
        )

    async def ask_egresses(self) -> None:
        """TMDB over each outbound proxy that is listed."""
        await gathered(map(self._ask_egress, self._elsewhere.outlets))

    async def _ask_egress(self, egress: Egress) -> None:
        # noted at once: the time may be up before the last one is there
        self._case.egresses.append(await self._elsewhere.egress(egress))
