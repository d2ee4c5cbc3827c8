"""The log: its lines, their level and form, and that nothing secret is in them."""

import io
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Exchange
from streamr.errors import Attempt, Fault
from streamr.observe.access import LogObserver
from streamr.observe.log import LineObserver, Sink
from streamr.policy.redact import MASK, Redactor
from tests.properties import examples
from tests.support import but
from tests.support import exchange as made

steady = examples(200)
KEY = "c0ffee00c0ffee00c0ffee00c0ffee00"
ODD = "odd\"secret\\with'quotes"
FAILED = Attempt("direct", "api.tmdb.org", 40, "tls_reset", "after 1568 bytes")
BY_PROXY = Attempt("proxy@p", "p", 80, status=200)
EXCHANGE = made(
    "main",
    "req-1",
    "GET",
    "/api/tmdb/popular?page=2",
    200,
    121,
    source="proxy@p",
    attempts=(FAILED, BY_PROXY),
)
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [a-z ]{5} .*")


class Recorder:
    """A LineObserver that writes to memory, and a logger in front of it."""

    def __init__(self, level: str = "info", form: str = "text") -> None:
        self.stream = io.StringIO()
        self.observer = LineObserver(
            [Sink(self.stream)], Redactor([KEY, ODD]), level, form
        )
        self.log = Logger(namespace="streamr.test", observer=self.observer)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


class Requests(SynchronousTestCase):
    """One line per request, with why each attempt failed."""

    def noted(self, exchange: Exchange, form: str = "text") -> Recorder:
        recorder = Recorder(form=form)
        LogObserver(recorder.observer).note(exchange)
        return recorder

    def test_a_request_that_fell_back_says_why_in_its_line(self):
        [line] = self.noted(EXCHANGE).lines
        self.assertIn(
            "info  main GET /api/tmdb/popular?page=2 200 121 ms proxy@p "
            "(direct tls_reset after 1568 bytes after 40 ms) [req-1]",
            line,
        )

    def test_those_of_a_flood_have_no_line_of_their_own(self):
        flood = {"fault": Fault("connection_limit_reached")}
        told = made("main", "r", "GET", "/x", 429, 1, **flood)
        for each in (told, but(told, attempts=(FAILED,))):
            self.assertEqual(self.noted(each).lines, [])

    def test_a_request_without_a_failure_has_no_brackets(self):
        exchange = made("main", "r", "GET", "/x", 200, 1, attempts=(BY_PROXY,))
        [line] = self.noted(exchange).lines
        self.assertTrue(line.endswith("GET /x 200 1 ms - [r]"), line)

    def test_one_that_failed_is_one_warning_with_every_cause(self):
        theirs = Attempt("classic@x", "x", 1, "tls_timeout", peer="proxy@p")
        exchange = made(
            "main",
            "r",
            "GET",
            "/x",
            502,
            1,
            attempts=(FAILED, theirs),
            fault=Fault("tls_timeout"),
        )
        [line] = self.noted(exchange).lines
        for words in (
            *(" warn  ", "direct tls_reset", "; proxy@p/classic@x tls_timeout after"),
        ):
            self.assertIn(words, line)

    def test_what_deserves_a_look_is_a_warning_once_and_our_own_error_is_an_error(self):
        fault = Fault("tls_reset")
        for status, more, level in (
            (500, {"fault": Fault("proxy_internal_error")}, "error"),
            (500, {}, "error"),
            (502, {"fault": fault}, "warn"),
            (504, {"fault": fault}, "warn"),
            (401, {"fault": Fault("key_refused")}, "warn"),
            (508, {}, "warn"),
            (499, {"fault": fault, "left": True}, "info"),
            (404, {}, "info"),
            (200, {}, "info"),
        ):
            exchange = made("main", "r", "GET", "/x", status, 1, **more)
            self.assertIn(f"Z {level}", self.noted(exchange).text, (status, level))
            if level == "warn":
                hop = replace(exchange, hop=True)
                self.assertIn("Z info", self.noted(hop).text)

    def test_a_callers_key_in_the_target_is_struck_out(self):
        exchange = made("main", "r", "GET", "/x?api_key=deadbeef&page=2", 200, 1)
        for form in ("text", "json"):
            text = self.noted(exchange, form).text
            self.assertNotIn("deadbeef", text)
            self.assertIn("page=2", text)

    def test_json_has_every_field_by_its_name(self):
        [request] = self.noted(EXCHANGE, "json").events
        self.assertEqual(
            (request["status"], request["source"], request["level"], request["ms"]),
            (200, "proxy@p", "info", 121),
        )
        self.assertIn("direct tls_reset", request["causes"])
        self.assertEqual(request["logger"], "streamr.request")

    def test_json_has_the_code_of_what_deserves_a_look(self):
        [request] = self.noted(EXCHANGE, "json").events
        self.assertIsNone(request.get("code"))
        failed = made("main", "r", "GET", "/x", 502, 1, fault=Fault("tls_reset"))
        [request] = self.noted(failed, "json").events
        self.assertEqual(request["code"], "request-failed")


