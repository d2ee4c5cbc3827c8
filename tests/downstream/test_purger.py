"""Caches in front are told what was purged: in order, again and again, or given up."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.downstream.purger import (
    GIVEN_UP,
    MOST_WAITING,
    PAUSES,
    REFUSED,
    TOLD,
    NotTold,
    Purger,
)


class Cache:
    """A cache in front; each call waits until the test ends it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.calls: list[Deferred[None]] = []

    def __call__(self, tag: str) -> Deferred[None]:
        self.asked.append(tag)
        self.calls.append(Deferred())
        return self.calls[-1]

    def answers(self) -> None:
        self.calls[-1].callback(None)

    def fails(self, why: str = "status 503", *, final: bool = False) -> None:
        self.calls[-1].errback(NotTold(why, final=final))


class Purging(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.one, self.other = Cache(), Cache()
        self.ended: list[tuple[str, str]] = []
        self.purger = Purger(
            {"one": self.one, "other": self.other},
            self.clock,
            lambda cache, result: self.ended.append((cache, result)),
        )
        self.log: list[LogEvent] = []
        globalLogPublisher.addObserver(self.log.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.log.append)

    def codes(self) -> list[str]:
        return [each["code"] for each in self.log if "code" in each]

    def test_each_cache_is_told_of_one_after_the_other(self) -> None:
        self.purger.purge("a")
        self.purger.purge("b")
        self.assertEqual((self.one.asked, self.other.asked), (["a"], ["a"]))
        self.one.answers()
        self.assertEqual((self.one.asked, self.other.asked), (["a", "b"], ["a"]))
        self.one.answers()
        self.assertEqual(self.ended, [("one", TOLD)] * 2)
        told, waiting = self.purger.told()
        self.assertEqual((told["told"], told["waiting"], told["failed"]), (2, 0, 0))
        self.assertEqual((waiting["told"], waiting["waiting"]), (0, 2))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_is_out_of_reach_is_told_again_and_holds_up_no_other(self) -> None:
        self.purger.purge("a")
        self.other.answers()
        for pause in PAUSES[:3]:
            self.one.fails()
            self.assertEqual(self.purger.told()[0]["trouble"], "status 503")
            before = len(self.one.asked)
            self.clock.advance(pause - 0.01)
            self.assertEqual(len(self.one.asked), before)
            self.clock.advance(0.01)
        self.one.answers()
        self.assertEqual(self.one.asked, ["a"] * 4)
        self.assertEqual(self.ended, [("other", TOLD), ("one", TOLD)])
        self.assertEqual(self.purger.told()[0]["trouble"], "")

    def test_after_a_minute_it_is_given_up_and_the_next_purge_is_told(self) -> None:
        self.purger.purge("a")
        self.purger.purge("b")
        for pause in PAUSES:
            self.one.fails()
            self.clock.advance(pause)
        self.assertGreater(self.clock.seconds(), 60.0)
        self.one.fails()
        self.assertEqual(self.ended, [("one", GIVEN_UP)])
        self.assertEqual(self.one.asked, ["a"] * (1 + len(PAUSES)) + ["b"])
        self.assertIn("not-purged-in-front", self.codes())
        # the next one has as many tries
        self.one.fails()
        self.clock.advance(PAUSES[0])
        self.assertEqual(self.one.asked[-2:], ["b", "b"])

    def test_one_that_refuses_is_not_asked_again(self) -> None:
        self.purger.purge("a")
        self.one.fails("status 401", final=True)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.ended, [("one", REFUSED)])
        self.assertEqual(self.purger.told()[0]["failed"], 1)

    def test_a_tag_waits_once(self) -> None:
        for tag in ("a", "b", "c", "b", "c"):
            self.purger.purge(tag)
        for _ in range(3):
            self.one.answers()
        self.assertEqual(self.one.asked, ["a", "b", "c"])

    def test_what_is_purged_while_it_is_told_of_is_told_of_again(self) -> None:
        """It may have been stored there again meanwhile."""
        self.purger.purge("a")
        self.purger.purge("a")
        self.one.answers()
        self.assertEqual(self.one.asked, ["a", "a"])

    def test_a_purge_of_everything_takes_the_place_of_all_but_pictures(self) -> None:
        for tag in ("a", "b", "tmdb-images", "c", "tmdb"):
            self.purger.purge(tag)
        for _ in range(3):
            self.one.answers()
        self.assertEqual(self.one.asked, ["a", "tmdb", "tmdb-images"])

    def test_too_many_become_one_purge_of_everything(self) -> None:
        for number in range(MOST_WAITING + 2):
            self.purger.purge(f"tag-{number}")
        self.one.answers()
        self.one.answers()
        self.assertEqual(self.one.asked, ["tag-0", "tmdb"])
        self.assertEqual(self.purger.told()[0]["waiting"], 0)

    def test_pictures_that_are_one_too_many_are_not_lost(self) -> None:
        for number in range(MOST_WAITING + 1):
            self.purger.purge(f"tag-{number}")
        self.purger.purge("tmdb-images")
        for _ in range(3):
            self.one.answers()
        self.assertEqual(self.one.asked, ["tag-0", "tmdb", "tmdb-images"])

    def test_at_the_end_the_log_names_what_was_not_told(self) -> None:
        for tag in ("a", "b"):
            self.purger.purge(tag)
        self.other.fails()
        self.purger.stop()
        self.assertEqual(self.codes(), ["not-purged-in-front"] * 2)
        self.assertEqual(
            [each["tags"] for each in self.log if "tags" in each], ["a, b"] * 2
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.ended, [])

    def test_an_idle_one_ends_without_a_word(self) -> None:
        self.purger.purge("a")
        for each in (self.one, self.other):
            each.answers()
        self.purger.stop()
        self.assertEqual(self.codes(), ["purged-in-front"] * 2)
        self.assertEqual(self.purger.names, ["one", "other"])
