"""Records: what was written comes back, and what is not what was written does not."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Validators
from streamr.policy import representation
from streamr.store.record import decode, encode
from tests.contracts.store import response

WALL = 1_800_000_000.5
ROW = ("key", "head", "gzipped", "checksum", "stored_at")


def signed(**changed: Any) -> tuple[Any, ...]:
    """A record with other parts, and the checksum that belongs to them."""
    parts = {**dict(zip(ROW, encode(response(), WALL), strict=True)), **changed}
    made = hashlib.blake2b(digest_size=16)
    for part in (parts["key"], parts["head"], parts["gzipped"], repr(WALL)):
        raw = part.encode() if isinstance(part, str) else part
        made.update(len(raw).to_bytes(8, "big") + raw)
    parts["checksum"] = made.digest()
    return tuple(parts[name] for name in ROW)


class Coming(SynchronousTestCase):
    def test_what_was_written_comes_back_with_every_field(self) -> None:
        for validators in (
            None,
            Validators('W/"x"', None),
            Validators(None, "Sun, 22 Nov 2026 10:00:00 GMT"),
        ):
            one = replace(response(), status=404, etag='W/"é"', validators=validators)
            found = decode(encode(one, WALL), one.stored_at - WALL)
            self.assertEqual(found, one)

    def test_what_did_not_come_in_gzip_is_written_in_gzip(self) -> None:
        one = response(gzipped=None)
        found = decode(encode(one, WALL), one.stored_at - WALL)
        packed = representation.gzipped(one.body)
        self.assertEqual(found, replace(one, gzipped=packed))

    def test_its_time_is_the_wall_clocks_and_comes_back_as_this_processes(self) -> None:
        row = encode(response(), WALL)
        self.assertEqual(row[4], WALL)
        for offset in (-1_799_990_000.0, 0.0, 5.0):
            found = decode(row, offset)
            assert found is not None
            self.assertEqual(found.stored_at, WALL + offset)

    def test_the_record_is_key_head_body_checksum_and_time(self) -> None:
        one = response()
        key, head, body, checksum, _ = encode(one, WALL)
        self.assertEqual((key, body), (one.key, one.gzipped))
        self.assertEqual(len(checksum), 16)
        self.assertEqual(json.loads(head)["validators"], ['W/"x"', None])


class Refusing(SynchronousTestCase):
    def test_the_checksum_is_the_one_that_older_files_have(self) -> None:
        self.assertEqual(signed(), encode(response(), WALL))

    def test_another_value_in_any_column_is_no_record(self) -> None:
        row = encode(response(), WALL)
        others = ("/movie/551", row[1] + " ", row[2] + b"x", row[3][:-1], WALL + 1)
        for at, other in enumerate(others):
            changed = (*row[:at], other, *row[at + 1 :])
            self.assertIsNone(decode(changed, 0.0), ROW[at])

    def test_a_byte_that_moved_from_one_column_to_the_next_is_noticed(self) -> None:
        key, head, body, checksum, at = encode(response(), WALL)
        for moved in (
            (key + head[:1], head[1:], body),
            (key[:-1], key[-1] + head, body),
            (key, head + "\x1f", body[1:]),
        ):
            self.assertIsNone(decode((*moved, checksum, at), 0.0))

    def test_what_is_no_record_of_ours_is_none_and_no_error(self) -> None:
        head = json.loads(encode(response(), WALL)[1])
        without = {name: head[name] for name in head if name != "etag"}
        for changed in (
            {"head": "{"},
            {"head": "[]"},
            {"head": '"text"'},
            {"head": json.dumps(without)},
            {"head": json.dumps({**head, "validators": 5})},
            {"head": json.dumps({**head, "validators": ["a", "b", "c"]})},
            {"head": json.dumps({**head, "unknown": 1})},
            {"gzipped": b"no gzip"},
            {"gzipped": gzip.compress(b"x" * 100)[:-9]},
        ):
            self.assertIsNone(decode(signed(**changed), 0.0), str(changed))
        for key in (None, 5, b"bytes"):
            row = (key, *encode(response(), WALL)[1:])
            self.assertIsNone(decode(row, 0.0), repr(key))
