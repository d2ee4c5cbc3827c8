"""Several nodes and one engine, on one clock: who asks TMDB, and what each one serves.

Real gateways with real stores and tiers; the engine and the routes are fakes.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.fleet import remembered
from streamr.boundaries import Answer, Exchange, Query
from streamr.gateway.fleet import LAST, POLL
from streamr.shared import scripts
from streamr.shared.tier import (
    BEAT,
    CLAIM_MARGIN,
    FIRST_BEAT,
    Fleet,
    FleetTier,
    Remembered,
)
from streamr.store import record
from streamr.store.memory import MemoryStore
from streamr.tmdb.lifetimes import CLASSES
from streamr.tmdb.tags import Purge
from tests.shared.fake import Server
from tests.support import QUERY, FakeRoute, Notes, call, gateway_over

DEADLINE = 8.0
OLD = Answer(200, b'{"id":550,"v":1}', cache_control="max-age=3600")
NEW = replace(OLD, body=b'{"id":550,"v":2}')
STALE = 3600.0 + CLASSES["details"].while_revalidate + 1


class Node:
    """One streamr of the fleet. `ahead` is how far its monotonic clock is off."""

    def __init__(self, server: Server, clock: Clock, before: Remembered | None = None):
        self.server, self.clock = server, clock
        self.store = MemoryStore(10_000_000, 2000)
        self.route = FakeRoute("direct")
        self.fleets: list[Fleet] = []
        self.tier = FleetTier(
            server.make,
            clock,
            "site",
            "address",
            DEADLINE,
            lambda what: self.store.purge(what.unwanted),
            self.fleets.append,
            before=before,
        )
        self.gateway = gateway_over(
            [self.route],
            clock,
            Notes(),
            "main",
            self.store,
            deadline=DEADLINE,
            tier=self.tier,
        )
        self.tier.start()

    def ask(self, query: Query = QUERY, **more: bool) -> Deferred[Exchange]:
        deadline = self.clock.seconds() + DEADLINE
        return self.gateway.answer(query, call(deadline), **more)

    def purge(self, what: Purge) -> None:
        self.store.purge(what.unwanted)
        self.tier.purge(what)

    @property
    def sent(self) -> int:
        return len(self.route.sent)


class FleetCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.server = Server(self.clock)
        self.a, self.b, self.c = self.nodes = [
            Node(self.server, self.clock) for _ in range(3)
        ]
        self.addCleanup(lambda: [each.tier.stop() for each in self.nodes])

    def got(self, asking: Deferred[Exchange]) -> tuple[bytes, str]:
        """The body, and what the cache says of it."""
        outcome = self.successResultOf(asking).outcome
        found = outcome.stored or outcome.answer
        assert found is not None, outcome.fault
        use = outcome.cache
        return found.body, "" if use is None else use.detail or use.forward or "hit"

    def sent(self) -> list[int]:
        return [each.sent for each in self.nodes]


class Flights(FleetCase):
    """One node asks TMDB; the others take what it has got."""

    def test_what_one_has_fetched_the_others_have(self) -> None:
        first = self.a.ask()
        self.a.route.succeeds(OLD)
        self.assertEqual(self.got(first), (OLD.body, "uri-miss"))
        self.clock.advance(0)
        for node in (self.b, self.c, self.a):
            self.assertEqual(
                self.got(node.ask()), (OLD.body, "hit" if node is self.a else "shared")
            )
        # from then on it is their own
        self.assertEqual(self.got(self.b.ask()), (OLD.body, "hit"))
        self.assertEqual(self.sent(), [1, 0, 0])

    def test_it_is_shared_behind_the_answer(self) -> None:
        first = self.a.ask()
        before = len(self.server.asked)
        self.a.route.succeeds(OLD)
        self.successResultOf(first)
        self.assertEqual(len(self.server.asked), before)
        self.clock.advance(0)
        self.assertGreater(len(self.server.asked), before)

    def test_those_who_ask_at_once_wait_for_the_first(self) -> None:
        asking = [node.ask() for node in self.nodes for _ in range(5)]
        self.assertEqual(self.sent(), [1, 0, 0])
        self.a.route.succeeds(OLD)
        self.clock.advance(0)
        # by the push, not by the next look
        for each in asking:
            self.assertEqual(self.got(each)[0], OLD.body)
        self.assertEqual(self.sent(), [1, 0, 0])

    def test_a_lost_push_costs_a_quarter_of_a_second(self) -> None:
        self.a.ask()
        waiting = self.b.ask()
        self.b.tier._engine.pushed = lambda _news: None
        self.a.route.succeeds(OLD)
        self.clock.advance(POLL - 0.01)
        self.assertNoResult(waiting)
        self.clock.advance(0.01)
        self.assertEqual(self.got(waiting), (OLD.body, "shared"))

    def test_when_the_first_fails_the_next_one_asks(self) -> None:
        asking = [node.ask() for node in self.nodes]
        self.a.route.fails("tls_certificate_error")
        self.clock.advance(0)
        self.assertIsNotNone(self.successResultOf(asking[0]).outcome.fault)
        self.assertEqual(self.sent(), [1, 1, 0])
        self.b.route.succeeds(OLD)
        self.clock.advance(0)
        for each in asking[1:]:
            self.assertEqual(self.got(each)[0], OLD.body)

    def test_when_its_caller_leaves_the_next_one_asks(self) -> None:
        first, second = self.a.ask(), self.b.ask()
        first.cancel()
        self.clock.advance(0)
        self.assertEqual(self.sent(), [1, 1, 0])
        self.b.route.succeeds(OLD)
        self.assertEqual(self.got(second)[0], OLD.body)

    def test_when_the_first_dies_its_claim_ends(self) -> None:
        """As after kill -9: nobody frees it."""
        self.a.ask()
        self.a.tier._engine.kill()
        self.clock.advance(CLAIM_MARGIN)
        waiting = self.b.ask()
        self.clock.advance(DEADLINE - 2 * POLL)
        self.assertEqual(self.sent()[1], 1)
        self.b.route.succeeds(OLD)
        self.assertEqual(self.got(waiting)[0], OLD.body)

    def test_a_claim_that_was_not_given_back_is_ones_own(self) -> None:
        """The engine was away for a moment."""
        first = self.a.ask()
        self.a.tier._engine.lose()
        self.a.route.fails("tls_certificate_error")
        self.successResultOf(first)
        self.a.tier._engine.find()
        self.clock.advance(0.1)
        self.b.ask()
        self.assertEqual(self.sent(), [1, 1, 0])

    def test_in_the_last_second_each_asks_for_itself(self) -> None:
        self.a.ask()
        waiting = self.b.ask()
        self.clock.advance(DEADLINE - LAST - 0.1)
        self.assertEqual(self.sent(), [1, 0, 0])
        self.clock.advance(0.1)
        self.assertEqual(self.sent(), [1, 1, 0])
        self.b.route.succeeds(OLD)
        self.assertEqual(self.got(waiting)[0], OLD.body)

    def test_a_stale_copy_is_served_while_another_node_renews(self) -> None:
        for node in (self.a, self.b):
            asking = node.ask()
            if node is self.a:
                node.route.succeeds(OLD)
                self.clock.advance(0)
            self.successResultOf(asking)
        self.clock.advance(3601.0)
        self.assertEqual(self.got(self.a.ask()), (OLD.body, "stale-while-revalidate"))
        self.assertEqual(self.got(self.b.ask()), (OLD.body, "stale-while-revalidate"))
        self.assertEqual(self.sent(), [2, 0, 0])
        self.a.route.succeeds(NEW)
        self.clock.advance(POLL)
        # it has taken what the other has renewed
        self.assertEqual(self.got(self.b.ask()), (NEW.body, "hit"))
        self.assertEqual(self.sent(), [2, 0, 0])

    def test_what_another_has_is_served_stale_when_tmdb_fails(self) -> None:
        self.a.ask()
        self.a.route.succeeds(OLD)
        self.clock.advance(STALE)
        asking = self.b.ask()
        self.b.route.fails("tls_certificate_error")
        self.assertEqual(self.got(asking), (OLD.body, "stale-if-error"))

    def test_who_wants_it_past_the_store_gets_it_from_tmdb(self) -> None:
        self.a.ask()
        self.a.route.succeeds(OLD)
        self.clock.advance(0)
        asking = self.b.ask(past_store=True)
        self.assertEqual(self.sent(), [1, 1, 0])
        self.b.route.succeeds(NEW)
        self.assertEqual(self.got(asking)[0], NEW.body)
        self.clock.advance(0)
        self.assertEqual(self.got(self.c.ask()), (NEW.body, "shared"))

    def test_what_may_not_be_stored_is_not_shared_and_frees_its_claim(self) -> None:
        private = replace(OLD, cache_control="private")
        for node in self.nodes:
            asking = node.ask()
            node.route.succeeds(private)
            self.assertEqual(self.got(asking)[0], OLD.body)
            self.clock.advance(0)
        self.assertEqual(self.sent(), [1, 1, 1])


class Away(FleetCase):
    """The engine's death is nothing."""

    def test_without_it_each_asks_for_itself_at_once(self) -> None:
        self.server.stop()
        asking = [node.ask() for node in self.nodes]
        self.assertEqual(self.sent(), [1, 1, 1])
        for node, each in zip(self.nodes, asking, strict=True):
            node.route.succeeds(OLD)
            self.assertEqual(self.got(each), (OLD.body, "uri-miss"))

    def test_who_waits_when_it_dies_asks_for_itself(self) -> None:
        self.a.ask()
        waiting = self.b.ask()
        self.server.stop()
        self.clock.advance(POLL)
        self.assertEqual(self.sent(), [1, 1, 0])
        self.b.route.succeeds(OLD)
        self.assertEqual(self.got(waiting)[0], OLD.body)

    def test_it_is_used_again_when_it_is_back(self) -> None:
        self.server.stop()
        self.server.forget()
        self.server.start()
        self.a.ask()
        self.a.route.succeeds(OLD)
        self.clock.advance(0)
        self.assertEqual(self.got(self.b.ask()), (OLD.body, "shared"))

    def test_what_is_in_it_is_used_only_as_it_was_written(self) -> None:
        self.a.ask()
        self.a.route.succeeds(OLD)
        self.clock.advance(0)
        [key] = [each for each in self.server.data if ":r:" in each]
        good = self.server.data[key]
        wrong = [
            b"",
            b"foreign",
            good[:-1],
            good + b"x",
            good.replace(b"streamr1", b"streamr2"),
            *(
                good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
                for at in range(0, len(good), 7)
            ),
        ]
        for number, value in enumerate(wrong, 1):
            self.server.data[key] = value
            asking = self.b.ask()
            self.assertEqual(self.b.sent, number, value)
            asking.addErrback(lambda _gone: None)
            asking.cancel()
            self.assertEqual(self.b.tier.broken, number)
        # another key's record is none of this one's
        self.server.data[key] = good
        other = replace(QUERY, path="/movie/551")
        self.b.ask(other)
        self.server.data[self.b.tier._record("/movie/551")] = good
        self.assertEqual(len(self.b.store), 0)

    def test_one_line_tells_of_each_change(self) -> None:
        messages: list[str] = []
        from twisted.logger import globalLogPublisher

        def note(event: dict[str, object]) -> None:
            if str(event.get("code", "")).startswith("shared"):
                messages.append(str(event["code"]))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        for _ in range(3):
            self.a.tier._engine.lose("refused")
        self.a.tier._engine.find()
        self.assertEqual(messages, ["shared-away", "shared-up"])


