"""Answers made ready to be written: every coding says the same, and so does the tag."""

import gzip
import random
import re
import sys
from dataclasses import replace
from importlib.util import find_spec, module_from_spec
from types import ModuleType

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Validators
from streamr.policy import representation
from streamr.policy.freshness import State, Terms, state
from tests.properties import examples
from tests.support import QUERY

steady = examples(200)
TERMS = Terms("details", 100.0, 900.0, 50.0, 500.0)
VALIDATORS = Validators('W/"abc"', "Sun, 22 Nov 2026 10:00:00 GMT")
ANSWER = Answer(
    200,
    b'{"id":550,"title":"Fight Club"}',
    content_type="application/json",
    validators=VALIDATORS,
)
HEAVY = 100_000
LARGE = b"a" * (HEAVY + 1)
# As hard to compress as text: every level makes something else of it.
PAGE = " ".join(random.Random(1).choices([f"word{n}" for n in range(300)], k=2000))


def bare() -> ModuleType:
    """The module as it is imported where the extra `brotli` is not installed."""
    spec = find_spec(representation.__name__)
    assert spec is not None
    assert spec.loader is not None
    found = module_from_spec(spec)
    there = sys.modules.get("brotli")
    # None stands for "not to be found"
    sys.modules["brotli"] = None  # type: ignore[assignment]
    try:
        spec.loader.exec_module(found)
    finally:
        del sys.modules["brotli"]
        if there is not None:
            sys.modules["brotli"] = there
    return found


class Making(SynchronousTestCase):
    """From an answer to a stored response."""

    def test_it_holds_all_that_serving_needs(self) -> None:
        one = representation.ready("key", QUERY, ANSWER, TERMS, 1000.0)
        self.assertEqual(
            (one.key, one.path, one.kind, one.status, one.content_type, one.body),
            ("key", QUERY.path, "details", 200, "application/json", ANSWER.body),
        )
        self.assertEqual(
            (one.lifetime, one.while_revalidate, one.if_error), (900.0, 50.0, 500.0)
        )
        self.assertEqual(one.validators, VALIDATORS)

    def test_it_is_as_old_as_the_answer_was_when_it_came(self) -> None:
        self.assertEqual(
            representation.ready("key", QUERY, ANSWER, TERMS, 1000.0).stored_at, 900.0
        )

    def test_gzip_bytes_that_came_are_kept_as_they_came(self) -> None:
        came = gzip.compress(ANSWER.body, 1)
        answer = replace(ANSWER, gzipped=came)
        one = representation.ready("key", QUERY, answer, TERMS, 0.0)
        self.assertEqual((one.gzipped, one.body), (came, ANSWER.body))

    def test_no_coding_is_made_before_somebody_takes_it(self) -> None:
        one = representation.ready("key", QUERY, ANSWER, TERMS, 0.0)
        self.assertEqual((one.gzipped, one.brotli), (None, None))

    def test_the_gzip_form_is_the_same_bytes_every_time(self) -> None:
        # bytes 4 to 7 are the time of making (RFC 1952, 2.3.1)
        made = representation.gzipped(ANSWER.body)
        self.assertEqual(made[4:8], b"\0\0\0\0")
        self.assertEqual(made, representation.gzipped(bytes(bytearray(ANSWER.body))))

    def test_each_coding_is_made_at_the_level_that_was_measured(self) -> None:
        """Each level costs the reactor more than the one below it."""
        body = PAGE.encode()
        levels = {n: gzip.compress(body, n, mtime=0) for n in (5, 6, 7)}
        self.assertEqual(len(set(levels.values())), 3)
        self.assertEqual(representation.gzipped(body), levels[6])
        if representation.brotli is not None:
            made = {
                q: representation.brotli.compress(body, quality=q) for q in (4, 5, 6)
            }
            self.assertEqual(len(set(made.values())), 3)
            self.assertEqual(representation.brotlied(body), made[5])

    def test_what_is_no_gzip_is_an_error(self) -> None:
        whole = representation.gzipped(ANSWER.body)
        for wrong in (b"x", whole[:-9], whole[:12]):
            self.assertRaises((OSError, EOFError), representation.gunzipped, wrong)


