"""Posters that are fetched before anybody asks."""

from __future__ import annotations

from streamr.boundaries import Answer, Query
from streamr.gateway.warm_pictures import APART, FIRST_LOOK, LOOK_EVERY, WarmPictures
from streamr.tmdb import images
from tests.gateway.test_pictures import BODY, DEADLINE, SIZE, PicturesCase
from tests.pictures import Coming


def poster(name: str) -> Query:
    return Query(f"/t/p/w342/{name}.jpg", (), images.TEMPLATE)


class WarmCase(PicturesCase):
    def setUp(self) -> None:
        super().setUp()
        self.wanted = [poster("a"), poster("b")]
        self.busy = False
        self.warm = WarmPictures(
            lambda: self.wanted,
            self.pictures,
            lambda: self.busy,
            self.clock,
            DEADLINE,
        )
        self.warm.start()

    def tearDown(self) -> None:
        self.warm.stop()
        self.pictures.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @property
    def asked(self) -> list[str]:
        return [sent.query.path for sent in self.direct.sent]

    def fetched(self) -> None:
        """What was asked for last comes, and is whole."""
        coming = Coming(self.clock)
        self.direct.sent[-1].result.callback(coming.answer(SIZE))
        coming.comes(BODY)
        coming.ends()


class Fetching(WarmCase):
    def test_one_after_another_and_each_is_kept(self) -> None:
        self.clock.advance(FIRST_LOOK)
        self.assertEqual(self.asked, ["/t/p/w342/a.jpg"])
        self.clock.advance(DEADLINE / 2)
        self.assertEqual(len(self.asked), 1)
        self.fetched()
        self.clock.advance(APART)
        self.assertEqual(self.asked, ["/t/p/w342/a.jpg", "/t/p/w342/b.jpg"])
        self.fetched()
        self.assertTrue(all(self.pictures.has(each) for each in self.wanted))

    def test_behind_every_caller(self) -> None:
        self.clock.advance(FIRST_LOOK)
        [sent] = self.direct.sent
        self.assertTrue(sent.call.background)

    def test_not_while_somebody_waits(self) -> None:
        self.busy = True
        self.clock.pump([FIRST_LOOK, *[APART] * 20])
        self.assertEqual(self.asked, [])
        self.busy = False
        self.clock.advance(APART)
        self.assertEqual(len(self.asked), 1)

    def test_what_is_stored_is_not_fetched(self) -> None:
        self.wanted = []
        self.keep()
        self.wanted = [Query("/t/p/w342/abc.jpg", (), images.TEMPLATE), poster("b")]
        self.clock.advance(LOOK_EVERY + FIRST_LOOK)
        self.assertEqual(self.asked, ["/t/p/w342/b.jpg"])

    def test_the_lists_are_looked_through_again(self) -> None:
        self.wanted = []
        self.clock.advance(FIRST_LOOK)
        self.wanted = [poster("new")]
        self.clock.advance(LOOK_EVERY - 1)
        self.assertEqual(self.asked, [])
        self.clock.advance(1)
        self.assertEqual(self.asked, ["/t/p/w342/new.jpg"])

    def test_one_that_cannot_be_had_stops_nothing(self) -> None:
        self.clock.advance(FIRST_LOOK)
        self.direct.succeeds(Answer(404, b""))
        self.clock.advance(APART)
        self.assertEqual(self.asked[-1], "/t/p/w342/b.jpg")

    def test_nor_does_one_that_is_cut(self) -> None:
        self.clock.advance(FIRST_LOOK)
        coming = Coming(self.clock)
        self.direct.sent[-1].result.callback(coming.answer(SIZE, etag=None))
        coming.comes(BODY[:9])
        coming.is_cut()
        self.clock.advance(APART)
        self.assertEqual(self.asked[-1], "/t/p/w342/b.jpg")

    def test_a_stop_ends_what_is_under_way(self) -> None:
        self.clock.advance(FIRST_LOOK)
        coming = Coming(self.clock)
        self.direct.sent[-1].result.callback(coming.answer(SIZE))
        self.warm.stop()
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(len(self.asked), 1)
        self.assertTrue(coming.is_left)
