"""Name lookups: remembered, asked for once at a time, and never in anybody's way."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.upstream.resolve.cache import (
    FAILED_SECONDS,
    FRESH_SECONDS,
    KEPT_SECONDS,
    RememberingResolver,
)
from streamr.upstream.resolve.pins import FAMILIES, PinnedResolver
from streamr.upstream.resolve.system import MOST_AT_ONCE, Lookups, system_lookup

NAME = "api.test.invalid"
V4, V6 = (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")
OTHER = (socket.AF_INET, "192.0.2.2")
# For a thread that has nothing to wait for; only a test that hangs comes here.
PATIENCE = 10.0


@implementer(IResolutionReceiver)
class Receiver:
    """Takes what a resolver finds, and insists on the order of the calls."""

    def __init__(self) -> None:
        self.resolution: IHostResolution | None = None
        self.addresses: list[Any] = []
        self.completed = 0

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        assert self.resolution is None
        self.resolution = resolutionInProgress

    def addressResolved(self, address: Any) -> None:
        assert self.resolution is not None
        assert not self.completed
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        assert self.resolution is not None
        self.completed += 1

    @property
    def found(self) -> list[str] | None:
        """The addresses; None while the resolution is under way."""
        assert self.completed <= 1
        return [each.host for each in self.addresses] if self.completed else None


class Asked:
    """The lookups that were asked for; the test ends them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Deferred[list[tuple[int, str]]]]] = []

    def find(self, name: str) -> Deferred[list[tuple[int, str]]]:
        finding: Deferred[list[tuple[int, str]]] = Deferred()
        self.asked.append((name, finding))
        return finding

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def finds(self, *pairs: tuple[int, str]) -> None:
        self.asked[-1][1].callback(list(pairs))

    def fails(self, error: Exception | None = None) -> None:
        self.asked[-1][1].errback(error or socket.gaierror(socket.EAI_AGAIN, "later"))


class ResolverCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.lookup = Asked()
        self.resolver = RememberingResolver(self.lookup.find, self.clock)

    def ask(
        self,
        name: str = NAME,
        kinds: Sequence[type[Any]] | None = None,
        port: int = 443,
    ) -> Receiver:
        receiver = Receiver()
        self.resolver.resolveHostName(receiver, name, port, kinds)
        return receiver

    def known(self, *pairs: tuple[int, str]) -> None:
        self.ask()
        self.lookup.finds(*(pairs or (V4,)))


class TheResolver(ResolverCase):
    def test_it_is_a_resolver_of_twisteds(self) -> None:
        verifyObject(IHostnameResolver, self.resolver)
        verifyObject(IHostResolution, self.ask().resolution)
        verifyObject(IResolutionReceiver, Receiver())

    def test_the_resolution_knows_its_name_and_may_be_cancelled(self) -> None:
        receiver = self.ask()
        assert receiver.resolution is not None
        self.assertEqual(receiver.resolution.name, NAME)
        receiver.resolution.cancel()
        self.lookup.finds(V4)
        self.assertEqual(self.ask().found, ["192.0.2.1"])

    def test_the_resolution_is_told_and_returned(self) -> None:
        for _ in ("from a lookup", "from memory"):
            receiver = Receiver()
            returned = self.resolver.resolveHostName(receiver, NAME, 443)
            self.assertIs(returned, receiver.resolution)
            if not receiver.completed:
                self.lookup.finds(V4)
            self.assertEqual(receiver.found, ["192.0.2.1"])

    def test_who_names_no_port_gets_none(self) -> None:
        self.known()
        receiver = Receiver()
        self.resolver.resolveHostName(receiver, NAME)
        self.assertEqual([each.port for each in receiver.addresses], [0])

    def test_addresses_come_with_the_port_and_in_their_order(self) -> None:
        receiver = self.ask(port=8443)
        self.lookup.finds(V6, V4, OTHER)
        self.assertEqual(
            receiver.addresses,
            [
                IPv6Address("TCP", "2001:db8::1", 8443),
                IPv4Address("TCP", "192.0.2.1", 8443),
                IPv4Address("TCP", "192.0.2.2", 8443),
            ],
        )

    def test_who_asks_for_another_port_gets_that_port(self) -> None:
        self.known()
        self.assertEqual(self.ask(port=1).addresses[0].port, 1)
        self.assertEqual(self.ask(port=2).addresses[0].port, 2)


