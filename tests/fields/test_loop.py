"""Via and CDN-Loop: a request that has been here before is known, and no other."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.fields.loop import Loop

LOOP = Loop("streamr-1a2b")


class Circles(SynchronousTestCase):
    def test_a_hop_carries_our_name_behind_those_before_us(self) -> None:
        for incoming, field in (
            ("", "streamr-1a2b"),
            ("other", "other, streamr-1a2b"),
            ("a; x=1, b", "a; x=1, b, streamr-1a2b"),
        ):
            self.assertEqual(
                LOOP.headers(incoming),
                {"Via": "1.1 streamr-1a2b", "CDN-Loop": field},
                incoming,
            )

    def test_our_name_anywhere_in_the_field_closes_the_circle(self) -> None:
        # RFC 8586, 2: names are separated by commas, and may have parameters
        for incoming, closed in (
            ("streamr-1a2b", True),
            ("other, streamr-1a2b", True),
            ("streamr-1a2b, other", True),
            ("other,streamr-1a2b,more", True),
            ("a,streamr-1a2b;x=1 , b", True),
            (" streamr-1a2b ; x", True),
            ("streamr-1a2b; hops=1", True),
            (" streamr-1a2b ;hops=1", True),
            ("", False),
            ("other", False),
            ("streamr-1a2bc", False),
            ("streamr-1a2b-2", False),
            ("streamr-1a2", False),
            ("streamr", False),
            ("a-streamr-1a2b", False),
            ("other; by=streamr-1a2b", False),
            ("other;streamr-1a2b", False),
        ):
            self.assertIs(LOOP.closed(incoming), closed, incoming)

    def test_what_one_hop_says_the_same_process_knows_again(self) -> None:
        on_the_way = LOOP.headers(LOOP.headers("a")["CDN-Loop"])["CDN-Loop"]
        self.assertTrue(LOOP.closed(on_the_way))
        self.assertFalse(Loop("streamr-other").closed(on_the_way))
