"""The route over a proxy of ours: what its answers say, and of whom."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Budget
from streamr.fields.loop import Loop
from streamr.policy.freshness import terms
from streamr.upstream.answer import Head
from streamr.upstream.client import Reply
from streamr.upstream.peer import ProxyRoute
from tests.support import QUERY, call

BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)
MISSING = b'{"success":false,"status_code":34,"status_message":"Not found."}'
FILM = b'{"id":550,"title":"Fight Club"}'
# What a proxy says of an answer that TMDB has given.
PASSED_ON = 'streamr-proxy;route="classic@api.themoviedb.org";ms=90'


class AnsweringClient:
    """A client whose proxy always answers the same."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply

    def get(self, *_args: Any, **_more: Any) -> Deferred[Reply]:
        return succeed(self.reply)


class OverAProxy(SynchronousTestCase):
    def answer(self, body: bytes, head: Head) -> Answer:
        route = ProxyRoute(
            "http://127.0.0.1:5001",
            AnsweringClient(Reply(head, body, None, True)),  # type: ignore[arg-type]
            None,
            Loop("streamr-me-main"),
        )
        sending = route.send(QUERY, call(), BUDGET, fresh=False, heard=None)  # type: ignore[arg-type]
        answer: Answer = self.successResultOf(sending)
        return answer

    def test_a_404_of_tmdb_may_be_kept_though_the_proxy_says_no_store(self) -> None:
        head = Head(404, cache_control="no-store", proxy_status=PASSED_ON)
        found = terms(self.answer(MISSING, head), QUERY.freshness)
        assert found is not None
        self.assertEqual((found.kind, found.lifetime), ("missing", 60))

    def test_a_404_of_a_stranger_may_not(self) -> None:
        answer = self.answer(MISSING, Head(404, cache_control="no-store"))
        self.assertIsNone(terms(answer, QUERY.freshness))

    def test_a_no_store_of_tmdb_is_obeyed_over_a_proxy_too(self) -> None:
        head = Head(200, cache_control="no-store", proxy_status=PASSED_ON)
        self.assertIsNone(terms(self.answer(FILM, head), QUERY.freshness))
