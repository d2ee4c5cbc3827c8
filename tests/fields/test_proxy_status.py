"""Attempts as Proxy-Status, and back."""

from dataclasses import replace

import http_sf
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import CAUSES, Attempt
from streamr.fields.proxy_status import MOST_MEMBERS, own_error, parse, render
from tests.properties import examples

steady = examples(300)
printable = st.text("".join(map(chr, range(0x20, 0x7F))), max_size=200)
attempts = st.builds(
    Attempt,
    # the details of what another proxy tried (its routes have a slash) stay with it
    route=printable.map(lambda text: text.replace("/", "-")),
    next_hop=printable,
    ms=st.integers(0, 10**6),
    cause=st.none() | st.sampled_from(sorted(CAUSES)),
    detail=printable,
    status=st.none() | st.integers(100, 599),
)
FAILED = Attempt("direct", "api.tmdb.org", 12, "tls_reset", "after 1568 bytes")
GOOD = Attempt("proxy@127.0.0.1:5001", "127.0.0.1:5001", 80, status=200)


class Rendered(SynchronousTestCase):
    """The field's value."""

    def test_a_failed_and_a_good_attempt(self):
        self.assertEqual(
            render("streamr-main", [FAILED, GOOD]),
            'streamr-main;error=tls_reset;next-hop="api.tmdb.org";route="direct";ms=12'
            ';details="after 1568 bytes", '
            'streamr-main;next-hop="127.0.0.1:5001";received-status=200'
            ';route="proxy@127.0.0.1:5001";ms=80',
        )

    def test_nothing_was_tried_and_nothing_is_said(self):
        self.assertEqual(render("streamr-main", []), "")

    def test_the_details_of_another_proxys_attempt_are_not_handed_on(self):
        theirs = Attempt(
            "classic@x", "x", 1, "tls_reset", "long details", peer="proxy@p"
        )
        self.assertNotIn("details", render("streamr-main", [theirs]))

    def test_an_error_of_our_own(self):
        self.assertEqual(
            own_error("streamr-proxy", "proxy_loop_detected"),
            "streamr-proxy;error=proxy_loop_detected",
        )

    def test_what_a_string_may_not_hold_is_replaced_and_long_text_is_cut(self):
        text = render("s", [Attempt("ü\r\nX: y", "", 1, detail="x" * 500)])
        self.assertIn('route="???X: y"', text)
        self.assertNotIn("x" * 201, text)

    def test_all_of_printable_ascii_is_kept_and_nothing_beside_it(self):
        for text, said in (
            (" ", " "),
            ("~", "~"),
            ("\x1f", "?"),
            ("\x7f", "?"),
            ("\t", "?"),
            ("\0", "?"),
            ("é", "?"),
            ("中", "?"),
        ):
            for name in ("route", "next_hop", "detail"):
                attempt = replace(FAILED, **{name: f"a{text}b"})
                (found,) = parse(render("s", [attempt]))
                self.assertEqual(found, replace(FAILED, **{name: f"a{said}b"}), text)

    def test_two_hundred_characters_of_a_text_are_kept(self):
        for name in ("route", "next_hop", "detail"):
            for length, kept in ((199, 199), (200, 200), (201, 200)):
                attempt = replace(FAILED, **{name: "x" * length})
                (found,) = parse(render("s", [attempt]))
                self.assertEqual(getattr(found, name), "x" * kept, (name, length))

    def test_what_is_not_known_is_not_said(self):
        self.assertEqual(
            render("s", [Attempt("", "", 0)]).replace(" ", ""), 's;route="";ms=0'
        )

    @steady
    @given(st.lists(st.builds(Attempt, st.text(), st.text(), st.integers(0, 999))))
    def test_any_text_becomes_one_valid_line_of_ascii(self, tried):
        text = render("s", tried)
        self.assertTrue(text.isascii() and "\n" not in text and "\r" not in text)
        self.assertEqual(len(parse(text)), min(len(tried), MOST_MEMBERS))

    @steady
    @given(st.lists(attempts, min_size=1, max_size=5))
    def test_it_is_a_list_of_tokens_with_the_parameters_of_rfc_9209(self, tried):
        members = http_sf.parse(render("streamr-main", tried).encode(), tltype="list")
        for (name, parameters), attempt in zip(members, tried, strict=True):
            self.assertEqual((type(name), name), (http_sf.Token, "streamr-main"))
            error = parameters.get("error")
            self.assertEqual(error, attempt.cause)
            self.assertIsInstance(error, http_sf.Token | None)
            self.assertEqual(parameters.get("received-status"), attempt.status)
            self.assertEqual(parameters.get("next-hop", ""), attempt.next_hop)
            self.assertEqual(parameters.get("details", ""), attempt.detail)


