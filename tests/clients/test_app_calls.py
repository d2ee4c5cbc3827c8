"""What seven public apps ask, on every base, in memory: nothing is lost on the way.

`app_calls.txt` has the calls. A route of ours stands for TMDB and answers as the
simulator does; `test_app_calls_sockets.py` asks a whole streamr.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import urlsplit

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Query
from streamr.tmdb import catalogue
from streamr.upstream.origin import upstream_url
from streamr.web.api.resource import Surface
from streamr.web.api.target import main_query, proxy_query
from tests.clients.app_calls import AppCall, calls, difference, wrong_shape
from tests.simulator.tmdb.test_answers import ask
from tests.web.api.test_resource import Seen, SurfaceCase

CATALOGUE = catalogue.load()
CALLS = calls()


@dataclass(frozen=True)
class Came:
    """What came of one call: the caller's answer, and what TMDB was asked."""

    call: AppCall
    seen: Seen
    query: Query | None

    @property
    def refused(self) -> str | None:
        """How the call was refused against the table; None when it was not."""
        status = None if self.query is not None else self.seen.status
        if status == (None if self.call.status == 200 else self.call.status):
            return None
        return f"{self.seen.status} {self.seen.json.get('status_message')}"

    @property
    def difference(self) -> str | None:
        """How the URL that TMDB gets is not what it has to be; None when it is."""
        if self.query is None:
            return None
        url = urlsplit(upstream_url("https://tmdb.invalid/3", self.query, ()))
        return difference(self.call, url.path, url.query)

    @property
    def wrong_shape(self) -> str | None:
        """What about the answer is not TMDB's; None when all is."""
        return wrong_shape(self.call, self.seen.status, self.seen.json)


class Table(SynchronousTestCase):
    """The table itself."""

    def test_all_seven_apps_are_in_it_and_no_call_twice(self) -> None:
        self.assertEqual(len({call.app for call in CALLS}), 7)
        self.assertEqual(len({str(call) for call in CALLS}), len(CALLS))
        self.assertGreater(len(CALLS), 100)


class MainBase(SurfaceCase):
    """http://host:3001/api/tmdb/…"""

    base = "/api/tmdb"
    find = staticmethod(main_query(CATALOGUE))

    def changed(self, surface: Surface) -> Surface:
        return replace(surface, find=self.find)

    def each(self) -> Iterator[Came]:
        """Every call, asked; TMDB answers as the simulator does."""
        for call in CALLS:
            self.connect()
            before = len(self.route.sent)
            self.send(self.base + call.target)
            query = None
            if len(self.route.sent) > before:
                query = self.route.sent[-1].query
                self.route.succeeds(answer_to(query.path, query.parameters))
            yield Came(call, self.seen(), query)

    def none(self, told: Callable[[Came], str | None]) -> None:
        """Of no call is anything told; what is told of others is shown whole."""
        found = [
            f"{came.call}\n    {words}" for came in self.each() if (words := told(came))
        ]
        if found:
            self.fail(f"{len(found)} of {len(CALLS)} calls:\n" + "\n".join(found))

    def test_a_call_is_refused_only_where_the_table_says_so(self) -> None:
        self.none(lambda came: came.refused)

    def test_all_that_tmdb_acts_on_is_in_the_url_and_nothing_else(self) -> None:
        self.none(lambda came: came.difference)

    def test_the_answers_have_tmdbs_shape(self) -> None:
        self.none(lambda came: came.wrong_shape)


class MainUnderThree(MainBase):
    """http://host:3001/3/…"""

    base = "/3"


class ProxyUnderThree(MainBase):
    """http://host:5001/3/…"""

    base = "/3"
    find = staticmethod(proxy_query(CATALOGUE))


class ProxyUnderApi(ProxyUnderThree):
    """http://host:5001/api/…"""

    base = "/api"


@cache
def answer_to(path: str, parameters: tuple[tuple[str, str], ...]) -> Answer:
    """The simulator's answer."""
    reply = ask(f"/3{path}", **dict(parameters))
    return Answer(reply.status, json.dumps(reply.value).encode())
