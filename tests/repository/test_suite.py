"""`run-tests.sh` and `.ci/run`: what they start, and that no failure is lost.

Both run for real, over stand-ins for all that they start.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from shlex import quote

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]
MAXIMUM = 60  # seconds for one command; each takes far less than one
# all that the scripts need beside the shell; without apt-get nothing is installed
TOOLS = ("bash", "cat", "dirname", "mktemp", "rm")
# A stand-in says how it was called, and fails when it is told to.
STAND_IN = """#!/bin/sh
echo "${{0##*/}} $*"
case "${{0##*/}} $*" in {failing}) exit 1 ;; esac
"""
NOTHING = "nothing"
# A command that tells its process and does not end, and an environment that cannot be
# made while such a check of the image runs.
ENDLESS = f"""#!/bin/sh
echo $$ >"${{0##*/}}.process"
exec {quote(sys.executable)} -c 'import signal; signal.sigtimedwait([], {MAXIMUM})'
"""
FAILING_ENVIRONMENT = """make_environment() {
    until [ -s check-image.sh.process ]; do :; done
    exit 1
}
"""
STARTED = (
    ".ci/api-tools",
    ".venv/bin/mypy",
    ".venv/bin/python",
    ".venv/bin/ruff",
    "deploy/check-image.sh",
)
PYTEST = "python -m pytest "
TRIAL = "python -m twisted.trial "


class Checkout(SynchronousTestCase):
    """A checkout whose parts only say that they were started."""

    def setUp(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="streamr-suite-"))
        self.addCleanup(shutil.rmtree, self.place)
        self.tools = self.place / "tools"
        self.tools.mkdir()
        for name in TOOLS:
            (self.tools / name).symlink_to(str(shutil.which(name)))
        for name in ("run-tests.sh", ".ci/run"):
            (self.place / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self.place / name)
        self.stand_in()
        (self.place / "deploy/venv.sh").write_text("make_environment() { :; }\n")

    def stand_in(self, failing: str = NOTHING) -> None:
        """Put the stand-ins there; `failing` is a shell pattern of calls that fail."""
        for name in STARTED:
            path = self.place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(STAND_IN.format(failing=failing))
            path.chmod(0o755)

    def run_script(
        self, script: str, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        """The outcome of a script, started from another folder."""
        return subprocess.run(
            [str(self.place / script), *arguments],
            cwd=self.place.parent,
            env={"PATH": str(self.tools)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=MAXIMUM,
            encoding="utf-8",
        )


class Suite(Checkout):
    """run-tests.sh: the suite under trial and under pytest."""

    def test_both_run_and_the_arguments_go_to_pytest(self) -> None:
        done = self.run_script("run-tests.sh", "-k", "a b", "tests/policy")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        pytest, _, trial = done.stdout.splitlines()
        self.assertTrue(pytest.startswith(PYTEST), pytest)
        self.assertTrue(pytest.endswith(" -k a b tests/policy"), pytest)
        self.assertTrue(trial.startswith(TRIAL), trial)

    def test_a_failure_of_either_fails_it_and_is_named(self) -> None:
        for failing, named in (
            (f'"{PYTEST}"*', "failed: pytest\n"),
            (f'"{TRIAL}"*', "failed: trial\n"),
            ("*", "failed: pytest trial\n"),
        ):
            self.stand_in(failing)
            done = self.run_script("run-tests.sh")
            self.assertEqual((1, named), (done.returncode, done.stderr))
            self.assertEqual(3, len(done.stdout.splitlines()))


class Run(Checkout):
    """.ci/run: what every change must pass."""

    def test_all_of_it_is_started_and_told(self) -> None:
        done = self.run_script(".ci/run")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        for call in (
            "ruff check .\n",
            "ruff format --check .\n",
            "mypy \n",
            "check-image.sh \n",
            "api-tools \n",
            PYTEST,
            TRIAL,
        ):
            self.assertEqual(1, done.stdout.count(call), call)

    def test_each_failure_fails_it_and_is_named_at_the_end(self) -> None:
        for failing, named in (
            ('"ruff check"*', "lint"),
            ('"ruff format"*', "lint"),
            ("mypy*", "lint"),
            ("check-image*", "deploy/check-image.sh"),
            (f'"{PYTEST}"*', "./run-tests.sh"),
            (f'"{TRIAL}"*', "./run-tests.sh"),
        ):
            self.stand_in(failing)
            done = self.run_script(".ci/run")
            self.assertEqual(1, done.returncode, failing)
            self.assertEqual(f"failed: {named}", done.stderr.splitlines()[-1])

    def test_nothing_of_it_goes_on_when_it_ends_early(self) -> None:
        (self.place / "deploy/check-image.sh").write_text(ENDLESS)
        (self.place / "deploy/venv.sh").write_text(FAILING_ENVIRONMENT)
        self.assertEqual(1, self.run_script(".ci/run").returncode)
        image = int((self.place / "check-image.sh.process").read_text())
        self.assertRaises(ProcessLookupError, os.kill, image, 0)

    def test_nor_when_only_the_script_itself_is_ended(self) -> None:
        names = ("deploy/check-image.sh", "run-tests.sh")
        for name in names:
            (self.place / name).write_text(ENDLESS)
        told = [self.place / f"{Path(name).name}.process" for name in names]
        for each in told:
            os.mkfifo(each)
        running = subprocess.Popen(
            [str(self.place / ".ci/run")],
            env={"PATH": str(self.tools)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        processes = [int(each.read_text()) for each in told]
        running.terminate()
        self.assertEqual(-signal.SIGTERM, running.wait(MAXIMUM))
        for process in processes:
            self.assertRaises(ProcessLookupError, os.kill, process, 0)

    def test_a_failed_lint_keeps_no_test_from_running(self) -> None:
        self.stand_in("ruff*")
        self.assertIn(PYTEST, self.run_script(".ci/run").stdout)
