"""SOCKS5: what is said to the proxy, and each of its answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.dial.socks import socks5
from tests.properties import examples
from tests.upstream.dial.tunnels import Spoken, split

NAME = "api.themoviedb.org"
ASKED = b"\x05\x01\x00\x03\x12api.themoviedb.org\x01\xbb"
FREE, LOGIN = b"\x05\x00", b"\x05\x02"
LOGGED_IN = b"\x01\x00"
OPEN = b"\x05\x00\x00\x01\xc0\x00\x02\x01\x04\xd2"
TLS = b"\x16\x03\x03"


def answered(reply: bytes, user: str | None = None) -> tuple[str, str] | None:
    """The fault that an answer is; None when it opens the tunnel."""
    spoken = Spoken(socks5(NAME, 443, user, "secret"), [reply])
    assert (spoken.real is None) == (spoken.told is not None), reply
    return spoken.told


class Request(SynchronousTestCase):
    """What the proxy is asked."""

    def test_the_name_goes_to_the_proxy(self):
        spoken = Spoken(socks5(NAME, 443), [FREE])
        self.assertEqual(spoken.said, b"\x05\x01\x00" + ASKED)

    def test_an_address_goes_as_an_address(self):
        for host, asked in (
            ("192.0.2.7", b"\x01\xc0\x00\x02\x07"),
            ("2001:db8::1", b"\x04\x20\x01\x0d\xb8" + b"\0" * 11 + b"\x01"),
        ):
            said = Spoken(socks5(host, 443), [FREE]).said
            self.assertEqual(said, b"\x05\x01\x00\x05\x01\x00" + asked + b"\x01\xbb")

    def test_user_and_password_are_sent_where_they_are_wanted(self):
        spoken = Spoken(socks5(NAME, 443, "anna", "grüße"), [LOGIN])
        login = b"\x01\x04anna\x07" + "grüße".encode()
        self.assertEqual(spoken.said, b"\x05\x02\x00\x02" + login)
        spoken.says(LOGGED_IN)
        self.assertEqual(spoken.said, b"\x05\x02\x00\x02" + login + ASKED)

    def test_a_user_may_have_no_password_and_a_password_no_user(self):
        for user, login in (
            (("anna",), b"\x01\x04anna\x00"),
            (("", "x"), b"\x01\x00\x01x"),
        ):
            said = Spoken(socks5(NAME, 443, *user), [LOGIN]).said
            self.assertEqual(said, b"\x05\x02\x00\x02" + login)

    def test_they_are_not_sent_where_they_are_not_wanted(self):
        spoken = Spoken(socks5(NAME, 443, "anna", "secret"), [FREE])
        self.assertEqual(spoken.said, b"\x05\x02\x00\x02" + ASKED)


class Answers(SynchronousTestCase):
    """What follows from an answer."""

    @examples()
    @given(st.sets(st.integers(0, 40)))
    def test_what_follows_is_the_tunnels_wherever_it_is_split(self, cuts: set[int]):
        for end in (
            OPEN,
            b"\x05\x00\x00\x04" + b"\0" * 18,
            b"\x05\x00\x00\x03\x05proxy\x04\xd2",
            b"\x05\x00\x00\x03\x00\x04\xd2",
        ):
            reply = LOGIN + LOGGED_IN + end + TLS
            spoken = Spoken(socks5(NAME, 443, "anna", "x"), split(reply, cuts))
            self.assertEqual(spoken.real.got, TLS)

    def test_each_reply_is_told_apart(self):
        for number, cause, meaning in (
            (1, "egress_failed", "general failure"),
            (2, "egress_denied", "not allowed by its rules"),
            (3, "egress_failed", "network unreachable"),
            (4, "egress_failed", "host unreachable"),
            (5, "egress_failed", "connection refused"),
            (6, "egress_failed", "TTL expired"),
            (7, "egress_protocol_error", "command not supported"),
            (8, "egress_protocol_error", "address type not supported"),
            (9, "egress_protocol_error", "not one of SOCKS5"),
            (255, "egress_protocol_error", "not one of SOCKS5"),
        ):
            # the rest of a refusal is not waited for: not all servers send it
            self.assertEqual(
                answered(FREE + bytes([5, number])),
                (cause, f"SOCKS reply {number}: {meaning}"),
            )

    def test_no_acceptable_method_says_whether_a_user_was_given(self):
        self.assertEqual(
            answered(b"\x05\xff"),
            (
                "egress_authentication",
                "SOCKS method 255: it requires a user and password",
            ),
        )
        self.assertEqual(
            answered(b"\x05\xff", "anna"),
            ("egress_authentication", "SOCKS method 255: none of the offered methods"),
        )

    def test_a_refused_password_is_named(self):
        for status in (1, 255):
            self.assertEqual(
                answered(LOGIN + bytes([1, status]), "anna"),
                (
                    "egress_authentication",
                    f"SOCKS status {status}: wrong user or password",
                ),
            )

    def test_the_version_in_the_answer_to_a_password_is_not_looked_at(self):
        self.assertIsNone(answered(LOGIN + b"\x05\x00" + OPEN, "anna"))

    def test_a_method_that_was_not_offered_is_refused(self):
        for reply, user in ((LOGIN, None), (b"\x05\x01", "anna")):
            self.assertEqual(
                answered(reply, user),
                ("egress_protocol_error", f"SOCKS method {reply[1]} was not offered"),
            )

    def test_what_is_no_socks5_is_named_at_its_first_byte(self):
        for reply in (
            b"H",
            b"\x00",
            b"\x04",
            b"\x15",
            FREE + b"HT",
            FREE + b"\x00\x5a",
        ):
            self.assertEqual(
                answered(reply), ("egress_protocol_error", "the answer is not SOCKS5")
            )

    def test_an_address_of_an_unknown_type_is_refused(self):
        self.assertEqual(
            answered(FREE + b"\x05\x00\x00\x09"),
            ("egress_protocol_error", "SOCKS address type 9"),
        )

    @examples()
    @given(st.binary(max_size=60), st.sets(st.integers(0, 60)))
    def test_no_answer_does_anything_else_than_open_wait_or_fail(
        self, reply: bytes, cuts: set[int]
    ):
        spoken = Spoken(socks5(NAME, 443, "anna", "x"), split(reply, cuts))
        if spoken.told is not None:
            self.assertTrue(spoken.told[0].startswith("egress_"))
