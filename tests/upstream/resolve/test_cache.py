"""Name lookups: remembered, asked for once at a time, and never in anybody's way."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Any

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
    DOUBTED_SECONDS,
    FAILED_SECONDS,
    FRESH_SECONDS,
    KEPT_SECONDS,
    RememberingResolver,
)
from streamr.upstream.resolve.pins import FAMILIES, PinnedResolver
from tests.properties import examples

NAME = "api.test.invalid"
V4, V6 = (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")
OTHER = (socket.AF_INET, "192.0.2.2")


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


class Doubted(ResolverCase):
    """An answer that led nowhere is asked for again soon, and not handed out."""

    def test_it_is_not_handed_out_again_but_asked_for(self) -> None:
        self.known(V4)
        self.resolver.doubt(NAME)
        # not a lookup for each of those who find it wrong at once
        self.assertEqual(self.ask().found, ["192.0.2.1"])
        self.clock.advance(DOUBTED_SECONDS)
        receiver = self.ask()
        self.assertIsNone(receiver.found)
        self.lookup.finds(V6)
        self.assertEqual(receiver.found, ["2001:db8::1"])

    def test_the_truth_is_noticed_within_five_seconds(self) -> None:
        self.assertLess(DOUBTED_SECONDS, 5)
        self.known(V4)
        self.clock.advance(3600)
        self.resolver.doubt(NAME)
        self.clock.advance(DOUBTED_SECONDS)
        # without the doubt an old answer would come first, once more
        self.assertIsNone(self.ask().found)
        self.lookup.finds(V6)
        self.assertEqual(self.ask().found, ["2001:db8::1"])

    def test_a_resolver_that_lies_on_is_asked_each_time_the_pause_is_over(self) -> None:
        self.known(V4)
        for _ in range(3):
            self.resolver.doubt(NAME)
            self.clock.advance(DOUBTED_SECONDS)
            receiver = self.ask()
            self.assertIsNone(receiver.found)
            self.lookup.finds(V4)

    def test_of_an_unknown_name_nothing_can_be_doubted(self) -> None:
        self.resolver.doubt(NAME)
        self.assertIsNone(self.ask().found)
        self.lookup.finds(V4)


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
            settings=examples(80, stateful_step_count=30),
        )
