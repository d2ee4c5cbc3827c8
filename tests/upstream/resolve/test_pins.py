"""Pins, families, and the mark on the trace when a name has addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.upstream.resolve.cache import Resolution
from streamr.upstream.resolve.pins import FAMILIES, PinnedResolver, Pins
from tests.upstream.resolve.test_cache import Receiver

NAME = "api.test.invalid"
V4 = IPv4Address("TCP", "192.0.2.1", 443)
V6 = IPv6Address("TCP", "2001:db8::1", 443)


@dataclass
class Question:
    """One question that reached the inner resolver; the test answers it."""

    receiver: IResolutionReceiver
    asked: tuple[Any, ...]
    resolution: IHostResolution

    def answer(self, *addresses: Any) -> None:
        for each in addresses:
            self.receiver.addressResolved(each)
        self.receiver.resolutionComplete()


@implementer(IHostnameResolver)
class Inner:
    """The resolver that is asked for what is not pinned."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.doubted: list[str] = []

    def doubt(self, host: str) -> None:
        self.doubted.append(host)

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[Any]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        asked = (hostName, portNumber, addressTypes, transportSemantics)
        question = Question(resolutionReceiver, asked, Resolution(hostName))
        self.questions.append(question)
        resolutionReceiver.resolutionBegan(question.resolution)
        return question.resolution


class ResolverCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.inner = Inner()
        self.receiver = Receiver()

    def pinned(self, pins: Pins, family: str = "auto") -> PinnedResolver:
        return PinnedResolver(self.inner, pins, family)


class Pinned(ResolverCase):
    """What is pinned is answered at once, and by nobody else."""

    def test_the_fakes_and_the_resolver_are_resolvers(self) -> None:
        verifyObject(IHostnameResolver, self.inner)
        verifyObject(IHostnameResolver, self.pinned({}))

    def test_a_pin_is_told_in_its_order_with_its_port_or_the_asked_one(self) -> None:
        pins = {NAME: (("2001:db8::1", None), ("192.0.2.1", 8443))}
        resolution = self.pinned(pins).resolveHostName(self.receiver, NAME, 443)
        self.assertEqual(
            self.receiver.addresses, [V6, IPv4Address("TCP", "192.0.2.1", 8443)]
        )
        self.assertEqual(self.receiver.completed, 1)
        self.assertIs(resolution, self.receiver.resolution)
        self.assertEqual(resolution.name, NAME)
        self.assertEqual(self.inner.questions, [])

    def test_a_pin_without_any_port_has_none(self) -> None:
        for port in (None, 0):
            receiver = Receiver()
            pins = {NAME: (("192.0.2.1", port),)}
            self.pinned(pins).resolveHostName(receiver, NAME)
            self.assertEqual(receiver.addresses[0].port, 0)

    def test_a_pin_for_port_0_is_not_the_asked_one(self) -> None:
        pins = {NAME: (("192.0.2.1", 0),)}
        self.pinned(pins).resolveHostName(self.receiver, NAME, 443)
        self.assertEqual(self.receiver.addresses[0].port, 0)

    def test_a_name_is_pinned_however_it_is_written(self) -> None:
        pins = {NAME: (("192.0.2.1", None),)}
        for name in (NAME, NAME.upper(), "Api.Test.Invalid"):
            receiver = Receiver()
            self.pinned(pins).resolveHostName(receiver, name, 443)
            self.assertEqual(receiver.addresses, [V4], name)

    def test_only_the_whole_name_is_pinned(self) -> None:
        pins = {NAME: (("192.0.2.1", None),)}
        for name in (f"www.{NAME}", "test.invalid", f"{NAME}."):
            self.pinned(pins).resolveHostName(Receiver(), name, 443)
            self.assertEqual(self.inner.questions[-1].asked[0], name)

    def test_a_pin_is_obeyed_whatever_family_is_set_or_asked_for(self) -> None:
        pins = {NAME: (("192.0.2.1", None), ("2001:db8::1", None))}
        for family in FAMILIES:
            for kinds in (None, [IPv4Address], [IPv6Address]):
                receiver = Receiver()
                resolver = self.pinned(pins, family)
                resolver.resolveHostName(receiver, NAME, 443, kinds)
                self.assertEqual(receiver.addresses, [V4, V6], (family, kinds))


class Doubted(ResolverCase):
    def test_a_doubt_reaches_who_gave_the_answer(self) -> None:
        self.pinned({}).doubt(NAME)
        self.assertEqual(self.inner.doubted, [NAME])

    def test_only_what_the_settings_name_is_pinned(self) -> None:
        resolver = self.pinned({NAME: (("192.0.2.1", None),)})
        self.assertTrue(resolver.is_pinned(NAME.upper()))
        self.assertFalse(resolver.is_pinned(f"www.{NAME}"))


class HandedOn(ResolverCase):
    """What is not pinned is asked of the inner resolver."""

    def test_each_family_asks_for_its_kinds(self) -> None:
        for family, kinds in (
            ("auto", None),
            ("ipv4", (IPv4Address,)),
            ("ipv6", (IPv6Address,)),
        ):
            self.pinned({}, family).resolveHostName(Receiver(), NAME, 443)
            asked = self.inner.questions[-1].asked
            self.assertEqual(asked, (NAME, 443, kinds, "TCP"), family)

    def test_an_address_is_what_it_is_whatever_family_is_set(self) -> None:
        for address in ("192.0.2.1", "2001:db8::1"):
            for family in FAMILIES:
                self.pinned({}, family).resolveHostName(Receiver(), address, 443)
                asked = self.inner.questions[-1].asked
                self.assertEqual(asked, (address, 443, None, "TCP"), family)

    def test_who_names_kinds_gets_them(self) -> None:
        for family in FAMILIES:
            resolver = self.pinned({}, family)
            resolver.resolveHostName(Receiver(), NAME, 443, [IPv6Address], "UDP")
            asked = self.inner.questions[-1].asked
            self.assertEqual(asked, (NAME, 443, [IPv6Address], "UDP"), family)

    def test_without_a_port_none_is_asked_for(self) -> None:
        self.pinned({}).resolveHostName(Receiver(), NAME)
        self.assertEqual(self.inner.questions[-1].asked[1], 0)

    def test_the_resolution_is_the_inner_ones(self) -> None:
        resolution = self.pinned({}).resolveHostName(self.receiver, NAME, 443)
        self.assertIs(resolution, self.inner.questions[-1].resolution)
        self.assertIs(self.receiver.resolution, resolution)

    def test_an_unknown_family_is_refused(self) -> None:
        self.assertRaises(KeyError, self.pinned, {}, "ipv5")
