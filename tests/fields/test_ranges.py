"""A part of a response: which bytes a Range field asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.fields.ranges import Span, applies, span
from tests.properties import examples

SIZE = 100


class Fields(SynchronousTestCase):
    """What is asked for, of a body of a hundred bytes."""

    def test_a_part_of_it(self) -> None:
        for field, first, last in (
            ("bytes=0-99", 0, 99),
            ("bytes=0-0", 0, 0),
            ("bytes=10-19", 10, 19),
            ("bytes=10-", 10, 99),
            ("bytes=99-", 99, 99),
            ("bytes=-1", 99, 99),
            ("bytes=-100", 0, 99),
            ("bytes=-999", 0, 99),
            ("bytes=10-999", 10, 99),
            ("bytes=10-100", 10, 99),
            ("BYTES=10-19", 10, 19),
            ("bytes = 10-19 ", 10, 19),
            ("bytes\t=\t10-19", 10, 19),
        ):
            self.assertEqual(span(field, SIZE), Span(first, last, SIZE), field)

    def test_what_is_not_there(self) -> None:
        for field in ("bytes=100-", "bytes=100-200", "bytes=999-", "bytes=-0"):
            told = span(field, SIZE)
            assert told is not None
            self.assertIsNone(told.first, field)
            self.assertEqual(told.field, "bytes */100")

    def test_nothing_of_an_empty_body_is_there(self) -> None:
        for field in ("bytes=0-", "bytes=0-0", "bytes=-1"):
            told = span(field, 0)
            assert told is not None
            self.assertIsNone(told.first, field)
            self.assertEqual(told.field, "bytes */0")

    def test_the_whole_is_answered_to_anything_else(self) -> None:
        for field in (
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=10",
            "bytes=19-10",
            "bytes=0-9,20-29",
            "bytes=0-9, 20-29",
            "lines=0-9",
            "bytes=0-9;q=1",
            "bytes=+1-9",
            "bytes=0--9",
            "bytes=0-9\n",
            "bytes=1 0-19",
            "bytes=" + "9" * 16 + "-",
            "bytes=\u0661-\u0669",
        ):
            self.assertIsNone(span(field, SIZE), field)

    def test_the_whole_is_answered_where_nobody_knows_its_length(self) -> None:
        for field in ("bytes=0-9", "bytes=-1", "bytes=10-"):
            self.assertIsNone(span(field, None), field)

    def test_the_largest_number_that_is_read(self) -> None:
        most = "9" * 15
        self.assertEqual(span(f"bytes=0-{most}", SIZE), Span(0, 99, SIZE))
        self.assertEqual(span(f"bytes=-{most}", SIZE), Span(0, 99, SIZE))

    def test_the_field_of_a_part(self) -> None:
        self.assertEqual(Span(10, 19, 100).field, "bytes 10-19/100")
        self.assertEqual(Span(0, 0, 1).field, "bytes 0-0/1")


class Slices(SynchronousTestCase):
    """The same as Python's own slices, for all numbers."""

    numbers = st.one_of(st.none(), st.integers(0, 40))

    @given(numbers, numbers, st.integers(0, 30))
    @examples(500)
    def test_each_part_is_that_of_a_slice(
        self, first: int | None, last: int | None, size: int
    ) -> None:
        body = bytes(range(size))
        begin, end = ("" if each is None else str(each) for each in (first, last))
        told = span(f"bytes={begin}-{end}", size)
        if first is None and last is None:
            self.assertIsNone(told)
            return
        if first is None:
            expected = body[-last:] if last else b""
        elif last is None:
            expected = body[first:]
        elif last < first:
            self.assertIsNone(told)
            return
        else:
            expected = body[first : last + 1]
        assert told is not None
        found = b"" if told.first is None else body[told.first : told.last + 1]
        self.assertEqual((found, told.size), (expected, size))
        self.assertEqual(told.first is None, not expected)
        if told.first is not None:
            self.assertLess(told.last, size)

    @given(st.text(max_size=40), st.one_of(st.none(), st.integers(0, 30)))
    @examples(200)
    def test_no_text_is_too_odd(self, field: str, size: int | None) -> None:
        told = span(field, size)
        if told is not None and told.first is not None:
            self.assertTrue(0 <= told.first <= told.last < told.size)


class Conditions(SynchronousTestCase):
    def test_a_range_goes_with_the_very_version_that_is_named(self) -> None:
        for field, held in (
            ("", True),
            ('"v1"', True),
            ('"v2"', False),
            ('W/"v1"', False),
            ("Mon, 02 Jan 2023 00:00:00 GMT", False),
            ("*", False),
        ):
            self.assertIs(applies(field, '"v1"'), held, field)
