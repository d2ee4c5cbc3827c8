"""The line: what is slow is not called filtered."""

from __future__ import annotations

from dataclasses import replace

from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.evidence import SLOW, House, MeasuredLine, PortState
from tests.doctor.diagnosis.test_diagnose import SPLIT, Judged, replies
from tests.doctor.scenes import DIRECT, but, everywhere, good, sound

SLOWLY = MeasuredLine(40, 3000, 2500.0)


class SlowLine(Judged):
    """A line that carries little."""

    def test_it_is_told_and_the_route_is_sound_where_tmdb_answers(self) -> None:
        said = self.says(but(line=SLOWLY), "line_slow", sound=True)
        self.assertIn("2.5 kB/s", said)
        self.says(but(line=replace(SLOWLY, rate=SLOW)), sound=True)
        self.says(but(line=replace(SLOWLY, rate=None)), sound=True)

    def test_silence_on_it_is_nobodys_fault(self) -> None:
        silent = good(DIRECT, status=None, size=0, cause="http_response_timeout")
        for found in (
            but(matrix=everywhere(4, cause="tls_timeout")),
            but(matrix=everywhere(6, 7, cause="tls_timeout")),
            but(replies=(*sound().replies, silent, silent)),
        ):
            self.says(replace(found, line=SLOWLY), "line_slow", sound=True)

    def test_slow_bodies_on_it_are_not_throttled(self) -> None:
        slow = but(replies=replies(size=3000, body_ms=2000))
        self.says(replace(slow, line=SLOWLY), "line_slow", sound=True)
        self.says(slow, "throttled")

    def test_what_is_no_silence_is_told_all_the_same(self) -> None:
        self.says(
            but(matrix=everywhere(4), replies=(), line=SLOWLY), "line_slow", "tls_dead"
        )
        self.says(but(matrix=SPLIT, line=SLOWLY), "line_slow", "split_hello")

    def test_without_an_answer_it_is_the_last_word(self) -> None:
        lost = but(matrix=everywhere(4, cause="tls_timeout"), replies=(), line=SLOWLY)
        self.says(lost, "line_slow")
        self.assertIn("too slow to judge", judge(lost).comes_to)


class Ports(Judged):
    """Two ports that are held alike are both named."""

    def test_each_is_told(self) -> None:
        ports = (
            PortState("PORT", 3001, "nginx", "in use"),
            PortState("PROXY_PORT", 5001, "nginx", "in use"),
        )
        said = self.says(but(house=House(ports=ports)), "port_held", sound=True)
        self.assertIn("port 3001", said)
        self.assertIn("port 5001", said)