class Redaction(SynchronousTestCase):
    """It stands before every sink."""

    def test_text_json_and_tracebacks_hold_no_secret(self):
        for form in ("text", "json"):
            recorder = Recorder(form=form)
            recorder.log.info("a key {key}", key=KEY, other=KEY)
            recorder.log.info("{bytes!r}", bytes=KEY.encode())
            try:
                raise ValueError(f"https://x/3/y?api_key={KEY}")
            except ValueError:
                recorder.log.failure("broken", failure=Failure())
            self.assertNotIn(KEY, recorder.text)
            self.assertIn("ValueError", recorder.text)
            self.assertEqual(len(re.findall(r"a key \[redacted\]", recorder.text)), 1)

    def test_every_sink_gets_the_same_redacted_line(self):
        other = io.StringIO()
        recorder = Recorder()
        recorder.observer.add(Sink(other))
        recorder.log.info(KEY)
        self.assertIn(MASK, recorder.text)
        self.assertEqual(other.getvalue(), recorder.text)

    def test_a_secret_with_quotes_is_struck_out_however_often_it_is_escaped(self):
        for form in ("text", "json"):
            recorder = Recorder(form=form)
            for shown in (ODD, repr(ODD), repr(ODD.encode()), json.dumps(ODD)):
                recorder.log.info("{shown}", shown=shown)
            for part in ("secret", "with"):
                self.assertNotIn(part, recorder.text, form)


class Injection(SynchronousTestCase):
    """A caller puts no line of its own into the log."""

    def test_a_line_break_of_any_kind_starts_no_line(self):
        for breaking in ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"):
            recorder = Recorder()
            recorder.log.info(
                "before{x}after", x=f"{breaking}2026-01-01T00:00:00.000Z info  me"
            )
            first, *more = recorder.text.split("\n")[:-1]
            self.assertRegex(first, LINE)
            for line in more:
                self.assertRegex(line, r"\A {4}\S")

    def test_control_characters_and_escapes_are_spelt_out(self):
        recorder = Recorder()
        recorder.log.info("{x}", x="\x1b[31mred\x07\x00\u202e")
        self.assertIn(r"\x1b[31mred\x07\x00\u202e", recorder.text)

    @steady
    @given(st.text())
    def test_any_text_is_one_entry(self, text):
        recorder = Recorder()
        recorder.log.info("{x}", x=text)
        entries = [each for each in recorder.text.split("\n") if each[:1].strip()]
        self.assertEqual(len(entries), 1)
        self.assertRegex(entries[0], LINE)

    @steady
    @given(st.text(), st.text())
    def test_any_text_is_one_object_on_one_line(self, text, value):
        recorder = Recorder(form="json")
        recorder.log.info("{x}", x=text, y=value)
        (line,) = recorder.text.split("\n")[:-1]
        self.assertIsInstance(json.loads(line), dict)

    def test_a_value_cannot_break_out_of_its_json_string(self):
        for text in ('/x?api_key=abc"', '/x?api_key=abc","level":"none', "password=\\"):
            recorder = Recorder(form="json")
            recorder.log.info("GET {target} 200", target=text)
            (event,) = recorder.events
            self.assertEqual(event["level"], "info")
            self.assertIn(" 200", event["message"])

    def test_a_field_cannot_replace_the_entrys_own(self):
        recorder = Recorder(form="json")
        fields = {"time": "never", "level": "none", "logger": "me", "message": "y"}
        about = {"log_namespace": "streamr.test", "log_level": LogLevel.info}
        recorder.observer({**about, "log_format": "x", "log_time": 0.0, **fields})
        (event,) = recorder.events
        self.assertEqual((event["level"], event["logger"]), ("info", "streamr.test"))
        self.assertEqual((event["time"][:4], event["message"]), ("1970", "x"))


class Levels(SynchronousTestCase):
    """What is important enough."""

    def test_only_what_is_at_least_as_important_is_written(self):
        for level, count in (("debug", 4), ("info", 3), ("warn", 2), ("error", 1)):
            recorder = Recorder(level)
            for emit in ("debug", "info", "warn", "error"):
                getattr(recorder.log, emit)("a line")
            self.assertEqual(len(recorder.lines), count, level)

    def test_a_critical_line_is_always_written(self):
        recorder = Recorder("error")
        recorder.log.critical("a line")
        self.assertEqual(len(recorder.lines), 1)

    def test_what_twisted_finds_worth_telling_is_for_debugging(self):
        for level, count in (("info", 0), ("debug", 1)):
            recorder = Recorder(level)
            Logger(namespace="twisted.web", observer=recorder.observer).info("Starting")
            self.assertEqual(len(recorder.lines), count)

    def test_twisteds_warnings_and_errors_are_written(self):
        recorder = Recorder("warn")
        Logger(namespace="twisted.web", observer=recorder.observer).warn("Careful")
        self.assertIn("warn", recorder.text)