class Codings(SynchronousTestCase):
    """What a caller takes, and what is there of it."""

    def setUp(self) -> None:
        self.one = representation.ready("key", QUERY, ANSWER, TERMS, 0.0)

    def codings(self) -> list[str]:
        return ["gzip"] if representation.brotli is None else ["gzip", "br"]

    def test_brotli_is_the_best_where_the_extra_is_installed(self) -> None:
        for taken, best, without in (
            ((), None, None),
            (("gzip",), "gzip", "gzip"),
            (("br",), "br", None),
            (("br", "gzip"), "br", "gzip"),
        ):
            if representation.brotli is not None:
                self.assertEqual(representation.best(frozenset(taken)), best)
            self.assertEqual(bare().best(frozenset(taken)), without)

    @steady
    @given(st.binary(max_size=3000))
    def test_each_coding_holds_the_same_body(self, body: bytes) -> None:
        for coding in self.codings():
            opens = (
                representation.gunzipped
                if coding == "gzip"
                else representation.brotli.decompress
            )
            self.assertEqual(opens(representation.encoded(body, coding)), body)

    def test_one_coding_more_is_all_that_changes(self) -> None:
        for coding, name in (("gzip", "gzipped"), ("br", "brotli")):
            self.assertFalse(representation.has(self.one, coding))
            more = representation.with_coding(self.one, coding, b"x")
            self.assertTrue(representation.has(more, coding))
            self.assertEqual(more, replace(self.one, **{name: b"x"}))


class Tags(SynchronousTestCase):
    """The ETag: ours, from the bytes alone."""

    @steady
    @given(st.binary(max_size=100), st.binary(max_size=100))
    @example(b'{"id":550,"v":1}', b'{"id":550,"v":2}')
    def test_equal_bytes_have_equal_tags_and_others_have_not(
        self, first: bytes, second: bytes
    ) -> None:
        self.assertEqual(
            representation.etag(first) == representation.etag(second), first == second
        )

    def test_it_is_a_weak_tag_for_every_coding_carries_it(self) -> None:
        # RFC 9110, 8.8.3
        tag = representation.etag(b"{}")
        self.assertTrue(re.fullmatch(r'W/"[\x21\x23-\x7e]+"', tag), tag)

    def test_it_is_the_same_after_an_upgrade(self) -> None:
        # callers' caches hold it for days: another form would make them all ask anew
        self.assertEqual(representation.etag(b"{}"), 'W/"bf78e4a953b40eee238ca2e9"')

    def test_neither_key_nor_time_nor_tmdbs_own_tag_is_in_it(self) -> None:
        first = representation.ready("a", QUERY, ANSWER, TERMS, 0.0)
        other = replace(ANSWER, validators=None, gzipped=gzip.compress(ANSWER.body, 1))
        second = representation.ready("b", QUERY, other, TERMS, 9.0)
        self.assertEqual(first.etag, second.etag)


class Renewing(SynchronousTestCase):
    """A 304 makes the same response young again."""

    def test_only_times_and_terms_change(self) -> None:
        one = representation.ready("key", QUERY, ANSWER, TERMS, 0.0)
        again = representation.renewed(one, Terms("x", 5.0, 60.0, 7.0, 8.0), 2000.0)
        self.assertEqual(
            (again.stored_at, again.lifetime, again.while_revalidate, again.if_error),
            (1995.0, 60.0, 7.0, 8.0),
        )
        same = replace(again, stored_at=-100.0, lifetime=900.0)
        self.assertEqual(replace(same, while_revalidate=50.0, if_error=500.0), one)

    def test_it_keeps_every_coding_as_it_was(self) -> None:
        one = representation.ready(
            "key", QUERY, replace(ANSWER, body=LARGE), TERMS, 7e6
        )
        again = representation.renewed(one, TERMS, 8e6)
        self.assertEqual(again.stored_at, 8e6 - 100.0)
        for name in ("body", "gzipped", "brotli", "etag", "validators"):
            self.assertIs(getattr(again, name), getattr(one, name), name)

    def test_an_aged_response_is_to_be_renewed_and_not_gone(self) -> None:
        one = representation.ready("key", QUERY, ANSWER, TERMS, 5000.0)
        self.assertIs(state(one, 5000.0), State.FRESH)
        self.assertIs(state(representation.aged(one, 5000.0), 5000.0), State.REVALIDATE)


class Work(SynchronousTestCase):
    """Heavy compression belongs off the reactor."""

    def test_it_is_heavy_from_so_many_bytes_on(self) -> None:
        for body, heavy in ((b"{}", False), (LARGE[1:], False), (LARGE, True)):
            self.assertEqual(representation.heavy(body), heavy, len(body))