class Foreign(FleetCase):
    """What is in the engine and was not put there by a streamr."""

    def hostile(self, body: bytes, **more: object) -> None:
        """A record with a right digest, and whatever in it."""
        self.a.ask()
        self.a.route.succeeds(OLD)
        self.clock.advance(0)
        [stored] = self.a.store
        [place] = [each for each in self.server.data if ":r:" in each]
        head = {
            **{name: getattr(stored, name) for name in record._PLAIN},
            "validators": None,
            **more,
        }
        text = json.dumps({k: v for k, v in head.items() if v != "left out"}).encode()
        now = self.server.now() / 1000
        fixed = record._FIXED.pack(now, self.life(), 0, len(text))
        rest = fixed + text + body
        digest = record._digest(stored.key.encode(), rest)
        self.server.data[place] = record._FORM + digest + rest
        self.b.ask()
        self.assertEqual((self.b.sent, self.b.tier.broken), (1, 1))

    def life(self) -> bytes:
        return self.a.tier.purges.life.encode()

    def test_a_record_without_a_field(self) -> None:
        self.hostile(gzip.compress(b"{}"), validators="left out")

    def test_a_record_with_another_type(self) -> None:
        self.hostile(gzip.compress(b"{}"), lifetime="long")

    def test_a_record_whose_body_is_broken(self) -> None:
        body = bytearray(gzip.compress(b"{}" * 100))
        body[12] ^= 0xFF
        self.hostile(bytes(body))

    def test_a_number_of_purges_that_is_none(self) -> None:
        for key, value in (
            (self.b.tier._purges_key, b"-5"),
            (self.b.tier._life_key, b"\xff" * 40),
        ):
            self.server.put(key, value)
            self.clock.advance(3 * BEAT)
            for node in (self.a, self.b):
                asking = node.ask(replace(QUERY, path=f"/movie/{len(value)}"))
                node.route.succeeds(OLD) if node.sent else None
                self.clock.advance(POLL)
                self.assertEqual(self.got(asking)[0], OLD.body)
            self.server.forget()

    def test_a_purge_that_is_none(self) -> None:
        key = self.b.tier._purges_key
        for told in (
            json.dumps(["title", "movie/\ud800"]),
            json.dumps(["path", ""]),
            json.dumps(["nothing", "x"]),
            "[" * 100_000,
            "x",
            "null",
        ):
            self.server.run("EVAL", scripts.PURGE, 1, key, told, 100, "news")
        self.clock.advance(2 * BEAT)
        self.assertEqual(self.b.tier.purges.count, 6)
        self.a.ask()
        self.a.route.succeeds(OLD)
        self.clock.advance(0)
        self.assertEqual(self.got(self.b.ask()), (OLD.body, "shared"))


