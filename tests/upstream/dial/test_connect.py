"""CONNECT: what is said to an HTTP proxy, and each of its answers."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.dial.connect import connect
from tests.properties import examples
from tests.upstream.dial.tunnels import Spoken, split

NAME = "api.themoviedb.org"
GOOD = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"
TLS = b"\x16\x03\x03"


def answered(reply: bytes, user: str | None = None) -> tuple[str, str] | None:
    """The fault that an answer is; None when it opens the tunnel."""
    spoken = Spoken(connect(NAME, 443, user, "secret"), [reply])
    assert (spoken.real is None) == (spoken.told is not None), reply
    return spoken.told


class Request(SynchronousTestCase):
    """What the proxy is asked."""

    def said(self, *arguments: object) -> bytes:
        return Spoken(connect(*arguments)).said  # type: ignore[arg-type]

    def test_the_proxy_is_told_the_name_and_the_port(self):
        self.assertEqual(
            self.said(NAME, 443),
            b"CONNECT api.themoviedb.org:443 HTTP/1.1\r\n"
            b"Host: api.themoviedb.org:443\r\n\r\n",
        )

    def test_an_ipv6_address_has_brackets(self):
        self.assertEqual(
            self.said("2001:db8::1", 443),
            b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n",
        )

    def test_user_and_password_go_as_basic_authentication(self):
        said = self.said(NAME, 443, "anna", "grüße:1")
        pair = b64encode("anna:grüße:1".encode())
        self.assertIn(b"\r\nProxy-Authorization: Basic " + pair + b"\r\n\r\n", said)

    def test_a_user_may_have_no_password(self):
        self.assertIn(b64encode(b"anna:"), self.said(NAME, 443, "anna"))


class Answers(SynchronousTestCase):
    """What follows from an answer."""

    @examples()
    @given(st.sets(st.integers(0, len(GOOD) + 3)))
    def test_what_follows_the_head_is_the_tunnels_wherever_it_is_split(
        self, cuts: set[int]
    ):
        spoken = Spoken(connect(NAME, 443), split(GOOD + TLS, cuts))
        self.assertEqual(spoken.real.got, TLS)

    def test_any_2xx_opens_the_tunnel(self):
        for reply in (
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200\r\n\r\n",
            b"HTTP/1.1 204 \r\n\r\n",
            b"HTTP/1.1 299 Fine\r\nContent-Length: 5\r\n\r\n",
            b"HTTP/1.1 200 OK\n\n",
        ):
            self.assertIsNone(answered(reply))

    def test_a_length_of_a_good_answer_counts_for_nothing(self):
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + TLS
        self.assertEqual(Spoken(connect(NAME, 443), [reply]).real.got, TLS)

    def test_interim_responses_are_passed_over(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n"
        self.assertIsNone(answered(interim + GOOD))

    def test_each_refusal_is_told_apart(self):
        for status, cause in (
            (401, "egress_authentication"),
            (407, "egress_authentication"),
            (403, "egress_denied"),
            (500, "egress_failed"),
            (502, "egress_failed"),
            (503, "egress_failed"),
            (504, "egress_failed"),
            (101, "egress_protocol_error"),
            (300, "egress_protocol_error"),
            (302, "egress_protocol_error"),
            (400, "egress_protocol_error"),
            (404, "egress_protocol_error"),
            (405, "egress_protocol_error"),
            (501, "egress_protocol_error"),
        ):
            found, detail = answered(b"HTTP/1.1 %d No\r\n\r\n<html>" % status) or (
                "",
                "",
            )
            self.assertEqual(found, cause, status)
            self.assertIn(f"status {status}", detail)

    def test_a_refusal_says_whether_a_user_was_given(self):
        reply = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\n\r\n"
        self.assertEqual(
            answered(reply),
            ("egress_authentication", "status 407: it requires a user and password"),
        )
        self.assertEqual(
            answered(reply, "anna"),
            ("egress_authentication", "status 407: wrong user or password"),
        )

    def test_a_refusal_that_names_no_scheme_is_one_of_the_password(self):
        told = "status 401: wrong user or password"
        reply = b"HTTP/1.1 401 No\r\n\r\n"
        self.assertEqual(answered(reply, "anna"), ("egress_authentication", told))

    def test_a_proxy_without_basic_authentication_is_told_apart(self):
        fields = b"proxy-authenticate: NTLM\r\nProxy-Authenticate:Negotiate\r\n"
        told = "status 407: it accepts negotiate, ntlm, and streamr only offers Basic"
        reply = b"HTTP/1.1 407 No\r\n" + fields + b"\r\n"
        self.assertEqual(answered(reply), ("egress_authentication", told))
        both = reply.replace(b"\r\n\r\n", b"\r\nProxy-Authenticate: basic\r\n\r\n")
        self.assertNotIn("only offers", str(answered(both)))

    def test_nothing_that_a_proxy_says_instead_of_a_scheme_is_told(self):
        # it knows the user and the password, and has room for 16 KiB
        fields = b"Proxy-Authenticate: secret\r\nProxy-Authenticate: Digest\r\n"
        reply = b"HTTP/1.1 407 secret\r\n" + fields + b"\r\n"
        told = "status 407: it accepts digest, and streamr only offers Basic"
        self.assertEqual(answered(reply), ("egress_authentication", told))
        strange = reply.replace(b"Digest", b"secret-too")
        told = "status 407: it requires a user and password"
        self.assertEqual(answered(strange), ("egress_authentication", told))

    def test_what_is_no_http_is_named_at_its_first_byte(self):
        for reply in (b"\x05", b"\x15\x03\x01\x00\x02\x02\x46", b"SSH-2.0", b"\n"):
            self.assertEqual(
                answered(reply), ("egress_protocol_error", "the answer is not HTTP")
            )

    def test_a_status_line_of_another_form_is_no_http(self):
        for line in (b"HTTP/2 200", b"HTTP/1.1 20", b"HTTP/1.1 999 X", b"Hello", b"H"):
            found = answered(line + b"\r\n\r\n")
            self.assertEqual(
                found, ("egress_protocol_error", "the answer is not HTTP"), line
            )

    @examples()
    @given(st.binary(max_size=60), st.sets(st.integers(0, 60)))
    def test_no_answer_does_anything_else_than_open_wait_or_fail(
        self, reply: bytes, cuts: set[int]
    ):
        spoken = Spoken(connect(NAME, 443), split(reply, cuts))
        if spoken.told is not None:
            self.assertTrue(spoken.told[0].startswith("egress_"))
