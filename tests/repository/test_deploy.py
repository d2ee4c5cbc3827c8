"""The scripts of a fresh checkout, and the systemd unit.

The scripts run for real, over a Python that only plays its part: what they decide is
tested here in milliseconds, that pip can install is not (`.ci/run` does that).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from shlex import quote

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from streamr.app.daemon import DRAIN_GRACE
from streamr.config.addresses import url_of
from streamr.config.load import load
from streamr.web.server.site import BACKLOG

ROOT = Path(__file__).resolve().parents[2]
MAXIMUM = 60  # seconds for one command; each takes far less than one
UNIT = ROOT / "deploy/streamr.service"
RELOAD = "ExecReload=/bin/kill -HUP $MAINPID"
SOCKETS = sorted((ROOT / "deploy").glob("*.socket"))
# all that the scripts need beside the shell
TOOLS = ("cat", "chmod", "cksum", "cp", "mkdir", "rm", "tr")

# Python as the scripts meet it: `before` changes what they find, `-m venv` makes
# an environment that notes each call of pip and says what it is asked to run.
PYTHON = """#!/bin/sh
case $1 in
-c) exec {real} -c '{before}; import sys; exec(sys.argv[1])' "$2" ;;
esac
mkdir -p .venv/bin
cat >.venv/bin/python <<'END'
#!/bin/sh
[ -f .venv/broken ] && exit 1
case $* in *"pip install"*) echo "$*" >>pip-calls ;; esac
[ ! -f pip-fails ] || {{ echo "no route to the registry"; exit 1; }}
END
printf '#!/bin/sh\\necho "streamr $*"\\n' >.venv/bin/streamr
chmod +x .venv/bin/*
"""
OLD = "import sys; sys.version_info = (3, 9, 2)"
BARE = 'import sys; sys.modules["ensurepip"] = None'


def run(
    *command: str, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The outcome of a command, in the environment of this process or the given one."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment or None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=MAXIMUM,
        encoding="utf-8",
    )


def folder(test: SynchronousTestCase) -> Path:
    """A folder for one test. Under pytest mktemp() would leave it in the checkout."""
    place = Path(tempfile.mkdtemp(prefix="streamr-deploy-"))
    test.addCleanup(shutil.rmtree, place)
    return place


class Scripts(SynchronousTestCase):
    """What lies in the checkout can be started."""

    def test_they_are_executable_and_parse(self) -> None:
        for name, shell in (
            ("start-with-proxy.sh", "sh"),
            ("run-tests.sh", "sh"),
            (".ci/run", "bash"),
            ("deploy/check-image.sh", "bash"),
        ):
            self.assertTrue(os.access(ROOT / name, os.X_OK), f"{name}: not executable")
            self.assertEqual("", run(shell, "-n", str(ROOT / name)).stderr)
        self.assertEqual("", run("sh", "-n", str(ROOT / "deploy/venv.sh")).stderr)


class FirstStart(SynchronousTestCase):
    """start-with-proxy.sh makes its environment when it must, and only then."""

    def setUp(self) -> None:
        self.place = folder(self) / "a checkout"
        (self.place / "deploy").mkdir(parents=True)
        for name in ("start-with-proxy.sh", "deploy/venv.sh", "setup.py"):
            shutil.copy(ROOT / name, self.place / name)
        self.tools = self.place.parent / "tools"
        self.tools.mkdir()
        for name in TOOLS:
            (self.tools / name).symlink_to(str(shutil.which(name)))

    def python(self, before: str = "pass", name: str = "python3") -> str:
        """Put an interpreter onto the path."""
        path = self.tools / name
        path.write_text(PYTHON.format(real=quote(sys.executable), before=before))
        path.chmod(0o755)
        return str(path)

    def start(
        self, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Start from another folder, with nothing but the tools on the path."""
        script = str(self.place / "start-with-proxy.sh")
        variables = {"PATH": str(self.tools), **environment}
        return run("/bin/sh", script, *arguments, cwd=self.place.parent, **variables)

    def installed(self) -> int:
        """How often pip was asked to install."""
        calls = self.place / "pip-calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def assert_one_sentence(
        self, done: subprocess.CompletedProcess[str], *words: str
    ) -> None:
        """It ended with 1 and a line of its own that says what to do."""
        self.assertEqual((1, ""), (done.returncode, done.stdout), done.stderr)
        [line] = done.stderr.splitlines()
        for word in ("streamr: ", "install", *words):
            self.assertIn(word, line)

    def test_it_installs_once_and_hands_its_arguments_on(self) -> None:
        self.python()
        first = self.start("--port", "80 80")
        self.assertEqual(
            (0, "streamr run --demo-if-no-key --port 80 80\n"),
            (first.returncode, first.stdout),
        )
        self.assertRegex(
            first.stderr, r"\AInstalling streamr \(first start, .*\) …\n\Z"
        )
        second = self.start("--help")
        self.assertEqual("streamr run --demo-if-no-key --help\n", second.stdout)
        self.assertEqual(("", 1), (second.stderr, self.installed()))

    def test_a_changed_setup_is_installed(self) -> None:
        self.python()
        self.start()
        with (self.place / "setup.py").open("a") as setup:
            setup.write("# changed\n")
        self.start()
        self.assertEqual(0, self.start().returncode)
        self.assertEqual(2, self.installed())

    def test_a_broken_environment_is_made_again(self) -> None:
        self.python()
        self.start()
        (self.place / ".venv/broken").touch()
        self.assertEqual(0, self.start().returncode)
        self.assertFalse((self.place / ".venv/broken").exists())
        self.assertEqual(2, self.installed())

    def test_half_an_environment_is_made_again(self) -> None:
        self.python()
        (self.place / ".venv/bin").mkdir(parents=True)
        self.assertEqual(0, self.start().returncode)
        self.assertEqual(1, self.installed())

    def test_a_moved_checkout_makes_its_own(self) -> None:
        # its scripts would run the code of the old place
        self.python()
        self.start()
        self.place = self.place.rename(self.place.with_name("moved"))
        self.assertEqual(0, self.start().returncode)
        self.assertEqual(2, self.installed())

    def test_the_test_extra_is_added_and_kept(self) -> None:
        self.python()
        self.start()
        make = ". deploy/venv.sh; make_environment test"
        for _ in range(2):
            run("/bin/sh", "-c", make, cwd=self.place, PATH=str(self.tools))
        self.start()
        plain, extra = (self.place / "pip-calls").read_text().splitlines()
        self.assertTrue(plain.endswith(" ."))
        self.assertTrue(extra.endswith(" .[test]"))

    def test_a_failing_pip_is_shown_and_tried_again(self) -> None:
        self.python()
        (self.place / "pip-fails").touch()
        done = self.start()
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertIn("no route to the registry", done.stderr)
        self.assertIn("the network or the package registry", done.stderr)
        (self.place / "pip-fails").unlink()
        self.assertEqual(0, self.start().returncode)

    def test_no_python_is_one_sentence(self) -> None:
        self.assert_one_sentence(self.start(), "no Python", "3.11 or newer")

    def test_an_old_python_is_one_sentence(self) -> None:
        old = self.python(OLD, "old")
        done = self.start(PYTHON=old)
        self.assert_one_sentence(done, old, "too old (3.9)", "3.11 or newer")
        self.assertFalse((self.place / ".venv").exists())

    def test_a_python_without_venv_is_one_sentence(self) -> None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        done = self.start(PYTHON=self.python(BARE, "bare"))
        self.assert_one_sentence(done, "venv module", f"python{version}-venv")
        self.assertFalse((self.place / ".venv").exists())

    def test_a_good_python_behind_an_old_one_is_found(self) -> None:
        self.python(OLD)
        self.python(name="python3.12")
        self.assertEqual(0, self.start().returncode)


class Unit(SynchronousTestCase):
    """The systemd unit, as far as systemd can judge it without running."""

    def analyze(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run systemd-analyze."""
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("systemd-analyze is not installed on this machine")
        return run("systemd-analyze", *arguments)

    def test_verify_has_nothing_to_say(self) -> None:
        # verify wants to see the program; and a misspelt key prints, but exits with 0
        text, changed = re.subn(
            r"^ExecStart=\S+/twistd ",
            "ExecStart=/bin/sh ",
            UNIT.read_text(),
            flags=re.M,
        )
        self.assertEqual(1, changed)
        unit = folder(self) / UNIT.name
        unit.write_text(text)
        sockets = [unit.with_name(each.name) for each in SOCKETS]
        for each in sockets:
            shutil.copy(ROOT / "deploy" / each.name, each)
        done = self.analyze("verify", str(unit), *map(str, sockets))
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_its_exposure_is_at_most_two(self) -> None:
        done = self.analyze("security", "--offline=true", "--threshold=20", str(UNIT))
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_its_sockets_are_those_of_the_servers(self) -> None:
        found = load({}, {"TMDB_API_KEY": 32 * "a"})
        wanted = {
            "main": url_of(found.host, found.port),
            "proxy": url_of(found.proxy_host, found.proxy_port),
            "door": url_of(found.door_host, found.door_port),
        }
        given = {}
        for each in SOCKETS:
            lines = dict(re.findall(r"^(\w+)=(.*)$", each.read_text(), re.M))
            given[lines["FileDescriptorName"]] = f"http://{lines['ListenStream']}"
            # one queue for a burst, whoever has opened it
            self.assertEqual(str(BACKLOG), lines["Backlog"])
            service = lines.get("Service", f"{each.stem}.service")
            self.assertEqual(UNIT.name, service)
        self.assertEqual(wanted, given)
        # the door is off: who wants it adds its socket
        usual = [each.name for each in SOCKETS if "door" not in each.name]
        names = " ".join(sorted(usual, reverse=True))
        self.assertIn(f"\nSockets={names}\n", UNIT.read_text())

    def test_wrong_settings_are_not_tried_again(self) -> None:
        self.assertIn("\nRestartPreventExitStatus=78\n", UNIT.read_text())

    def test_systemd_hears_from_the_daemon_and_keeps_no_core_of_it(self) -> None:
        lines = UNIT.read_text().splitlines()
        for line in ("Type=notify", "WatchdogSec=30", "LimitCORE=0", RELOAD):
            self.assertIn(line, lines)

    def test_tls_may_make_its_callbacks(self) -> None:
        # cffi closures: under MemoryDenyWriteExecute each handshake is a MemoryError
        self.assertNotIn("\nMemoryDenyWriteExecute=", UNIT.read_text())

    def test_requests_have_time_to_finish(self) -> None:
        seconds = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.M)
        assert seconds is not None
        given = re.findall(r"^Environment=(STREAMR_\w+)=(.*)$", UNIT.read_text(), re.M)
        found = load({}, {"TMDB_API_KEY": 32 * "a", **dict(given)})
        # load balancers have time to see that it stops
        self.assertGreater(found.stop_delay, 0)
        # main, then the proxy
        drain = 2 * (found.deadline + DRAIN_GRACE)
        self.assertGreater(int(seconds[1]), found.stop_delay + drain)
