"""The head of a stored picture: whole, or not believed."""

from __future__ import annotations

import json
import zlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import PictureHead
from streamr.store.pictures.head import DIGEST_BYTES, SIZE, decode, encode, fits
from tests.properties import examples
from tests.store.pictures.support import head

steady = examples(60)
DIGEST = bytes(range(DIGEST_BYTES))
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
known = st.builds(
    PictureHead, words, words, words, st.integers(1, 10**15), st.floats(-1e12, 1e12)
)


def sealed(**changes: object) -> bytes:
    """A head with other values, whose check is right all the same."""
    plain = json.loads(encode(head(length=10), DIGEST))
    del plain["check"]
    plain.update(changes)
    check = zlib.crc32(json.dumps(plain).encode())
    return json.dumps({**plain, "check": check}).encode()


class Head(SynchronousTestCase):
    @steady
    @given(known, st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES))
    def test_any_comes_back_with_its_digest(
        self, wanted: PictureHead, digest: bytes
    ) -> None:
        raw = encode(wanted, digest)
        self.assertEqual(SIZE, len(raw))
        self.assertEqual((wanted, digest), decode(raw))

    @steady
    @given(st.integers(0, SIZE * 8 - 1))
    def test_no_wrong_bit_leads_to_another(self, bit: int) -> None:
        wanted = head(length=10)
        raw = bytearray(encode(wanted, DIGEST))
        raw[bit // 8] ^= 1 << bit % 8
        # a space at the end may become a tab, which changes nothing
        self.assertIn(decode(bytes(raw)), (None, (wanted, DIGEST)))

    @steady
    @given(
        st.binary(max_size=SIZE) | st.text('[]{}",:1e', max_size=SIZE).map(str.encode)
    )
    def test_junk_is_none(self, raw: bytes) -> None:
        self.assertIsNone(decode(raw))

    def test_what_was_sealed_and_is_no_head_of_a_whole_picture_is_none(self) -> None:
        self.assertIsNotNone(decode(sealed()))
        for changes in (
            {"version": 2},
            {"length": None},
            {"length": 0},
            {"length": -1},
            {"length": "10"},
            {"length": 10**15 + 1},
            {"made_at": float("nan")},
            {"made_at": "now"},
            {"digest": "x"},
            {"digest": None},
            {"key": 7},
            {"more": 1},
        ):
            self.assertIsNone(decode(sealed(**changes)), changes)

    def test_one_that_is_too_long_is_refused_in_time(self) -> None:
        long = head("/t/p/w342/" + "x" * SIZE, length=10)
        self.assertFalse(fits(long))
        self.assertRaises(ValueError, encode, long, DIGEST)

    def test_one_that_fits_does_so_with_any_length(self) -> None:
        fitting = [each for each in range(SIZE) if fits(head("x" * each))]
        self.assertEqual(list(range(len(fitting))), fitting)
        encode(head("x" * fitting[-1], length=10**15), DIGEST)

    def test_a_usual_one_leaves_room(self) -> None:
        usual = head("/t/p/w1920_and_h800_multi_faces/" + "x" * 60 + ".jpg")
        self.assertTrue(fits(usual))