class Parsed(SynchronousTestCase):
    """What a proxy reports."""

    @steady
    @given(st.lists(attempts, max_size=6))
    def test_what_was_rendered_is_read_back(self, tried):
        self.assertEqual(parse(render("s", tried)), tuple(tried))

    def test_members_of_the_rfcs_examples(self):
        (last,) = parse("ExampleCDN; error=connection_timeout")
        self.assertEqual(last.cause, "connection_timeout")
        first, second = parse(
            'a.example; error=http_protocol_error; details="space before colon", '
            "ExampleCDN; next-hop=backend.example.org:8001; received-status=503"
        )
        self.assertEqual(
            (first.cause, first.detail), ("http_protocol_error", "space before colon")
        )
        self.assertEqual(
            (second.next_hop, second.status, second.cause),
            ("backend.example.org:8001", 503, None),
        )

    def test_the_way_of_a_proxys_own_is_known_from_the_proxy_before_it(self) -> None:
        for route, peer, name in (
            ("direct", "", "direct"),
            ("proxy@p/classic@x", "proxy@p", "classic@x"),
            ("a/b/c", "a", "b/c"),
            ("a/", "a", ""),
            ("/b", "", "b"),
            ("", "", ""),
        ):
            (found,) = parse(f'a;route="{route}";ms=1')
            self.assertEqual((found.peer, found.route), (peer, name), route)

    def test_garbage_is_nothing(self):
        for value in ("", " ,", "a;", "a,", ";", '"unclosed', "a;error=", "é", "\0"):
            self.assertEqual(parse(value), (), value)

    @steady
    @given(st.text() | st.text('abz*;=,"?:@%()-.019 \\', max_size=60))
    def test_no_text_breaks_it(self, value):
        found = parse(value)
        self.assertIsInstance(found, tuple)
        for attempt in found:
            self.assertIsInstance(attempt, Attempt)

    def test_a_flood_is_cut(self):
        self.assertEqual(MOST_MEMBERS, 64)
        for length, kept in ((63, 63), (64, 64), (65, 64), (500, 64)):
            value = ", ".join(f"a;ms={number}" for number in range(length))
            found = [each.ms for each in parse(value)]
            self.assertEqual(found, list(range(kept)), length)

    def test_a_cause_of_another_version_is_kept_when_it_is_a_word(self):
        for error, cause in (
            ("tls_reset", "tls_reset"),
            ("connection_timeout", "connection_timeout"),
            ("a_cause_of_tomorrow_2", "a_cause_of_tomorrow_2"),
            ("x", "x"),
            ('"tls_reset"', "tls_reset"),
            ("Tls_Reset", "proxy_internal_error"),
            ("tls-reset", "proxy_internal_error"),
            ("*tls", "proxy_internal_error"),
            ("5", "proxy_internal_error"),
            ("?1", "proxy_internal_error"),
            ('"two words"', "proxy_internal_error"),
            ('""', "proxy_internal_error"),
        ):
            (attempt,) = parse(f"a;error={error}")
            self.assertEqual(attempt.cause, cause, error)

    def test_what_is_not_said_is_not_known(self):
        self.assertEqual(parse("a"), (Attempt("", "", 0, None, "", None),))

    def test_numbers_are_numbers(self):
        """A parameter without a value is the boolean true, which is no number."""
        for value in ("a;ms;received-status", 'a;ms="1";received-status="200"'):
            (attempt,) = parse(value)
            self.assertIs(type(attempt.ms), int, value)
            self.assertEqual(attempt.ms, 0, value)
            self.assertIsNone(attempt.status, value)

    def test_time_does_not_run_backwards(self):
        for said, ms in (("-5", 0), ("-1", 0), ("0", 0), ("1", 1), ("1.5", 0)):
            (attempt,) = parse(f"a;ms={said}")
            self.assertEqual(attempt.ms, ms, said)

    def test_whatever_a_proxy_reports_can_be_reported_on(self):
        """Main merges these attempts into its own answer's field."""
        for value in ('a;error="two words"', "a;error=5", "a;error", 'a;error=""'):
            self.assertTrue(render("streamr-main", parse(value)), value)


class Remembering(SynchronousTestCase):
    """Members that were rendered before are at hand, within a bound."""

    def test_the_last_1024_are_made_once_and_none_before_them_is_kept(self) -> None:
        def made(number: int) -> str:
            return render("streamr-main", [replace(GOOD, ms=number)])

        first = made(0)
        for number in range(1, 1024):
            made(number)
        self.assertIs(made(0), first)
        for number in range(1024, 2048):
            made(number)
        self.assertEqual(made(0), first)
        self.assertIsNot(made(0), first)
