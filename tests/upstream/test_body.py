"""Bodies: whole or a named fault, never half."""

from __future__ import annotations

import gzip
import json
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
    read_json,
)

BODY = json.dumps({"results": [{"id": n} for n in range(200)]}).encode()
BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)


def cause_of(error: Fault) -> str:
    return error.cause.name


class Collecting(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
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

    def test_a_coding_that_was_not_asked_for_is_a_fault(self) -> None:
        cause = self.refused(zlib.compress(BODY), b"deflate")
        self.assertEqual(cause, "http_response_content_coding")


class JSON(SynchronousTestCase):
    def refused(self, body: bytes, *, certain: bool = True) -> str:
        return cause_of(self.assertRaises(Fault, read_json, body, certain=certain))

    def test_objects_and_arrays_are_answers(self) -> None:
        for body in (b"{}", b"[]", b' {"a": 1}\n', BODY):
            read_json(body, certain=True)

    def test_what_no_endpoint_answers_is_refused(self) -> None:
        html = b"<html>portal</html>"
        deep = b"[" * 100_000
        for body in (b"", html, b"null", b"1", b'"x"', b"{", b"{} {}", deep, b"\xff{}"):
            self.assertEqual(self.refused(body), "http_response_invalid", body[:20])

    def test_numbers_that_json_does_not_have_are_refused(self) -> None:
        for body in (b'{"a": NaN}', b"[Infinity]", b"[-Infinity]"):
            self.assertEqual(self.refused(body), "http_response_invalid", body)

    @given(st.integers(min_value=1, max_value=len(BODY) - 1))
    def test_every_cut_without_a_certain_end_is_a_cut_body(self, length: int) -> None:
        cause = self.refused(BODY[:length], certain=False)
        self.assertEqual(cause, "http_response_incomplete")

    def test_the_fault_says_what_came_without_repeating_it(self) -> None:
        body = b"<!DOCTYPE html><p>secret</p>"
        fault = self.assertRaises(Fault, read_json, body, certain=True)
        self.assertIn("HTML", fault.detail)
        self.assertNotIn("secret", fault.detail)
