"""Whether servers that were just started answer, asked by their own reactor."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any

import treq
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.iweb import IPolicyForHTTPS, IResponse

from streamr.terminal.health import HEALTH, HEALTH_SECONDS

# How often and how long a starting server is asked.
ASK_EVERY = 0.05
ASK_FOR = 10.0


def until_healthy(
    reactor: IReactorTime,
    urls: Mapping[str, str],
    policy: IPolicyForHTTPS | None = None,
) -> Deferred[Any]:
    """Fires when each server has answered its health check over HTTP.

    `urls` maps server names to base URLs; `policy` says whom to believe over https.
    Fails with TimeoutError after ASK_FOR s.
    """
    agent = Agent(reactor) if policy is None else Agent(reactor, policy)
    asking = [
        Deferred.fromCoroutine(_until_ok(reactor, agent, f"{url}{HEALTH[name]}"))
        for name, url in urls.items()
    ]
    return gatherResults(asking, consumeErrors=True).addErrback(_first)


async def _until_ok(clock: IReactorTime, agent: Agent, url: str) -> None:
    give_up_at = clock.seconds() + ASK_FOR
    problem = "no answer"
    while clock.seconds() < give_up_at:
        try:
            # past treq, which takes an IPv6 address for a name (hyperlink issue 188)
            asking: Deferred[IResponse] = agent.request(b"GET", url.encode())
            response = await asking.addTimeout(HEALTH_SECONDS, clock)
            await treq.content(response).addTimeout(HEALTH_SECONDS, clock)
        except Exception as error:
            # whatever it is, the next try may do better; the last one is reported
            problem = str(error) or type(error).__name__
        else:
            if response.code == http.client.OK:
                return
            problem = f"status {response.code}"
        await deferLater(clock, ASK_EVERY)
    raise TimeoutError(f"{url} is not healthy after {ASK_FOR:g} s: {problem}")


def _first(failure: Failure) -> Failure:
    """What failed first, without the traceback that gatherResults puts around it."""
    error = failure.value
    return error.subFailure if isinstance(error, FirstError) else failure