class OneAtATime(ResolverCase):
    def test_two_hundred_who_ask_together_are_one_lookup(self) -> None:
        receivers = [self.ask() for _ in range(200)]
        self.assertEqual(self.lookup.names, [NAME])
        self.lookup.finds(V4)
        self.assertEqual({tuple(each.found or ()) for each in receivers}, {(V4[1],)})

    def test_other_names_have_lookups_of_their_own(self) -> None:
        first, second = self.ask("a.test.invalid"), self.ask("b.test.invalid")
        self.assertEqual(self.lookup.names, ["a.test.invalid", "b.test.invalid"])
        self.lookup.finds(V4)
        self.assertEqual((first.found, second.found), (None, ["192.0.2.1"]))

    def test_a_failure_reaches_all_who_ask_together(self) -> None:
        receivers = [self.ask() for _ in range(3)]
        self.lookup.fails()
        self.assertEqual([each.found for each in receivers], [[], [], []])


class Remembering(ResolverCase):
    def test_an_answer_is_fresh_for_a_minute(self) -> None:
        self.assertEqual(FRESH_SECONDS, 60.0)
        self.known()
        self.clock.advance(59.9)
        self.assertEqual(self.ask().found, ["192.0.2.1"])
        self.assertEqual(len(self.lookup.asked), 1)

    def test_after_a_minute_the_resolver_is_asked_again_and_believed(self) -> None:
        self.known()
        self.clock.advance(60.0)
        receiver = self.ask()
        self.assertEqual(len(self.lookup.asked), 2)
        self.lookup.finds(OTHER)
        self.assertIn(receiver.found, (["192.0.2.1"], ["192.0.2.2"]))
        self.assertEqual(self.ask().found, ["192.0.2.2"])

    def test_an_old_answer_is_used_when_the_resolver_fails(self) -> None:
        for error in (socket.gaierror(socket.EAI_AGAIN, ""), UnicodeError("idna")):
            self.setUp()
            self.known()
            self.clock.advance(KEPT_SECONDS)
            receiver = self.ask()
            self.lookup.fails(error)
            self.assertEqual(receiver.found, ["192.0.2.1"])

    def test_an_answer_is_used_at_once_until_it_is_a_day_old(self) -> None:
        for age, told in (
            (61.0, ["192.0.2.1"]),
            (86_399.0, ["192.0.2.1"]),
            (86_400.0, None),
        ):
            self.setUp()
            self.known()
            self.clock.advance(age)
            receiver = self.ask()
            self.assertEqual(receiver.found, told, age)
            self.assertEqual(len(self.lookup.asked), 2, age)
            self.lookup.finds(OTHER)
            self.assertEqual(receiver.found, told or ["192.0.2.2"], age)

    def test_when_the_resolver_fails_an_answer_is_used_until_a_day_has_passed(
        self,
    ) -> None:
        for age, told in ((86_400.0, ["192.0.2.1"]), (86_401.0, [])):
            self.setUp()
            self.known()
            self.clock.advance(age)
            receiver = self.ask()
            self.lookup.fails()
            self.assertEqual(receiver.found, told, age)

    def test_a_name_without_addresses_is_one_for_a_minute(self) -> None:
        self.ask()
        self.lookup.finds()
        self.clock.advance(59.0)
        self.assertEqual(self.ask().found, [])
        self.clock.advance(1.0)
        receiver = self.ask()
        self.assertIsNone(receiver.found)
        self.lookup.finds(V4)
        self.assertEqual(receiver.found, ["192.0.2.1"])

    def test_a_failure_of_a_known_name_is_asked_about_behind_its_back(self) -> None:
        self.known()
        self.clock.advance(61.0)
        self.ask()
        self.lookup.fails()
        self.clock.advance(5.0)
        self.assertEqual(self.ask().found, ["192.0.2.1"])
        self.assertEqual(len(self.lookup.asked), 3)
        self.lookup.finds(OTHER)
        self.assertEqual(self.ask().found, ["192.0.2.2"])
        self.clock.advance(59.0)
        self.assertEqual(self.ask().found, ["192.0.2.2"])
        self.assertEqual(len(self.lookup.asked), 3)

    def test_a_hundred_names_are_remembered_the_oldest_is_forgotten_first(self) -> None:
        def learn(*numbers: int) -> None:
            for number in numbers:
                self.ask(f"{number}.test.invalid")
                self.lookup.finds(V4)

        learn(*range(100))
        for number in range(100):
            self.assertEqual(self.ask(f"{number}.test.invalid").found, ["192.0.2.1"])
        self.assertEqual(len(self.lookup.asked), 100)
        # the first is heard of again, so the second is the oldest now
        self.clock.advance(60.0)
        learn(0, 100)
        self.assertEqual(len(self.lookup.asked), 102)
        for number in (0, 2, 99, 100):
            self.assertIsNotNone(self.ask(f"{number}.test.invalid").found, number)
        self.assertIsNone(self.ask("1.test.invalid").found)

    def test_an_answer_that_is_a_day_old_is_not(self) -> None:
        self.known()
        self.clock.advance(KEPT_SECONDS + 1)
        receiver = self.ask()
        self.lookup.fails()
        self.assertEqual(receiver.found, [])

    def test_failures_do_not_make_an_old_answer_younger(self) -> None:
        self.known()
        receiver = Receiver()
        for _ in range(25):
            self.clock.advance(3600)
            receiver = self.ask()
            self.lookup.fails()
        self.assertEqual(receiver.found, [])

    def test_an_old_answer_is_used_while_the_resolver_is_silent(self) -> None:
        # getaddrinfo takes 5 to 30 s to see it (docs/facts/field.md, "DNS fails")
        self.known()
        self.clock.advance(61.0)
        receiver = self.ask()
        self.clock.advance(1.0)
        self.assertEqual(receiver.found, ["192.0.2.1"])

    def test_after_a_failure_nobody_asks_for_five_seconds(self) -> None:
        self.assertEqual(FAILED_SECONDS, 5.0)
        for known in (False, True):
            self.setUp()
            if known:
                self.known()
                self.clock.advance(3600)
            self.ask()
            self.lookup.fails()
            asked = len(self.lookup.asked)
            self.clock.advance(4.9)
            self.assertEqual(self.ask().found, ["192.0.2.1"] if known else [])
            self.assertEqual(len(self.lookup.asked), asked)
            self.clock.advance(0.1)
            self.ask()
            self.assertEqual(len(self.lookup.asked), asked + 1)

    def test_a_name_that_is_back_is_found_again(self) -> None:
        self.ask()
        self.lookup.fails()
        self.clock.advance(5.0)
        receiver = self.ask()
        self.lookup.finds(V4)
        self.assertEqual(receiver.found, ["192.0.2.1"])
        self.clock.advance(59.0)
        self.ask()
        self.assertEqual(len(self.lookup.asked), 2)

    def test_after_an_error_that_nobody_thought_of_the_name_is_asked_again(
        self,
    ) -> None:
        def no_threads(_name: str) -> Deferred[Any]:
            raise RuntimeError("can't start new thread")

        class Broken(Exception):
            pass

        def breaks(name: str) -> Deferred[Any]:
            finding = self.lookup.find(name)
            finding.errback(Broken())
            return finding

        for broken in (no_threads, breaks):
            self.setUp()
            find: list[Callable[[str], Deferred[Any]]] = [broken]
            self.resolver = RememberingResolver(
                lambda name, find=find: find[0](name), self.clock
            )
            with contextlib.suppress(RuntimeError):
                self.ask()
            logged = self.flushLoggedErrors(Broken, RuntimeError)
            self.assertEqual(len(logged), 1, broken.__name__)
            self.lookup.asked.clear()
            find[0] = self.lookup.find
            self.clock.advance(FAILED_SECONDS)
            receiver = self.ask()
            self.assertEqual(self.lookup.names, [NAME], broken.__name__)
            self.lookup.finds(V4)
            self.assertEqual(receiver.found, ["192.0.2.1"])