class Clocks(FleetCase):
    """Nodes whose clocks differ agree on ages."""

    def test_ages_are_the_engines(self) -> None:
        other = Clock()
        other.advance(5_000_000.0)
        server = self.server
        node = Node(server, other)
        self.a.ask()
        self.a.route.succeeds(OLD)
        self.clock.advance(100.0)
        other.advance(100.0)  # beats
        asking = node.ask()
        outcome = self.successResultOf(asking).outcome
        self.assertEqual((outcome.stored.body, round(outcome.age)), (OLD.body, 100))
        node.tier.stop()


class Purging(FleetCase):
    """A purge on one node reaches all."""

    WHAT = Purge("path", "/movie/550")

    def setUp(self) -> None:
        super().setUp()
        self.fill()

    def fill(self, answer: Answer = OLD) -> None:
        self.a.ask()
        self.a.route.succeeds(answer)
        self.clock.advance(0)
        for node in (self.b, self.c):
            self.successResultOf(node.ask())

    def kept(self) -> list[int]:
        return [len(each.store) for each in self.nodes]

    def test_at_once(self) -> None:
        self.assertEqual(self.kept(), [1, 1, 1])
        self.b.purge(self.WHAT)
        self.clock.advance(0)
        self.assertEqual(self.kept(), [0, 0, 0])

    def test_within_a_second_when_the_push_is_lost(self) -> None:
        for node in self.nodes:
            node.tier._engine.pushed = lambda _news: None
        self.clock.advance(FIRST_BEAT)
        self.b.purge(self.WHAT)
        self.clock.advance(BEAT)
        self.assertEqual(self.kept(), [0, 0, 0])

    def test_what_was_shared_before_it_is_not_taken_after_it(self) -> None:
        self.b.purge(self.WHAT)
        self.clock.advance(0)
        asking = self.c.ask()
        self.assertEqual(self.c.sent, 1)
        self.c.route.succeeds(NEW)
        self.assertEqual(self.got(asking)[0], NEW.body)
        self.clock.advance(0)
        self.assertEqual(self.got(self.a.ask()), (NEW.body, "shared"))

    def test_nor_what_was_asked_for_before_it(self) -> None:
        self.b.purge(self.WHAT)
        self.clock.advance(0)
        self.a.ask()
        self.b.purge(self.WHAT)
        self.clock.advance(0)
        self.a.route.succeeds(OLD)
        self.clock.advance(0)
        asking = self.c.ask()
        self.assertNoResult(asking)
        self.assertEqual(self.c.sent, 1)

    def test_what_it_does_not_name_stays(self) -> None:
        self.b.purge(Purge("path", "/movie/551"))
        self.clock.advance(0)
        self.assertEqual(self.kept(), [1, 1, 1])
        new = Node(self.server, self.clock)
        self.assertEqual(self.got(new.ask()), (OLD.body, "shared"))
        new.tier.stop()

    def test_a_node_that_was_away_catches_up(self) -> None:
        self.c.tier._engine.lose()
        self.b.purge(self.WHAT)
        self.clock.advance(60.0)
        self.assertEqual(self.kept(), [0, 0, 1])
        self.c.tier._engine.find()
        self.assertEqual(self.kept(), [0, 0, 0])

    def test_so_does_one_that_was_stopped(self) -> None:
        known = remembered(self.c.tier.known())
        self.c.tier.stop()
        self.b.purge(self.WHAT)
        self.clock.advance(0)
        self.server.down = True
        again = Node(self.server, self.clock, known)
        [kept] = self.c.store
        again.store.put(kept.key, kept)
        self.server.start()
        self.assertEqual(len(again.store), 0)
        again.tier.stop()

    def test_one_that_has_missed_too_many_drops_everything(self) -> None:
        self.c.tier._engine.lose()
        for number in range(150):
            self.b.purge(Purge("path", f"/tv/{number}"))
        self.clock.advance(0)
        self.c.tier._engine.find()
        self.assertEqual(len(self.c.store), 0)

    def test_one_that_purges_while_the_engine_is_away_says_so_later(self) -> None:
        self.server.stop()
        self.b.purge(self.WHAT)
        self.assertEqual(self.kept(), [1, 0, 1])
        self.server.start()
        self.clock.advance(BEAT)
        self.assertEqual(self.kept(), [0, 0, 0])
        # and once
        self.fill(NEW)
        self.clock.advance(5 * BEAT)
        self.assertEqual(self.kept(), [1, 1, 1])

    def test_the_node_that_purges_does_not_take_it_back(self) -> None:
        """Before the engine has told it of its own purge, and afterwards."""
        self.b.purge(self.WHAT)
        asking = self.b.ask()
        self.assertEqual(self.b.sent, 1)
        self.b.route.succeeds(NEW)
        self.clock.advance(5 * BEAT)
        self.assertEqual(self.got(asking)[0], NEW.body)
        # what it has fetched since is not purged by it again
        self.assertEqual(self.kept(), [0, 1, 0])

    def test_what_was_looked_at_before_it_is_not_served_stale_after_it(self) -> None:
        self.clock.advance(STALE)
        for node in self.nodes:
            node.store.purge(lambda _each: True)
        asking = self.b.ask()
        self.c.purge(self.WHAT)
        self.clock.advance(2 * BEAT)
        self.b.route.fails("tls_certificate_error")
        self.assertIsNotNone(self.successResultOf(asking).outcome.fault)
        self.assertEqual(self.kept(), [0, 0, 0])

    def test_one_that_is_not_said_yet_outlives_a_restart(self) -> None:
        self.server.stop()
        self.b.purge(self.WHAT)
        known = remembered(self.b.tier.known())
        self.b.tier.stop()
        self.server.start()
        again = Node(self.server, self.clock, known)
        self.clock.advance(5 * BEAT)
        self.assertEqual(self.kept()[::2], [0, 0])
        again.tier.stop()

    def empty(self, *nodes: Node) -> None:
        """The engine restarts without a disk; these nodes find it again."""
        self.server.stop()
        self.server.forget()
        self.server.down = False
        for node in nodes:
            node.tier._engine.find()
        self.clock.advance(BEAT)

    def many(self) -> None:
        for number in range(3):
            self.b.purge(Purge("path", f"/tv/{number}"))
        self.clock.advance(0)

    def test_one_of_the_engines_next_life_is_not_missed(self) -> None:
        """Though there were more of them in its last one."""
        self.many()
        self.empty(self.a, self.b)
        self.b.purge(self.WHAT)
        self.clock.advance(BEAT)
        self.c.tier._engine.find()
        self.clock.advance(BEAT)
        self.assertEqual(self.kept(), [0, 0, 0])

    def test_what_was_asked_for_in_its_last_life_is_not_shared_in_its_next(
        self,
    ) -> None:
        self.many()
        other = replace(QUERY, path="/movie/551")
        self.a.ask(other)
        self.empty(*self.nodes)
        self.a.route.succeeds(OLD)
        self.clock.advance(0)
        self.c.ask(other)
        self.assertEqual(self.c.sent, 1)

    def test_one_that_was_stopped_through_it_drops_everything(self) -> None:
        """Who knows what was purged meanwhile?"""
        self.clock.advance(5 * BEAT)
        known = remembered(self.c.tier.known())
        self.c.tier.stop()
        self.empty(self.a, self.b)
        self.server.down = True
        again = Node(self.server, self.clock, known)
        [kept] = self.c.store
        again.store.put(kept.key, kept)
        self.server.start()
        self.assertEqual(len(again.store), 0)
        # and those that ran through it keep what they have
        self.assertEqual(self.kept()[:2], [1, 1])
        again.tier.stop()

    def test_an_engine_that_has_forgotten_all_purges_nothing(self) -> None:
        self.b.purge(Purge("path", "/tv/1"))
        self.clock.advance(0)
        self.server.stop()
        self.server.forget()
        self.server.start()
        self.clock.advance(BEAT)
        self.assertEqual(self.kept(), [1, 1, 1])
        self.b.purge(self.WHAT)
        self.clock.advance(BEAT)
        self.assertEqual(self.kept(), [0, 0, 0])
