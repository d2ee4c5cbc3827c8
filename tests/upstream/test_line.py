"""The line to one host, as our own requests find it."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.congestion import TELLING
from streamr.policy.retry import HEDGE_AFTER
from streamr.policy.roundtrip import LASTS
from streamr.upstream.line import BUSY, LEAST_BUSY, MOST_PATIENCE, Access, HostLine


class LineCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.access = Access(self.clock)
        self.line = HostLine(self.clock, 15, self.access)

    def connect(self, seconds: float, line: HostLine | None = None) -> object:
        """TCP stands after so long, and TLS begins."""
        attempt, began = object(), self.clock.seconds()
        (line or self.line).begun(attempt)
        self.clock.advance(seconds)
        (line or self.line).connected(began)
        (line or self.line).greets(attempt)
        return attempt

    def handshake(self, seconds: float) -> None:
        """A connection, quick, and a handshake that takes so long."""
        attempt, began = self.connect(0.0), self.clock.seconds()
        self.clock.advance(seconds)
        self.line.moved()
        self.line.secured(began, attempt)
        self.line.ended(attempt)

    def first_byte(self, seconds: float) -> None:
        began = self.clock.seconds()
        self.clock.advance(seconds)
        self.line.moved()
        self.line.answered(began)

    def body(self, size: int, seconds: float) -> None:
        began = self.clock.seconds()
        self.clock.advance(seconds)
        self.line.moved()
        self.line.transferred(size, began)


class Patience(LineCase):
    """How long silence is usual."""

    def test_a_quarter_of_a_second_where_nothing_is_known_and_on_a_short_line(
        self,
    ) -> None:
        self.assertEqual(self.line.patience, HEDGE_AFTER)
        for _ in range(20):
            self.connect(0.02)
            self.handshake(0.03)
        self.assertEqual(self.line.patience, HEDGE_AFTER)

    def test_on_a_long_line_what_three_round_trips_take_and_vary(self) -> None:
        for _ in range(60):
            self.connect(0.3)
        self.assertAlmostEqual(self.line.patience, 0.9, places=2)

    def test_the_first_measurement_is_trusted_less(self) -> None:
        self.connect(0.12)
        self.assertAlmostEqual(self.line.patience, 5 * 0.12)

    def test_tmdb_itself_being_slow_puts_off_no_hedge(self) -> None:
        for _ in range(20):
            self.first_byte(3.0)
        self.assertEqual(self.line.patience, HEDGE_AFTER)
        self.assertFalse(self.line.busy)

    def test_on_a_busy_line_what_an_answer_takes_there(self) -> None:
        self.handshake(0.8)
        self.assertGreaterEqual(self.line.patience, LEAST_BUSY)
        for _ in range(20):
            self.first_byte(3.0)
            self.handshake(2.0)
        self.assertGreater(self.line.patience, 3.0)

    def test_a_handshake_that_is_late_now_is_counted_in_before_it_ends(self) -> None:
        self.connect(0.12)
        self.clock.advance(1.0)
        self.line.moved()
        self.assertTrue(self.line.busy)
        self.assertAlmostEqual(self.line.patience, 3.0)

    def test_one_that_was_given_up_is_not(self) -> None:
        attempt = self.connect(0.12)
        self.clock.advance(1.0)
        self.line.moved()
        self.line.ended(attempt)
        self.assertFalse(self.line.busy)

    def test_a_lost_packet_on_a_line_that_is_free_makes_it_no_busy_one(self) -> None:
        attempt = self.connect(1.03)
        self.line.ended(attempt)
        self.assertFalse(self.line.busy)

    def test_when_the_load_is_over_it_is_bounded_and_soon_forgotten(self) -> None:
        began = self.clock.seconds()
        self.clock.advance(3.0)
        self.line.moved()
        self.clock.advance(1.0)
        self.line.connected(began)
        self.assertGreater(self.line.patience, MOST_PATIENCE)
        self.clock.advance(BUSY)
        self.assertEqual(self.line.patience, MOST_PATIENCE)
        self.clock.advance(60.0)
        self.assertEqual(self.line.patience, HEDGE_AFTER)


class OurLoad(LineCase):
    """Which silence is our own doing."""

    def test_a_line_on_which_nothing_moves_is_silent_itself(self) -> None:
        self.handshake(2.0)
        since = self.clock.seconds()
        self.clock.advance(1.2)
        self.assertFalse(self.line.explains(since))

    def test_bytes_that_trickle_explain_it(self) -> None:
        since = self.clock.seconds()
        self.clock.advance(1.0)
        self.line.moved()
        self.assertTrue(self.line.explains(since))

    def test_something_late_explains_it(self) -> None:
        since = self.clock.seconds()
        self.first_byte(0.1)
        self.body(3000, 0.9)
        self.assertTrue(self.line.explains(since))

    def test_what_comes_promptly_does_not(self) -> None:
        """A route is blocked, and others to the host work: it is not our load."""
        since = self.clock.seconds()
        for _ in range(10):
            self.connect(0.02)
            self.handshake(0.05)
            # the tickets of TLS 1.3, which come a round trip later
            self.clock.advance(0.02)
            self.line.moved()
            self.first_byte(0.15)
            self.body(20_000, 0.01)
        self.assertFalse(self.line.explains(since))
        self.assertFalse(self.line.busy)

    def test_lines_that_share_the_access_are_busy_together(self) -> None:
        other = HostLine(self.clock, 15, self.access)
        apart = HostLine(self.clock, 15)
        since = self.clock.seconds()
        self.handshake(2.0)
        self.assertTrue(other.busy and other.explains(since))
        self.assertGreaterEqual(other.patience, LEAST_BUSY)
        self.assertFalse(apart.busy or apart.explains(since))


class Beginning(LineCase):
    """Which SYNs and ClientHellos may go: few, until the line has carried several."""

    def goes(self, began: float) -> bool:
        """Whether TLS may begin at once on a connection that was asked for then."""
        return bool(self.line.greet(began, None).turn.called)

    def test_the_first_hello_goes_and_the_next_when_its_silence_is_unusual(
        self,
    ) -> None:
        now = self.clock.seconds()
        self.assertTrue(self.goes(now))
        waiting = self.line.greet(now, None)
        self.clock.advance(HEDGE_AFTER - 1 / 64)
        self.assertFalse(waiting.turn.called)
        self.clock.advance(1 / 64)
        self.assertTrue(waiting.turn.called)

    def test_another_route_is_taken_at_once(self) -> None:
        now, one, other = self.clock.seconds(), object(), object()
        self.assertTrue(self.line.greet(now, one).turn.called)
        self.assertTrue(self.line.greet(now, other).turn.called)
        self.assertFalse(self.line.greet(now, other).turn.called)

    def test_beside_a_hello_a_connection_that_was_late_waits(self) -> None:
        self.connect(0.02, HostLine(self.clock, 15, self.access))
        began = self.clock.seconds()
        self.assertTrue(self.goes(began))
        self.clock.advance(0.5)
        waiting = self.line.greet(began, None)
        self.clock.advance(0.4375)
        self.assertFalse(waiting.turn.called)
        self.clock.advance(0.0625)
        self.assertTrue(waiting.turn.called)

    def test_a_host_that_is_far_is_not_late(self) -> None:
        self.connect(0.5)
        began = self.clock.seconds()
        self.assertTrue(self.goes(began))
        self.clock.advance(0.5)
        self.assertTrue(self.goes(began))

    def test_nor_on_a_network_that_is_far_from_everything(self) -> None:
        self.connect(0.02)
        self.clock.advance(LASTS)
        self.connect(0.5)
        began = self.clock.seconds()
        self.assertTrue(self.goes(began))
        self.clock.advance(0.5)
        self.assertTrue(self.goes(began))

    def test_beside_other_bytes_of_ours_as_well(self) -> None:
        self.connect(0.02)
        began = self.clock.seconds()
        self.clock.advance(0.25)
        self.line.moved()
        self.clock.advance(0.25)
        waiting = self.line.greet(began, None)
        self.clock.advance(0.5)
        self.line.moved()
        self.clock.advance(0.9375)
        self.assertFalse(waiting.turn.called)
        self.clock.advance(0.0625)
        self.assertTrue(waiting.turn.called)

    def test_beside_another_that_was_late_as_well(self) -> None:
        self.connect(0.02)
        before = self.clock.seconds()
        self.line.moved()
        self.clock.advance(0.25)
        began = self.clock.seconds()
        self.clock.advance(0.125)
        self.line.moved()
        self.line.connected(before)
        waiting = self.line.greet(began, object())
        self.assertFalse(waiting.turn.called)
        self.clock.advance(1.0)
        self.assertTrue(waiting.turn.called)

    def test_a_packet_that_was_lost_alone_makes_nothing_wait(self) -> None:
        began = self.clock.seconds()
        self.clock.advance(1.03)
        self.assertTrue(self.goes(began))

    def test_on_a_line_that_has_carried_several_all_go_also_those_that_wait(
        self,
    ) -> None:
        began = self.clock.seconds()
        self.assertTrue(self.goes(began))
        waiting = [self.line.greet(began, None), self.line.knock("192.0.2.1")]
        waiting.append(self.line.knock("192.0.2.1"))
        self.handshake(0.01)
        self.assertEqual([each.turn.called for each in waiting], [True] * 3)

    def test_an_address_that_does_not_answer_is_not_asked_again_at_once(self) -> None:
        first, other = self.line.knock("192.0.2.1"), self.line.knock("192.0.2.2")
        again = self.line.knock("192.0.2.1")
        self.assertEqual(
            [each.turn.called for each in (first, other, again)], [True, True, False]
        )
        first.over()
        self.assertTrue(again.turn.called)

    def test_late_beside_a_hello_makes_a_busy_line(self) -> None:
        for beside in (False, True):
            self.setUp()
            self.line.ended(self.connect(0.02))
            began = self.clock.seconds()
            if beside:
                self.goes(began)
            self.clock.advance(0.5)
            self.line.connected(began)
            self.assertIs(self.line.busy, beside)

    def test_the_next_address_is_tried_soon_only_while_nothing_is_known(self) -> None:
        self.assertTrue(self.line.is_new)
        self.goes(self.clock.seconds())
        self.assertFalse(self.line.is_new)
        self.setUp()
        self.connect(0.0)
        self.assertTrue(self.line.is_new)  # a measurement of 0 is none
        self.connect(0.02)
        self.assertFalse(self.line.is_new)


class Places(LineCase):
    """How many may be under way."""

    def test_a_body_of_one_segment_says_nothing(self) -> None:
        self.connect(0.02)
        self.body(1460, 0.0)
        self.assertEqual(self.line.places, 1)
        self.body(1461, 0.0)
        self.assertEqual(self.line.places, 2)

    def test_a_body_that_would_come_quickly_on_any_line_widens_nothing(self) -> None:
        self.connect(0.02)
        self.body(TELLING - 1, 0.0)
        self.assertEqual(self.line.places, 2)
        self.body(TELLING, 0.0)
        self.assertEqual(self.line.places, 3)

    def test_neither_quick_nor_late_changes_nothing(self) -> None:
        told: list[int] = []
        self.line.moved()
        self.line.subscribe(lambda: told.append(self.line.places))
        self.handshake(0.02)
        self.handshake(0.3)
        self.assertEqual((self.line.places, told), (3, [3]))

    def test_a_silence_that_our_load_explains_is_lateness(self) -> None:
        for _ in range(3):
            for _ in range(8):
                self.line.begun(object())
            self.handshake(0.02)
        self.assertEqual(self.line.places, 5)
        self.line.timed_out(self.clock.seconds())
        self.assertEqual(self.line.places, 2)
        self.assertTrue(self.line.busy)