class Families(ResolverCase):
    """ "IPv4 only" holds through the memory (in Seerr a DNS cache broke it)."""

    def test_only_the_kinds_that_were_asked_for_are_told(self) -> None:
        first = self.ask(kinds=[IPv4Address])
        self.lookup.finds(V6, V4)
        self.assertEqual(first.found, ["192.0.2.1"])
        # from memory, for everyone as they ask
        self.assertEqual(self.ask(kinds=[IPv4Address]).found, ["192.0.2.1"])
        self.assertEqual(self.ask(kinds=[IPv6Address]).found, ["2001:db8::1"])
        self.assertEqual(self.ask().found, ["2001:db8::1", "192.0.2.1"])
        self.assertEqual(len(self.lookup.asked), 1)

    def test_who_joins_a_lookup_keeps_its_own_kinds(self) -> None:
        both, four = self.ask(), self.ask(kinds=[IPv4Address])
        self.lookup.finds(V6, V4)
        self.assertEqual(both.found, ["2001:db8::1", "192.0.2.1"])
        self.assertEqual(four.found, ["192.0.2.1"])

    def test_old_answers_keep_to_the_kinds_as_well(self) -> None:
        self.known(V6, V4)
        self.clock.advance(3600)
        receiver = self.ask(kinds=[IPv4Address])
        self.lookup.fails()
        self.assertEqual(receiver.found, ["192.0.2.1"])

    def test_a_name_without_the_kind_has_no_address(self) -> None:
        self.known(V6)
        self.assertEqual(self.ask(kinds=[IPv4Address]).found, [])

    def test_the_setting_ipv4_reaches_through_pins_and_memory(self) -> None:
        for family, kinds in FAMILIES.items():
            self.setUp()
            self.resolver = PinnedResolver(self.resolver, {}, family)  # type: ignore[assignment]
            first = self.ask()
            self.lookup.finds(V6, V4)
            expected = [V6[1], V4[1]]
            if kinds == (IPv4Address,):
                expected = [V4[1]]
            elif kinds == (IPv6Address,):
                expected = [V6[1]]
            self.assertEqual(first.found, expected, family)
            self.assertEqual(self.ask().found, expected, family)


