"""The command line: examples that run, hints at what was meant, exit statuses."""

import contextlib
import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.python.usage import UsageError as UsageErrorOfTwisted
from twisted.trial.unittest import SynchronousTestCase

from streamr import __version__, cli
from streamr.cli import CommandLine
from streamr.config.settings import TABLE
from streamr.doctor.report.bundle import FORMAT
from streamr.service import Options
from streamr.terminal.options import Helpful, UsageError, loaded


def commands(line: type[Any], *names: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words."""
    yield names, line
    for name, _, place, _ in line.subCommands:
        yield from commands(loaded(place), *names, name)


def said(*words: str) -> tuple[object, str, str]:
    """Exit status, standard output and standard error of a line."""
    out, problems = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(problems):
        try:
            cli.main(words)
        except SystemExit as end:
            return end.code, out.getvalue(), problems.getvalue()


class Inner(Helpful):
    optFlags = (["colour", None, "x"],)


class Outer(Helpful):
    subCommands = (("inner", None, f"{__name__}:Inner", "x"),)
    optFlags = (["color", None, "x"],)


class Examples(SynchronousTestCase):
    def test_every_command_has_an_example_that_it_accepts(self) -> None:
        for names, command in commands(CommandLine):
            program, *words = shlex.split(command.example)
            self.assertEqual(program, "streamr")
            self.assertEqual(tuple(words[: len(names)]), names, command.example)
            CommandLine().parseOptions(words)

    def test_twistd_hints_at_what_was_meant_as_well(self) -> None:
        for flag, told in (("--prot", "mean --port?"), ("--tmdb-api-key", "no flag")):
            error = self.assertRaises(
                UsageErrorOfTwisted, Options().parseOptions, [flag]
            )
            self.assertIn(told, str(error))

    def test_the_example_of_the_plugin_is_one_too(self) -> None:
        words = shlex.split(Options.example)
        self.assertEqual(words[:3], ["twistd", "-n", "streamr"])
        Options().parseOptions(words[3:])

    def test_every_help_tells_what_for_and_shows_the_example(self) -> None:
        for names, command in commands(CommandLine):
            status, told, _ = said(*names, "--help")
            self.assertEqual(status, 0)
            head = told.splitlines()
            self.assertTrue(head[0].startswith(f"Usage: streamr {' '.join(names)}"))
            self.assertIn(f"Example: {command.example}", head)
            self.assertIn(command.about[:40], told)

    def test_a_commands_own_options_are_told_and_the_settings_in_one_line(self) -> None:
        for words, own in (
            ("check", "--drill"),
            ("cache purge", "--path="),
            ("run", "--demo-if-no-key"),
            ("demo", "--fault="),
            ("doctor", "--bundle="),
        ):
            told = said(*words.split(), "--help")[1]
            options = told.partition("\nOptions:\n")[2].splitlines()
            self.assertTrue(any(f" {own} " in f"{line} " for line in options), words)
            self.assertNotIn("--proxy-port=", told)
            self.assertEqual(told.count("streamr config --help"), 1, told)

    def test_the_settings_are_told_by_the_help_of_config(self) -> None:
        told = said("config", "--help")[1]
        self.assertLess(told.index("--json"), told.index("--port="))
        for setting in TABLE:
            self.assertEqual(
                setting.flag is not None,
                f"[{setting.name}," in " ".join(told.split()),
                setting.name,
            )


class Hints(SynchronousTestCase):
    def test_a_misspelt_word_is_answered_with_the_one_that_was_meant(self) -> None:
        for line, meant, more in (
            ("chek", "check", "streamr --help"),
            ("cache stat", "stats", "streamr cache --help"),
            ("run --prot 80", "--port", "streamr run --help"),
            ("routes --jsn", "--json", "streamr routes --help"),
            (
                "cache purge --clas=lists --pth=/y",
                "--path",
                "streamr cache purge --help",
            ),
            ("demo --falt=html", "--fault", "streamr demo --help"),
        ):
            status, out, problems = said(*line.split())
            self.assertEqual((status, out), (2, ""), line)
            self.assertEqual(problems.count("did you mean"), 1, problems)
            self.assertIn(f"did you mean {meant}?\n", problems)
            self.assertIn(f"see {more}\n", problems)

    def test_a_far_word_is_answered_with_all_there_are(self) -> None:
        status, _, problems = said("xyzzy")
        self.assertEqual(status, 2)
        for name, *_ in CommandLine.subCommands:
            self.assertIn(name, problems)

    def test_a_far_flag_gets_no_hint(self) -> None:
        for line in ("run --quartz", "run --bogus", "run --json", "config --fault"):
            self.assertNotIn("did you mean", said(*line.split())[2], line)

    def test_a_secret_given_as_a_flag_is_told_where_it_belongs(self) -> None:
        for flag in ("--tmdb-api-key", "--tmdb-acces-token", "--proxy-token"):
            status, _, problems = said("run", flag, "0123456789")
            self.assertEqual(status, 2)
            self.assertIn("has no flag", problems, flag)
            self.assertIn(".env", problems)
            self.assertNotIn("0123456789", problems)

    def test_a_commands_flag_before_the_command_is_told_its_place(self) -> None:
        problems = said("--port", "80")[2]
        self.assertIn("a command's options come after its name", problems)

    def test_a_wrong_number_of_the_demos_is_a_sentence(self) -> None:
        for flag in ("--control-port", "--seed"):
            status, _, problems = said("demo", flag, "x")
            self.assertEqual(status, 2)
            self.assertIn(f"'x' is not a valid {flag}; allowed: 0 to ", problems)

    def test_a_wrong_fault_of_the_demos_is_a_sentence(self) -> None:
        for fault, words in (
            ("nonsense", "There is no fault 'nonsense'; allowed: none, "),
            ("slow:delay=never", "slow:delay=never is not valid"),
            ("api.example.org=html", "There is no host 'api.example.org'"),
            ("image.tmdb.org=null", "image.tmdb.org serves pictures, and 'null'"),
        ):
            status, out, problems = said("demo", "--fault", fault)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(f"--fault: {words}", problems)

    def test_a_server_that_the_doctor_cannot_ask_is_named_with_its_flag(self) -> None:
        for flag, text in (("--dns", "x"), ("--second-dns", "9.9.9.9,x")):
            status, _, problems = said("doctor", flag, text)
            self.assertEqual(status, 2)
            self.assertIn(f"{flag}: 'x' is not an IP address", problems)

    def test_a_file_that_cannot_be_read_is_a_wrong_word_of_the_line(self) -> None:
        nowhere = self.mktemp()
        for words in (
            ("doctor", "--env-file", nowhere),
            ("demo", "--from", nowhere),
            ("demo", "--from", "/dev/null"),
        ):
            status, out, problems = said(*words)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(f"{words[1]}: ", problems)
            self.assertIn(words[2], problems)

    def test_a_bundle_from_a_network_that_cannot_be_played_is_a_sentence(self) -> None:
        path = Path(self.mktemp())
        evidence = {"hosts": ["tmdb.example.org"], "has_key": True}
        path.write_text(json.dumps({"format": FORMAT, "evidence": evidence}))
        status, _, problems = said("demo", "--from", str(path))
        self.assertEqual(status, 2)
        self.assertIn("there is no host 'tmdb.example.org'", problems)

    def test_a_wrong_value_of_a_flag_that_is_a_setting_is_a_wrong_setting(self) -> None:
        from twisted.internet import reactor

        before = reactor.getReaders()  # type: ignore[attr-defined]
        for command in ("run", "demo", "check", "healthcheck", "routes", "config"):
            self.assertEqual(said(command, "--port", "x")[0], 78, command)
        # it is said before anything listens: the demo's network, too
        self.assertEqual(reactor.getReaders(), before)  # type: ignore[attr-defined]

    def test_a_word_too_many_is_named(self) -> None:
        status, _, problems = said("routes", "main")
        self.assertEqual(status, 2)
        self.assertIn("unexpected argument: 'main'", problems)

    def test_without_a_command_all_are_named(self) -> None:
        for line in ((), ("cache",)):
            status, _, problems = said(*line)
            self.assertEqual(status, 2)
            self.assertIn("choose one of: ", problems)

    def test_a_purge_wants_one_target(self) -> None:
        for words in ((), ("--all", "--path", "/movie"), ("--path", "")):
            status, _, problems = said("cache", "purge", *words)
            self.assertEqual(status, 2)
            self.assertIn("say what to purge", problems)

    def test_a_purge_of_what_there_cannot_be_is_a_wrong_word_of_the_line(self) -> None:
        for flag, text in (
            ("--class", "films"),
            ("--path", "movie"),
            ("--path", "/3/movie/550"),
            ("--path", "/"),
        ):
            status, _, problems = said("cache", "purge", flag, text)
            self.assertEqual(status, 2)
            self.assertIn(f"{text!r} is not a valid {flag}; allowed: ", problems)

    def test_the_hint_is_given_by_the_innermost_command_alone(self) -> None:
        with self.assertRaises(UsageError) as caught:
            Outer().parseOptions(["inner", "--colours"])
        self.assertTrue(str(caught.exception).endswith("; did you mean --colour?"))


class Version(SynchronousTestCase):
    def test_every_command_tells_ours_and_not_twisteds(self) -> None:
        for names, _ in commands(CommandLine):
            self.assertEqual(
                said(*names, "--version"), (0, f"streamr {__version__}\n", "")
            )
        self.assertEqual(said("version"), (0, f"streamr {__version__}\n", ""))

    def test_for_programs_there_is_what_a_report_of_an_error_needs(self) -> None:
        status, out, problems = said("version", "--json")
        self.assertEqual((status, problems), (0, ""))
        told = json.loads(out)
        self.assertEqual(told["version"], __version__)
        self.assertEqual(set(told), {"version", "python", "twisted", "pyopenssl"})
