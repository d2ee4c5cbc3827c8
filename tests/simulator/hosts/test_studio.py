"""Pictures are drawn once, in slices, and the last ones are kept."""

from collections.abc import Generator
from itertools import pairwise

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.hosts import studio
from streamr.simulator.hosts.studio import SLICE, Studio
from streamr.simulator.pictures.gallery import Gallery
from streamr.simulator.tmdb.images import Drawing, Picture
from streamr.simulator.tmdb.world import load

SIZE = studio.KEPT_BYTES // 2


class SlowGallery(Gallery):
    """Every name ending in .png is a picture that takes ten steps of a slice each."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(load())
        self.clock = clock
        self.begun: list[str] = []
        self.steps = 0

    def picture(self, size: str, name: str) -> Drawing | None:
        return self.slowly(name) if name.endswith(".png") else None

    def slowly(self, name: str) -> Generator[None, None, Picture]:
        self.begun.append(name)
        for _ in range(10):
            self.clock.rightNow += SLICE
            self.steps += 1
            yield
        return Picture("image/png", name.encode() * (SIZE // len(name)))


class Studios(SynchronousTestCase):
    """A studio with a clock of its own."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.gallery = SlowGallery(self.clock)
        self.studio = Studio(self.gallery, self.clock)

    def finish(self) -> None:
        while self.clock.getDelayedCalls():
            self.clock.advance(0)

    def test_no_such_picture_is_known_at_once(self) -> None:
        self.assertIsNone(self.successResultOf(self.studio.picture("w1", "a.gif")))

    def test_others_have_their_turn_between_two_slices(self) -> None:
        seen: list[int] = []

        def turn() -> None:
            seen.append(self.gallery.steps)
            if self.gallery.steps < 10:
                self.clock.callLater(0, turn)

        drawing = self.studio.picture("w1", "a.png")
        turn()
        self.clock.advance(0)
        self.assertEqual(10, seen[-1])
        for before, after in pairwise(seen):
            self.assertLessEqual(after, before + 2, seen)
        self.assertIsNotNone(self.successResultOf(drawing))

    def test_it_is_drawn_once_for_all_who_ask(self) -> None:
        asking = [self.studio.picture("w1", "a.png") for _ in range(3)]
        self.clock.advance(0)
        asking.append(self.studio.picture("w1", "a.png"))
        self.finish()
        asking.append(self.studio.picture("w1", "a.png"))
        found = [self.successResultOf(each) for each in asking]
        self.assertEqual(["a.png"], self.gallery.begun)
        self.assertEqual([found[0]] * 5, found)

    def test_one_is_drawn_after_another_and_each_size_by_itself(self) -> None:
        done: list[str] = []
        for size, name in (("w1", "a.png"), ("w2", "a.png"), ("w1", "b.png")):
            drawing = self.studio.picture(size, name)
            drawing.addCallback(lambda _, told=f"{size} {name}": done.append(told))
        self.finish()
        self.assertEqual(["a.png", "a.png", "b.png"], self.gallery.begun)
        self.assertEqual(["w1 a.png", "w2 a.png", "w1 b.png"], done)

    def test_those_asked_for_longest_ago_are_forgotten(self) -> None:
        for name in ("a.png", "b.png", "a.png", "c.png", "a.png", "b.png"):
            self.studio.picture("w1", name)
            self.finish()
        self.assertEqual(["a.png", "b.png", "c.png", "b.png"], self.gallery.begun)
        self.assertLessEqual(self.studio.size, studio.KEPT_BYTES)

    def test_stopping_leaves_nothing_to_come(self) -> None:
        self.studio.picture("w1", "a.png")
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        self.studio.timers.cancel()
        self.assertEqual([], self.clock.getDelayedCalls())