class Literals(ResolverCase):
    def test_an_address_needs_no_lookup(self) -> None:
        for literal, kind in (("192.0.2.7", IPv4Address), ("::1", IPv6Address)):
            receiver = self.ask(literal)
            self.assertEqual(receiver.addresses, [kind("TCP", literal, 443)])
        self.assertEqual(self.lookup.asked, [])

    def test_it_is_known_by_its_own_spelling_and_told_in_the_usual_one(self) -> None:
        for _ in range(2):
            found = self.ask("2001:DB8:0::1").addresses
            self.assertEqual(found, [IPv6Address("TCP", "2001:db8::1", 443)])

    def test_it_needs_none_an_hour_later_either(self) -> None:
        self.ask("192.0.2.7")
        self.clock.advance(KEPT_SECONDS * 2)
        self.assertEqual(self.ask("192.0.2.7").found, ["192.0.2.7"])

    def test_the_kinds_hold_for_addresses_too(self) -> None:
        self.assertEqual(self.ask("::1", kinds=[IPv4Address]).found, [])

    def test_what_only_looks_like_an_address_is_a_name(self) -> None:
        for name in ("192.0.2", "192.0.2.256", "1.2.3.4.5", "::g"):
            self.assertIsNone(self.ask(name).found)
        self.assertEqual(len(self.lookup.asked), 4)