class Forms(SynchronousTestCase):
    """Text for people, JSON for machines."""

    def test_a_text_line_is_time_level_and_message(self):
        recorder = Recorder()
        recorder.log.warn("hello {name}", name="world")
        self.assertRegex(recorder.text, LINE)
        self.assertTrue(recorder.text.endswith(" warn  hello world\n"))

    def test_a_json_line_is_an_object_with_numbers_as_numbers(self):
        recorder = Recorder(form="json")
        recorder.log.info("took {ms} ms é", ms=12)
        (event,) = recorder.events
        self.assertEqual((event["message"], event["ms"]), ("took 12 ms é", 12))
        self.assertTrue(recorder.text.isascii())

    def test_a_json_line_needs_no_lenient_parser(self):
        recorder = Recorder(form="json")
        recorder.log.info("x", ratio=float("nan"))
        self.assertNotIn("NaN", recorder.text)

    def test_a_traceback_is_part_of_its_entry(self):
        recorder = Recorder()
        try:
            raise RuntimeError("deep inside")
        except RuntimeError:
            recorder.log.failure("it broke", failure=Failure())
        first, *more = recorder.text.split("\n")[:-1]
        self.assertIn("it broke", first)
        self.assertIn("deep inside", more[-1])
        for line in more:
            self.assertTrue(line.startswith("    "), line)


class _Broken(io.StringIO):
    """A stream whose disk is full until it is told otherwise."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


class Sinks(SynchronousTestCase):
    """Streams and files."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "server.log"

    def observed(self) -> tuple[Logger, LineObserver]:
        sink = Sink(path=self.path)
        observer = LineObserver([sink], Redactor())
        self.addCleanup(lambda: sink._stream.close())
        return Logger(namespace="streamr.test", observer=observer), observer

    def test_a_file_is_appended_to_and_flushed(self):
        self.path.write_text("before\n")
        log, _ = self.observed()
        log.info("a line")
        text = self.path.read_text()
        self.assertTrue(text.startswith("before\n") and text.endswith("a line\n"))

    def test_after_a_rotation_the_old_file_rests_and_a_new_one_is_written(self):
        log, observer = self.observed()
        log.info("one")
        old = self.path.rename(self.path.with_suffix(".1"))
        log.info("two")
        observer.reopen()
        log.info("three")
        self.assertEqual(len(old.read_text().splitlines()), 2)
        (line,) = self.path.read_text().splitlines()
        self.assertIn("three", line)

    def test_a_full_disk_does_not_keep_the_log_from_a_new_file(self):
        sink = Sink(path=Path("/dev/full"))
        sink.write("lost")
        sink._path = self.path
        sink.reopen()
        sink.write("kept")
        self.assertEqual(self.path.read_text(), "kept\n")

    def test_without_its_folder_a_file_stays_open_and_that_is_told(self):
        log, observer = self.observed()
        other = Recorder()
        observer.add(Sink(other.stream))
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        gone = tempfile.TemporaryDirectory()
        self.addCleanup(gone.cleanup)
        kept = self.path.parent.rename(Path(gone.name) / "logs") / self.path.name
        self.addCleanup(self.path.parent.mkdir)
        observer.reopen()
        log.info("still here")
        told = kept.read_text()
        self.assertIn(f"{self.path} cannot be opened again (No such file", told)
        self.assertIn("still here", told)
        self.assertNotIn("Traceback", told)
        self.assertEqual(other.text, told)

    def test_a_stream_is_not_reopened(self):
        recorder = Recorder()
        recorder.observer.reopen()
        recorder.log.info("still here")
        self.assertIn("still here", recorder.text)

    def test_a_broken_stream_costs_the_line_and_not_the_request(self):
        stream = _Broken()
        log = Logger(
            namespace="streamr.test", observer=LineObserver([Sink(stream)], Redactor())
        )
        other = Recorder()
        log.observer.add(Sink(other.stream))
        log.info("lost on one")
        self.assertEqual(stream.getvalue(), "")
        self.assertIn("lost on one", other.text)

    def test_a_stream_that_recovers_is_written_again(self):
        stream = _Broken()
        sink = Sink(stream)
        sink.write("lost")
        stream.full = False
        sink.write("kept")
        self.assertEqual(stream.getvalue(), "kept\n")

    def test_a_stream_that_is_closed_or_absent_is_no_error(self):
        stream = io.StringIO()
        stream.close()
        for sink in (Sink(stream), Sink(None)):
            self.assertIsNone(sink.write("into the void"))
            self.assertIsNone(sink.reopen())
