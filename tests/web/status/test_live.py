"""Live pages: a bounded number, only what has changed, and an end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Refusal
from streamr.web.access import Stop
from streamr.web.status.live import EVERY, HEARTBEAT, MOST_LISTENERS, Live


@dataclass
class Listener:
    """A page that reads, or does not keep up."""

    said: list[bytes] = field(default_factory=list)
    keeps_up: bool = True
    finished: int = 0
    stop: Stop = lambda: None

    def write(self, data: bytes) -> bool:
        if self.keeps_up:
            self.said.append(data)
        return self.keeps_up

    def finish(self) -> None:
        self.finished += 1
        self.stop()

    def parts(self) -> list[dict[str, str]]:
        """The events since the last look."""
        said, self.said = self.said, []
        return [
            json.loads(each.split(b"data: ")[1]) for each in said if b"event:" in each
        ]


class LiveCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.page = {"glance": "fine", "map": "drawn"}
        self.painted = 0
        self.live = Live(self.paint, self.clock)

    def paint(self) -> dict[str, str]:
        self.painted += 1
        return dict(self.page)

    def listen(self, keeps_up: bool = True) -> Listener:
        listener = Listener(keeps_up=keeps_up)
        listener.stop = self.live.feed().start(listener.write, listener.finish)
        return listener

    def test_who_comes_gets_everything_at_once(self) -> None:
        first, second = self.listen(), self.listen()
        self.assertEqual([self.page], first.parts())
        self.assertEqual([self.page], second.parts())

    def test_only_what_has_changed_is_sent(self) -> None:
        listener = self.listen()
        listener.parts()
        self.clock.advance(EVERY)
        self.assertEqual([], listener.said)
        self.page["glance"] = "broken"
        self.clock.advance(EVERY)
        self.assertEqual([{"glance": "broken"}], listener.parts())

    def test_what_has_just_changed_can_be_shown_at_once(self) -> None:
        listener = self.listen()
        listener.parts()
        self.page["glance"] = "broken"
        self.live.show()
        self.assertEqual([{"glance": "broken"}], listener.parts())
        self.clock.advance(EVERY)
        self.assertEqual([], listener.parts())

    def test_without_listeners_nothing_is_painted_for_it(self) -> None:
        self.live.show()
        self.assertEqual(0, self.painted)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_one_painting_serves_all(self) -> None:
        for _ in range(5):
            self.listen()
        before = self.painted
        self.clock.advance(EVERY)
        self.assertEqual(before + 1, self.painted)

    def test_a_silent_page_hears_a_heartbeat(self) -> None:
        listener = self.listen()
        listener.parts()
        for _ in range(int(HEARTBEAT / EVERY) + 1):
            self.clock.advance(EVERY)
        self.assertEqual([b": still here\n\n"], listener.said)

    def test_who_does_not_keep_up_gets_everything_later(self) -> None:
        listener = self.listen(keeps_up=False)
        self.page["glance"] = "broken"
        self.clock.advance(EVERY)
        self.assertEqual([], listener.said)
        listener.keeps_up = True
        self.clock.advance(EVERY)
        self.assertEqual([self.page], listener.parts())
        self.clock.advance(EVERY)
        self.assertEqual([], listener.parts())

    def test_there_are_only_so_many(self) -> None:
        listeners = [self.listen() for _ in range(MOST_LISTENERS)]
        refused = self.assertRaises(Refusal, self.live.feed)
        self.assertEqual(503, refused.status)
        self.assertIn("/status.json", refused.message)
        listeners[3].stop()
        self.listen()

    def test_two_who_are_let_in_at_once_are_still_bounded(self) -> None:
        feeds = [self.live.feed() for _ in range(MOST_LISTENERS + 1)]
        listeners = [Listener() for _ in feeds]
        for feed, each in zip(feeds, listeners, strict=True):
            each.stop = feed.start(each.write, each.finish)
        self.assertEqual(MOST_LISTENERS, len(self.live))
        self.assertEqual(1, listeners[-1].finished)

    def test_without_a_listener_nothing_runs(self) -> None:
        first, second = self.listen(), self.listen()
        first.stop()
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        second.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual([self.page], self.listen().parts())

    def test_at_the_end_every_page_ends_and_none_begins(self) -> None:
        listeners = [self.listen(), self.listen()]
        feed = self.live.feed()
        self.live.end()
        self.assertEqual([1, 1], [each.finished for each in listeners])
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertRaises(Refusal, self.live.feed)
        late = Listener()
        late.stop = feed.start(late.write, late.finish)
        self.assertEqual((1, 0), (late.finished, len(self.live)))