class Reactor:
    """The part of the reactor that threads may call; the test runs what was left."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._calls: list[Callable[[], None]] = []

    def callFromThread(self, what: Callable[..., object], *args: Any) -> None:
        with self._arrived:
            self._calls.append(lambda: what(*args))
            self._arrived.notify_all()

    def run(self, count: int) -> None:
        """Wait until so many calls are there, and make them, in this thread."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self._calls) >= count, PATIENCE)
            calls, self._calls = self._calls, []
        for each in calls:
            each()


class InThreads(SynchronousTestCase):
    """Real threads, some of which wait for a resolver that is silent."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.released = threading.Event()
        self.begun = threading.Semaphore(0)
        self.threads: list[threading.Thread] = []
        self.lookups = Lookups(self.reactor, self.look)
        self.addCleanup(self.end)

    def end(self) -> None:
        self.released.set()
        for each in self.threads:
            each.join(PATIENCE)
            self.assertFalse(each.is_alive())

    def look(self, name: str) -> list[tuple[int, str]]:
        self.threads.append(threading.current_thread())
        self.begun.release()
        if name.startswith("silent"):
            assert self.released.wait(PATIENCE)
        if name.startswith("bad"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if name.startswith("odd"):
            raise UnicodeError("label too long")
        return [V4]

    def silent(self, count: int) -> list[Deferred[Any]]:
        """So many lookups that do not come back, and have begun."""
        asked = [self.lookups.find(f"silent{n}.test.invalid") for n in range(count)]
        for _ in range(min(count, MOST_AT_ONCE)):
            self.assertTrue(self.begun.acquire(timeout=PATIENCE))
        return asked

    def test_a_lookup_runs_in_another_thread_and_ends_in_this_one(self) -> None:
        ended_in = []
        finding = self.lookups.find(NAME)
        finding.addCallback(lambda _: ended_in.append(threading.current_thread()))
        self.reactor.run(1)
        self.assertEqual(ended_in, [threading.current_thread()])
        self.assertNotIn(threading.current_thread(), self.threads)

    def test_addresses_and_errors_come_back(self) -> None:
        found = self.lookups.find(NAME)
        bad, odd = self.lookups.find("bad.invalid"), self.lookups.find("odd.invalid")
        self.reactor.run(3)
        self.assertEqual(self.successResultOf(found), [V4])
        self.failureResultOf(bad, socket.gaierror)
        self.failureResultOf(odd, UnicodeError)

    def test_silent_lookups_leave_the_others_their_threads(self) -> None:
        silent = self.silent(MOST_AT_ONCE - 1)
        for _ in range(3):
            quick = self.lookups.find(NAME)
            self.reactor.run(1)
            self.assertEqual(self.successResultOf(quick), [V4])
        for each in silent:
            self.assertNoResult(each)
        self.released.set()
        self.reactor.run(MOST_AT_ONCE - 1)
        for each in silent:
            self.assertEqual(self.successResultOf(each), [V4])

    def test_twelve_silent_lookups_take_eight_threads_and_block_nobody(self) -> None:
        # this very call returns: nobody waits for a thread
        asked = self.silent(12)
        self.assertEqual(len(self.threads), 8)
        for each in asked[:8]:
            self.assertNoResult(each)
        for each in asked[8:]:
            self.failureResultOf(each, OSError)

    def test_none_of_their_threads_holds_up_the_end_of_the_process(self) -> None:
        self.silent(3)
        self.assertEqual([each.daemon for each in self.threads], [True] * 3)

    def test_when_they_end_there_is_room_again(self) -> None:
        silent = self.silent(MOST_AT_ONCE)
        self.failureResultOf(self.lookups.find(NAME), OSError)
        self.released.set()
        self.reactor.run(MOST_AT_ONCE)
        for each in silent:
            self.successResultOf(each)
        again = [self.lookups.find(NAME) for _ in range(MOST_AT_ONCE)]
        self.reactor.run(MOST_AT_ONCE)
        for each in again:
            self.assertEqual(self.successResultOf(each), [V4])

    def test_there_is_never_more_room_than_before(self) -> None:
        for _ in range(2):
            self.released.clear()
            silent = self.silent(8)
            self.failureResultOf(self.lookups.find(NAME), OSError)
            self.released.set()
            self.reactor.run(8)
            for each in silent:
                self.successResultOf(each)

    def test_with_all_threads_silent_what_was_known_is_still_told(self) -> None:
        clock = Clock()
        resolver = RememberingResolver(self.lookups.find, clock)
        first = Receiver()
        resolver.resolveHostName(first, NAME, 443)
        self.reactor.run(1)
        clock.advance(FRESH_SECONDS + 1)
        self.begun = threading.Semaphore(0)
        silent = self.silent(MOST_AT_ONCE)
        second = Receiver()
        resolver.resolveHostName(second, NAME, 443)
        self.assertEqual((first.found, second.found), (["192.0.2.1"], ["192.0.2.1"]))
        self.assertEqual(len(silent), MOST_AT_ONCE)


class TheSystem(SynchronousTestCase):
    def test_this_machine_is_found_each_address_once(self) -> None:
        found = system_lookup("localhost")
        self.assertIn((socket.AF_INET, "127.0.0.1"), found)
        self.assertEqual(len(found), len(set(found)))

    def test_both_families_are_found(self) -> None:
        for name, family in (
            ("192.0.2.1", socket.AF_INET),
            ("2001:db8::1", socket.AF_INET6),
        ):
            self.assertEqual(system_lookup(name), [(family, name)])

    def test_a_name_that_cannot_be_is_an_error_that_is_expected(self) -> None:
        for name in ("no..such", "x" * 300, "a." + "y" * 64):
            self.assertRaises((OSError, UnicodeError), system_lookup, name)


class Asking(RuleBasedStateMachine):
    """Names asked for at any time, over lookups that end in any way and order."""

    NAMES = ("a.test.invalid", "b.test.invalid")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.lookup = Asked()
        self.resolver = RememberingResolver(self.lookup.find, self.clock)
        self.receivers: list[Receiver] = []

    def under_way(self) -> list[tuple[str, Deferred[Any]]]:
        return [each for each in self.lookup.asked if not each[1].called]

    @rule(name=st.sampled_from(NAMES), four=st.booleans())
    def somebody_asks(self, name: str, four: bool) -> None:
        receiver = Receiver()
        kinds = [IPv4Address] if four else None
        self.resolver.resolveHostName(receiver, name, 443, kinds)
        self.receivers.append(receiver)

    @precondition(lambda self: self.under_way())
    @rule(data=st.data(), pairs=st.lists(st.sampled_from([V4, V6, OTHER]), min_size=1))
    def one_is_found(self, data: st.DataObject, pairs: list[tuple[int, str]]) -> None:
        name, finding = data.draw(st.sampled_from(self.under_way()))
        finding.callback(pairs)
        receiver = Receiver()
        self.resolver.resolveHostName(receiver, name, 443)
        assert receiver.found == [address for _, address in pairs]

    @precondition(lambda self: self.under_way())
    @rule(data=st.data())
    def one_fails(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.under_way()))[1].errback(OSError("no"))

    @rule(seconds=st.sampled_from([0.1, 5.0, 59.0, 61.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def one_lookup_for_a_name(self) -> None:
        names = [name for name, _ in self.under_way()]
        assert len(names) == len(set(names))

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        if not self.under_way():
            assert all(each.found is not None for each in self.receivers)

    def teardown(self) -> None:
        for _, finding in self.under_way():
            finding.errback(OSError("no"))
        assert all(each.found is not None for each in self.receivers)
        assert self.clock.getDelayedCalls() == []


class AnySequence(SynchronousTestCase):
    def test_everybody_is_told_and_no_name_is_looked_up_twice_at_once(self) -> None:
        run_state_machine_as_test(
            Asking,
            settings=settings(max_examples=80, stateful_step_count=30, deadline=None),
        )
