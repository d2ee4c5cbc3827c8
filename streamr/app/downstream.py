"""The caches in front of main, as the settings name them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.web.client import Agent
from twisted.web.iweb import IAgent

from streamr.boundaries import DownstreamCache
from streamr.config.settings import Settings
from streamr.downstream.call import SECONDS, PurgeCall
from streamr.downstream.purger import Purger
from streamr.interfaces import Reactor

# What may carry a body.
_WITH_BODY = ("POST", "PUT")


class CachesInFront:
    """Who is told of a purge, and with which token."""

    def __init__(
        self,
        settings: Settings,
        clock: IReactorTime,
        agent: IAgent,
        ended: Callable[[str, str], object],
    ) -> None:
        """`ended` is told of each purge: the cache, and one of purger.RESULTS."""
        self._credential = settings.purge_token
        secure = any(_is_secure(each) for each in settings.purge_url)
        self.purger = Purger(
            {
                each.name: PurgeCall(
                    _with_body(each, settings.purge_body),
                    self._own if _is_secure(each) or not secure else _none,
                    agent,
                    clock,
                )
                for each in settings.purge_url
            },
            clock,
            ended,
        )

    def renew(self, settings: Settings) -> None:
        """Send the token of these settings from now on."""
        self._credential = settings.purge_token

    def _own(self) -> tuple[str, str] | None:
        return self._credential


def caches_in_front(
    settings: Settings, reactor: Reactor, ended: Callable[[str, str], object]
) -> CachesInFront:
    """Those that STREAMR_PURGE_URL names. Their certificates are verified as in a
    browser: by the platform's authorities, and by name."""
    agent = Agent(reactor, connectTimeout=SECONDS)
    return CachesInFront(settings, reactor, agent, ended)


def _is_secure(cache: DownstreamCache) -> bool:
    return cache.url.startswith("https:")


def _with_body(cache: DownstreamCache, body: str) -> DownstreamCache:
    if cache.method not in _WITH_BODY:
        return cache
    return DownstreamCache(cache.name, cache.method, cache.url, body)


def _none() -> None:
    return None
