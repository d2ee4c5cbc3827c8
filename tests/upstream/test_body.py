"""Bodies: whole or a named fault, never half."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from streamr.boundaries import Budget
from streamr.errors import Fault
from streamr.upstream.body import (
    MOST_BYTES,
    MOST_INFLATED,
    Collector,
    decode,
    describe,
    read_json,
)
from streamr.upstream.line import HostLine
from tests.properties import examples

BODY = json.dumps({"results": [{"id": n} for n in range(200)]}).encode()
BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)


def cause_of(error: Fault) -> str:
    return error.cause.name


class Collecting(SynchronousTestCase):
    def setUp(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A body is to come, at a time that is not 0."""
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.aborted = 0
        self.collector = Collector(self.clock, BUDGET, self.abort)

    def abort(self) -> None:
        self.aborted += 1

    def end(self, reason: Exception) -> None:
        self.collector.connectionLost(Failure(reason))

    def cause(self) -> str:
        return cause_of(self.failureResultOf(self.collector.done, Fault).value)

    def test_a_body_with_a_certain_end(self) -> None:
        self.collector.dataReceived(b"ab")
        self.collector.dataReceived(b"cd")
        self.end(ResponseDone())
        self.assertEqual(self.successResultOf(self.collector.done), (b"abcd", True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_body_that_ends_with_the_connection_has_no_certain_end(self) -> None:
        self.collector.dataReceived(b"ab")
        self.end(PotentialDataLoss())
        self.assertEqual(self.successResultOf(self.collector.done), (b"ab", False))

    def test_a_lost_connection_is_handed_on(self) -> None:
        self.end(ConnectionLost())
        self.failureResultOf(self.collector.done, ConnectionLost)

    def over(self, line: HostLine) -> None:
        """A body over a line, for which there are eight seconds."""
        self.collector.done.addErrback(lambda _failure: None)
        self.collector.done.cancel()
        self.aborted, until = 0, self.clock.seconds() + 8.0
        self.collector = Collector(self.clock, BUDGET, self.abort, line, until)

    def test_a_pause_that_our_own_load_explains_is_none(self) -> None:
        line = HostLine(self.clock, 15)
        self.over(line)
        for _ in range(32):
            self.clock.advance(0.125)
            line.moved()
        self.assertNoResult(self.collector.done)
        self.clock.advance(2.0)
        self.clock.advance(2.0)
        self.assertEqual((self.cause(), self.aborted), ("http_response_timeout", 1))

    def test_on_a_busy_line_a_body_has_the_whole_time_and_blames_nobody(self) -> None:
        for busy, lasts in ((False, 5.0), (True, 8.0)):
            self.begin()
            line, began = HostLine(self.clock, 15), self.clock.seconds()
            self.over(line)
            while not self.aborted:
                self.clock.advance(0.5)
                self.collector.dataReceived(b"ab")
                if busy:
                    line.timed_out(self.clock.seconds())
            self.assertEqual(self.clock.seconds() - began, lasts)
            fault = self.failureResultOf(self.collector.done, Fault).value
            self.assertEqual(fault.own_load, busy)

    def test_the_line_learns_how_long_it_took(self) -> None:
        for seconds, places in ((0.0, 3), (2.0, 1)):
            self.begin()
            line = HostLine(self.clock, 15)
            line.begun(object())
            self.over(line)
            self.clock.advance(seconds / 2)
            self.collector.dataReceived(b"ab" * 3000)
            self.clock.advance(seconds / 2)
            self.end(ResponseDone())
            self.assertEqual((line.places, line.busy), (places, seconds > 0))

    def test_a_pause_beyond_the_limit_closes_the_connection(self) -> None:
        self.collector.dataReceived(b"ab")
        self.clock.advance(2.1)
        self.assertEqual(self.cause(), "http_response_timeout")
        self.assertEqual(self.aborted, 1)

    def test_pauses_below_the_limit_are_fine_until_the_whole_time_is_up(self) -> None:
        for _ in range(3):
            self.clock.advance(1.5)
            self.collector.dataReceived(b"x")
        self.assertNoResult(self.collector.done)
        self.clock.advance(0.6)
        self.assertEqual(self.cause(), "http_response_timeout")
        self.assertEqual(self.aborted, 1)

    def test_a_body_beyond_the_limit_is_not_kept(self) -> None:
        self.collector.dataReceived(b"x" * MOST_BYTES)
        self.assertNoResult(self.collector.done)
        self.collector.dataReceived(b"x")
        self.assertEqual(self.cause(), "http_response_body_size")
        self.assertEqual(self.aborted, 1)

    def test_the_limit_on_the_size_is_four_mebibytes(self) -> None:
        for more, fits in ((0, True), (1, False)):
            self.begin()
            collector = self.collector
            for _ in range(4):
                collector.dataReceived(b"x" * 1024 * 1024)
            collector.dataReceived(b"x" * more)
            if fits:
                self.assertNoResult(collector.done)
                collector.connectionLost(Failure(ResponseDone()))
                body, _ = self.successResultOf(collector.done)
                self.assertEqual(len(body), 4_194_304)
            else:
                fault = self.failureResultOf(collector.done, Fault).value
                self.assertEqual(fault.detail, "more than 4194304 bytes")

    def test_a_pause_is_too_long_exactly_at_its_limit_after_each_piece(self) -> None:
        for pieces in range(3):
            self.begin()
            collector = self.collector
            for _ in range(pieces):
                self.clock.advance(1.0)
                collector.dataReceived(b"x")
            self.clock.advance(BUDGET.idle - 1 / 64)
            self.assertNoResult(collector.done)
            self.clock.advance(1 / 64)
            fault = self.failureResultOf(collector.done, Fault).value
            self.assertEqual(fault.detail, "the body paused for 2 s", pieces)
            self.assertEqual(fault.cause.name, "http_response_timeout")

    def test_the_whole_body_is_too_slow_exactly_at_its_limit(self) -> None:
        for _ in range(4):
            self.clock.advance(1.0)
            self.collector.dataReceived(b"ab")
        self.clock.advance(1.0 - 1 / 64)
        self.assertNoResult(self.collector.done)
        self.clock.advance(1 / 64)
        fault = self.failureResultOf(self.collector.done, Fault).value
        self.assertEqual(fault.detail, "8 bytes when the time was up")

    def test_a_body_that_is_too_slow_tells_its_bytes_and_its_seconds(self) -> None:
        for _ in range(3):
            self.clock.advance(1.5)
            self.collector.dataReceived(b"abc")
        self.clock.advance(0.5)
        fault = self.failureResultOf(self.collector.done, Fault).value
        self.assertEqual((9, 5.0), (fault.received, fault.seconds))

    def test_a_body_that_paused_or_is_too_large_has_no_rate(self) -> None:
        for size, pause in ((1, BUDGET.idle), (MOST_BYTES + 1, 0.0)):
            self.begin()
            self.collector.dataReceived(b"x" * size)
            self.clock.advance(pause)
            fault = self.failureResultOf(self.collector.done, Fault).value
            self.assertEqual((None, None), (fault.received, fault.seconds), size)

    def test_a_body_that_ends_in_time_is_whole_though_late(self) -> None:
        for _ in range(3):
            self.clock.advance(1.5)
            self.collector.dataReceived(b"x")
        self.end(ResponseDone())
        self.clock.advance(60.0)
        self.assertEqual(self.successResultOf(self.collector.done), (b"xxx", True))
        self.assertEqual(self.aborted, 0)

    def test_what_was_given_up_is_given_up_once(self) -> None:
        self.collector.dataReceived(b"x" * (MOST_BYTES + 1))
        self.collector.dataReceived(b"x" * (MOST_BYTES + 1))
        self.clock.advance(60.0)
        self.end(ConnectionLost())
        self.assertEqual(self.cause(), "http_response_body_size")
        self.assertEqual(self.aborted, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelling_what_is_over_closes_nothing(self) -> None:
        self.collector.dataReceived(b"x")
        self.end(ResponseDone())
        self.collector.done.cancel()
        self.assertEqual(self.aborted, 0)

    def test_what_comes_after_the_end_changes_nothing(self) -> None:
        self.clock.advance(2.1)
        self.collector.dataReceived(b"late")
        self.end(ResponseDone())
        self.assertEqual(self.cause(), "http_response_timeout")

    def test_cancelling_closes_the_connection(self) -> None:
        self.collector.done.cancel()
        self.assertEqual(self.aborted, 1)
        self.failureResultOf(self.collector.done)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Decoding(SynchronousTestCase):
    def refused(self, raw: bytes, coding: bytes | None, *, certain: bool = True) -> str:
        fault = self.assertRaises(Fault, decode, raw, coding, certain=certain)
        return cause_of(fault)

    def test_gzip_is_opened_and_the_raw_form_kept(self) -> None:
        raw = gzip.compress(BODY)
        self.assertEqual(decode(raw, b"gzip", certain=True), (BODY, raw))
        self.assertEqual(decode(raw, b" GZIP ", certain=True), (BODY, raw))

    def test_identity_stays(self) -> None:
        for coding in (None, b"", b"identity"):
            self.assertEqual(decode(BODY, coding, certain=True), (BODY, None))

    def test_gzip_without_its_header_is_repaired(self) -> None:
        raw = gzip.compress(BODY)
        self.assertEqual(decode(raw, None, certain=True), (BODY, raw))

    def test_members_may_follow_each_other(self) -> None:
        raw = gzip.compress(BODY[:100]) + gzip.compress(BODY[100:])
        self.assertEqual(decode(raw, b"gzip", certain=True), (BODY, raw))

    def test_every_cut_of_a_gzip_stream_is_noticed(self) -> None:
        raw = gzip.compress(BODY)
        for length in range(1, len(raw)):
            cause = self.refused(raw[:length], b"gzip")
            self.assertEqual(cause, "http_response_content_coding", length)

    def test_a_cut_stream_without_a_certain_end_is_a_cut_body(self) -> None:
        raw = gzip.compress(BODY)
        cause = self.refused(raw[:-9], b"gzip", certain=False)
        self.assertEqual(cause, "http_response_incomplete")

    def test_every_flipped_byte_is_noticed_or_harmless(self) -> None:
        raw = gzip.compress(BODY, mtime=0)
        for at in range(len(raw)):
            broken = bytearray(raw)
            broken[at] ^= 0x40
            try:
                body, _ = decode(bytes(broken), b"gzip", certain=True)
            except Fault:
                continue
            self.assertEqual(body, BODY, at)

    def test_rubbish_behind_the_stream_is_noticed(self) -> None:
        cause = self.refused(gzip.compress(BODY) + b"more", b"gzip")
        self.assertEqual(cause, "http_response_content_coding")

    def test_a_bomb_is_stopped_at_the_limit(self) -> None:
        bomb = gzip.compress(b"\0" * (MOST_INFLATED + 1))
        self.assertLess(len(bomb), 100_000)
        self.assertEqual(self.refused(bomb, b"gzip"), "http_response_body_size")
        self.assertEqual(self.refused(bomb, None), "http_response_body_size")

    def test_what_inflates_to_sixteen_mebibytes_is_the_largest(self) -> None:
        half = gzip.compress(b"\0" * (8 * 1024 * 1024), 1)
        body, raw = decode(half * 2, b"gzip", certain=True)
        self.assertEqual((len(body), raw), (16_777_216, half * 2))
        more = half * 2 + gzip.compress(b"x")
        fault = self.assertRaises(Fault, decode, more, b"gzip", certain=True)
        self.assertEqual(fault.cause.name, "http_response_body_size")
        self.assertEqual(fault.detail, "inflates to more than 16777216 bytes")

    def test_a_bomb_behind_a_large_member_takes_no_more_than_is_left(self) -> None:
        mebibyte = 1024 * 1024
        first = gzip.compress(b"\0" * (14 * mebibyte), 1)
        bomb = gzip.compress(b"\0" * (48 * mebibyte), 1)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertEqual(self.refused(first + bomb, b"gzip"), "http_response_body_size")
        _, peak = tracemalloc.get_traced_memory()
        # zlib joins what it has made, so a member is there twice for a moment
        self.assertLess(peak, 2 * 16 * mebibyte)

    def test_every_name_of_gzip(self) -> None:
        raw = gzip.compress(BODY)
        for coding in (
            b"gzip",
            b"GZip",
            b"x-gzip",
            b" x-gzip\t",
            None,
            b"",
            b"identity",
        ):
            self.assertEqual(decode(raw, coding, certain=True), (BODY, raw), coding)

    def test_no_other_coding_is_opened_not_even_around_gzip(self) -> None:
        raw = gzip.compress(BODY)
        for coding in (
            b"br",
            b"zstd",
            b"deflate",
            b"compress",
            b"gzip,br",
            b"gzip,gzip",
        ):
            for came in (raw, BODY):
                fault = self.assertRaises(Fault, decode, came, coding, certain=True)
                self.assertEqual(fault.cause.name, "http_response_content_coding")
                self.assertEqual(fault.detail, f"unknown coding {coding.decode()}")

    def test_what_says_that_it_is_gzip_has_to_be(self) -> None:
        bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        for raw in (
            zlib.compress(BODY),
            bare.compress(BODY) + bare.flush(),
            BODY,
            b"\x1f\x8b",
            b"\x1f",
        ):
            for certain in (True, False):
                fault = self.assertRaises(Fault, decode, raw, b"gzip", certain=certain)
                cut = raw[:1] == b"\x1f" and not certain
                kind = "incomplete" if cut else "content_coding"
                self.assertEqual(fault.cause.name, f"http_response_{kind}", raw[:9])

    def test_an_unknown_coding_is_named_in_forty_characters_of_ascii(self) -> None:
        for coding, told in ((b"x" * 41, "x" * 40), (b"\xff\xfe", "��")):
            fault = self.assertRaises(Fault, decode, BODY, coding, certain=True)
            self.assertEqual(fault.detail, f"unknown coding {told}")

    def test_an_empty_body_stays_one(self) -> None:
        for coding, gzipped in ((b"gzip", b""), (None, None), (b"identity", None)):
            self.assertEqual(decode(b"", coding, certain=True), (b"", gzipped))

    def test_a_coding_that_was_not_asked_for_is_a_fault(self) -> None:
        cause = self.refused(zlib.compress(BODY), b"deflate")
        self.assertEqual(cause, "http_response_content_coding")


class JSON(SynchronousTestCase):
    def refused(self, body: bytes, *, certain: bool = True) -> str:
        return cause_of(self.assertRaises(Fault, read_json, body, certain=certain))

    def test_objects_and_arrays_are_answers(self) -> None:
        for certain in (True, False):
            for body, value in ((b"{}", {}), (b"[]", []), (b' {"a": 1}\n', {"a": 1})):
                self.assertEqual(read_json(body, certain=certain), value)

    def test_what_no_endpoint_answers_is_refused(self) -> None:
        html = b"<html>portal</html>"
        deep = b"[" * 100_000
        for body in (b"", html, b"null", b"1", b'"x"', b"{", b"{} {}", deep, b"\xff{}"):
            self.assertEqual(self.refused(body), "http_response_invalid", body[:20])

    def test_numbers_that_json_does_not_have_are_refused(self) -> None:
        for body in (b'{"a": NaN}', b"[Infinity]", b"[-Infinity]"):
            self.assertEqual(self.refused(body), "http_response_invalid", body)

    @examples()
    @given(st.integers(min_value=1, max_value=len(BODY) - 1))
    def test_every_cut_without_a_certain_end_is_a_cut_body(self, length: int) -> None:
        cause = self.refused(BODY[:length], certain=False)
        self.assertEqual(cause, "http_response_incomplete")

    def test_only_what_began_as_json_can_be_cut_json(self) -> None:
        for body, cause in (
            (b'{"a": 1', "http_response_incomplete"),
            (b"[1, 2", "http_response_incomplete"),
            (b"<html", "http_response_invalid"),
            (b"", "http_response_invalid"),
            (b'"a', "http_response_invalid"),
            (b"12", "http_response_invalid"),
        ):
            self.assertEqual(self.refused(body, certain=False), cause, body)
        fault = self.assertRaises(Fault, read_json, b"[1, 2", certain=False)
        self.assertEqual(fault.detail, "cut after 5 bytes")

    def test_each_kind_of_body_has_its_words(self) -> None:
        html, broken, other = "a page of HTML, ", "broken JSON, ", ""
        for body, kind in (
            (b"<!DOCTYPE html><p>secret</p>", html),
            (b"<!doctype HTML>", html),
            (b"<html lang=en>", html),
            (b"<HTML>", html),
            (b"<head>", html),
            (b"<body class=x>", html),
            (b"<?xml version='1.0'?>", html),
            (b"\r\n  <html>", html),
            (b"{'a': 1}", broken),
            (b"  {", broken),
            (b"[1, 2", broken),
            (b"<script>", other),
            (b"secret", other),
            (b"   ", other),
            (b"\xff\xfe{}", other),
        ):
            ending = f"{len(body)} bytes" + ("" if kind else " that are not JSON")
            self.assertEqual(describe(body), f"{kind}{ending}", body)
        self.assertEqual(describe(b""), "an empty body")

    def test_its_first_64_bytes_say_what_a_body_is(self) -> None:
        self.assertEqual(describe(b" " * 59 + b"<html>"), "a page of HTML, 65 bytes")
        told = describe(b" " * 60 + b"<html>")
        self.assertEqual(told, "66 bytes that are not JSON")

    def test_the_fault_says_what_came_without_repeating_it(self) -> None:
        body = b"<!DOCTYPE html><p>secret</p>"
        fault = self.assertRaises(Fault, read_json, body, certain=True)
        self.assertIn("HTML", fault.detail)
        self.assertNotIn("secret", fault.detail)
