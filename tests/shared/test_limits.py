"""TMDB's limits are one budget for all nodes of an address, with the engine and without
it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.fleet import UNSEEN, parts_of
from streamr.boundaries import PurgeMark
from streamr.errors import Fault
from streamr.shared import scripts
from streamr.shared.tier import BEAT, KNOWN_AFTER, SEEN, Fleet, FleetTier, Remembered
from streamr.upstream.ratelimit import Pacer
from tests.shared.fake import Server

HOST, RATE, CONNECTIONS = "api.themoviedb.org", 35.0, 15


class Node:
    """One node: its tier, and the pacer that keeps to it."""

    def __init__(self, server: Server, clock: Clock, before: Remembered | None = None):
        self.clock = clock
        self.tier = FleetTier(
            server.make,
            clock,
            "site",
            "address",
            8.0,
            lambda _what: None,
            self.share,
            before=before,
        )
        self.pacer = Pacer(
            clock,
            RATE,
            CONNECTIONS,
            None,
            lambda: Deferred.fromCoroutine(self.tier.limits.permit(HOST, RATE)),
            lambda seconds: self.tier.limits.paused(HOST, seconds),
        )
        self.parts = (0.0, 0.0)
        self.sent: list[float] = []
        self.answers: list[Deferred[None]] = []
        self.tier.start()

    def share(self, fleet: Fleet) -> None:
        self.parts = parts_of(fleet)
        of_rate, of_connections = self.parts
        most = max(1, int(CONNECTIONS * of_connections)) if of_connections else 0
        self.pacer.share(of_rate, most)
        self.most = most

    def send(self, until: float = 1e9, *, answered: bool = True) -> Deferred[None]:
        def call() -> Deferred[None]:
            self.sent.append(self.clock.seconds())
            self.answers.append(Deferred())
            if answered:
                self.answers[-1].callback(None)
            return self.answers[-1]

        return self.pacer.run(call, lambda: None, until=until)


class Limits(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.server = Server(self.clock)
        self.nodes: list[Node] = []
        self.addCleanup(lambda: [each.tier.stop() for each in self.nodes])

    def node(self, before: Remembered | None = None) -> Node:
        self.nodes.append(Node(self.server, self.clock, before))
        return self.nodes[-1]

    def pass_by(self, seconds: float, step: float = 0.05) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)

    def most(self) -> int:
        """The connections that all of them may have together."""
        return sum(each.most for each in self.nodes)

    def rate(self) -> float:
        """What the busiest second and a burst have seen."""
        sent = sorted(at for each in self.nodes for at in each.sent)
        return max(sum(1 for at in sent if begin <= at < begin + 1.0) for begin in sent)

    def test_a_node_that_has_never_seen_the_engine_takes_a_tenth(self) -> None:
        self.server.down = True
        node = self.node()
        self.assertEqual(node.parts, (1 / UNSEEN, 1 / UNSEEN))

    def test_one_that_has_seen_others_takes_its_part(self) -> None:
        self.server.down = True
        self.assertEqual(self.node(Remembered(3, PurgeMark())).parts, (1 / 3, 1 / 3))
        self.assertEqual(self.node(Remembered(0, PurgeMark())).parts, (0.1, 0.1))

    def test_while_the_engine_is_there_it_counts_the_rate(self) -> None:
        node = self.node()
        self.assertEqual(node.parts, (0.1, 0.0))
        self.pass_by(KNOWN_AFTER * BEAT)
        self.assertEqual(node.parts, (1.0, 1.0))

    def test_connections_are_never_more_than_all_together_may_have(self) -> None:
        """Nodes come and go, and the engine forgets all and comes back."""
        for _ in range(3):
            self.node()
            for _ in range(100):
                self.clock.advance(0.05)
                self.assertLessEqual(self.most(), CONNECTIONS)
        self.assertEqual([each.most for each in self.nodes], [5, 5, 5])
        self.server.stop()
        self.server.forget()
        self.pass_by(3.0)
        self.assertEqual([each.most for each in self.nodes], [5, 5, 5])
        self.server.start()
        for _ in range(100):
            self.clock.advance(0.05)
            self.assertLessEqual(self.most(), CONNECTIONS)
        self.assertEqual([each.most for each in self.nodes], [5, 5, 5])

    def test_what_one_leaves_the_others_have_after_a_while(self) -> None:
        for _ in range(3):
            self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        # killed: it does not say so
        self.nodes[2].tier._engine.kill()
        gone = self.nodes.pop()
        self.pass_by(SEEN + 2 * BEAT)
        self.assertEqual([each.most for each in self.nodes], [7, 7])
        gone.tier.stop()
        self.nodes[1].tier.stop()
        self.nodes.pop()
        self.pass_by(2 * BEAT)
        self.assertEqual(self.nodes[0].most, 15)

    def test_all_together_keep_to_the_rate(self) -> None:
        for _ in range(3):
            self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        for _ in range(50):
            for node in self.nodes:
                node.send()
        self.pass_by(5.0)
        # a second, and what may go at once
        self.assertLessEqual(self.rate(), RATE + 10)
        self.assertEqual(sum(len(each.sent) for each in self.nodes), 150)

    def test_so_they_do_while_the_engine_is_away(self) -> None:
        for _ in range(3):
            self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        self.server.stop()
        self.pass_by(2.0)
        for _ in range(50):
            for node in self.nodes:
                node.send()
        self.pass_by(6.0)
        self.assertLessEqual(self.rate(), RATE + 10)
        self.assertEqual(sum(len(each.sent) for each in self.nodes), 150)

    def test_a_429_pauses_all(self) -> None:
        one, other = self.node(), self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        one.pacer.limited(20.0)
        waiting = other.send()
        fault = self.failureResultOf(waiting, Fault).value
        self.assertEqual(fault.cause.name, "http_rate_limited")
        self.assertEqual((len(other.sent), other.pacer.paused > 19), (0, True))
        # whoever was told does not tell the others again
        self.pass_by(20.5)
        self.assertIsNone(self.successResultOf(other.send()))

    def test_a_place_far_ahead_is_asked_for_again_later(self) -> None:
        node = self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        for _ in range(80):
            self.server.run("EVAL", *self.rate_script())
        waiting = node.send()
        self.assertNoResult(waiting)
        self.pass_by(3.0)
        self.assertIsNone(self.successResultOf(waiting))

    def rate_script(self) -> tuple[object, ...]:
        base = "streamr:1:limits:address:"
        keys = (f"{base}rate:{HOST}", f"{base}pause:{HOST}")
        return (scripts.RATE, 2, *keys, str(1000 / RATE), 10, 1000)

    def test_calls_without_an_answer_have_one_nodes_part(self) -> None:
        for _ in range(3):
            self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        self.server.refuses = True
        limits = self.nodes[0].tier.limits
        grants = [
            self.successResultOf(Deferred.fromCoroutine(limits.permit(HOST, RATE)))
            for _ in range(4)
        ]
        for number, grant in enumerate(grants):
            self.assertAlmostEqual(grant.seconds, number * 3 / RATE)

    def test_an_engine_that_refuses_scripts_is_away(self) -> None:
        """A replica, or one that is full: it is greeted well."""
        self.server.refuses = True
        node = self.node()
        self.pass_by(2.0)
        self.assertEqual(node.parts, (0.1, 0.1))
        self.assertFalse(node.tier.up)
        self.server.refuses = False
        self.pass_by(3.0)
        self.assertEqual(node.parts, (1.0, 1.0))

    def test_one_that_refuses_later_costs_nothing_of_the_limits(self) -> None:
        for _ in range(3):
            self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        self.server.refuses = True
        for _ in range(50):
            for node in self.nodes:
                node.send()
        self.pass_by(6.0)
        self.assertLessEqual(self.rate(), RATE + 10)

    def test_who_has_a_place_does_not_leave_in_a_pause(self) -> None:
        node = self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        for _ in range(35):
            self.server.run("EVAL", *self.rate_script())
        waiting = node.send()
        self.pass_by(0.05)
        node.pacer.limited(20.0)
        self.pass_by(5.0)
        self.assertEqual(node.sent, [])
        self.failureResultOf(waiting, Fault)

    def test_a_shorter_pause_does_not_end_a_longer_one(self) -> None:
        one, other, third = (self.node() for _ in range(3))
        self.pass_by(KNOWN_AFTER * BEAT)
        one.pacer.limited(60.0)
        other.pacer.limited(None)
        self.pass_by(2.0)
        self.failureResultOf(third.send(), Fault)

    def test_a_clock_that_is_set_back_stops_nobody(self) -> None:
        node = self.node()
        self.pass_by(KNOWN_AFTER * BEAT)
        node.send()
        key = f"streamr:1:limits:address:rate:{HOST}"
        self.server.put(key, str(self.server.now() + 300_000).encode())
        waiting = node.send()
        self.pass_by(8.0)
        self.assertIsNone(self.successResultOf(waiting))
