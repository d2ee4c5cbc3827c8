"""What is installed: the wheel's contents, and that it runs away from the checkout."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr import __version__

ROOT = Path(__file__).resolve().parents[2]
MAXIMUM = 120  # seconds for one command; they take two

IMPORT_ALL = """
import importlib, pkgutil, sys
import streamr
found = [each.name for each in pkgutil.walk_packages(streamr.__path__, "streamr.")]
for name in found:
    if not name.endswith(".__main__"):  # a program; it may have a reactor
        importlib.import_module(name)
        assert "twisted.internet.reactor" not in sys.modules, name
print(len(found))
"""
FIND_PLUGIN = """
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.plugins import streamr_plugin
assert "streamr" in [each.tapname for each in getPlugins(IServiceMaker)]
print(streamr_plugin.__file__)
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    """What a command prints. A failure shows all that it said."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=MAXIMUM,
        text=True,
    )
    assert done.returncode == 0, (
        f"{command} ended with {done.returncode}\n{done.stdout}"
    )
    return done.stdout


def copy_checkout(to: Path) -> Path:
    """The checkout without what git ignores: building writes into its source."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    patterns = [each.rstrip("/") for each in ignored]
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".git", *patterns))
    return to


class NamespacePackage(SynchronousTestCase):
    """`twisted/` here only adds a plugin to Twisted's own package."""

    def test_the_plugin_folders_have_no_init(self) -> None:
        # in twisted/ it breaks Twisted, in twisted/plugins/ the plugin vanishes
        self.assertEqual([], list((ROOT / "twisted").rglob("__init__.py")))


@dataclass(frozen=True, slots=True)
class Wheel:
    """The wheel's contents, and the folder that it is installed into."""

    names: frozenset[str]
    metadata: str
    scripts: str
    installed: Path

    def python(self, *arguments: str) -> str:
        """Run Python over the installed wheel and this environment's dependencies.

        -S keeps a `pip install -e .` of the checkout out: its .pth is not read.
        """
        paths = [str(self.installed)]
        paths += [each for each in sys.path if each and Path(each).resolve() != ROOT]
        return run(
            *(sys.executable, "-S", *arguments),
            cwd=self.installed.parent,
            PYTHONPATH=os.pathsep.join(paths),
        )


@cache
def wheel() -> Wheel:
    """Build the wheel with what is installed here, and install it: once for all tests.

    Not in setUpClass, which trial does not call.
    """
    place = Path(tempfile.mkdtemp(prefix="streamr-wheel-"))
    atexit.register(shutil.rmtree, place)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    offline = ("--no-index", "--no-deps", "--no-cache-dir")
    run(
        *(*pip, "wheel", *offline, "--no-build-isolation", "-w", str(place), "."),
        cwd=copy_checkout(place / "source"),
    )
    [built] = place.glob("*.whl")
    installed = place / "installed"
    run(*pip, "install", *offline, "--target", str(installed), str(built), cwd=place)
    with zipfile.ZipFile(built) as archive:
        about = f"streamr-{__version__}.dist-info"
        return Wheel(
            frozenset(archive.namelist()),
            archive.read(f"{about}/METADATA").decode(),
            archive.read(f"{about}/entry_points.txt").decode(),
            installed,
        )


class Packaging(SynchronousTestCase):
    """The wheel is whole, installs, and runs without the checkout."""

    def test_one_file_goes_into_twisteds_package(self) -> None:
        self.assertEqual(
            ["twisted/plugins/streamr_plugin.py"],
            [each for each in wheel().names if each.startswith("twisted/")],
        )

    def test_every_source_file_is_in_it(self) -> None:
        # setup.py lists the packages by hand: here a forgotten one is noticed
        sources = {
            each.relative_to(ROOT).as_posix()
            for each in (ROOT / "streamr").rglob("*.py")
        }
        self.assertEqual(set(), sources - wheel().names)

    def test_the_data_files_are_in_it(self) -> None:
        data = {
            "streamr/tmdb/endpoints.txt",
            "streamr/openapi/answers.txt",
            "streamr/openapi/docs.css",
            "streamr/openapi/docs.js",
            "streamr/openapi/parameters.txt",
            "streamr/simulator/tmdb/titles.json",
            "streamr/web/status/films.js",
            "streamr/web/status/status.css",
            "streamr/web/status/status.js",
            "streamr/web/status/status.svg",
            "streamr/py.typed",
        }
        self.assertEqual(set(), data - wheel().names)

    def test_nothing_else_is_in_it(self) -> None:
        self.assertEqual(
            {"streamr", "twisted", f"streamr-{__version__}.dist-info"},
            {each.partition("/")[0] for each in wheel().names},
        )

    def test_the_version_and_the_command_are_in_its_metadata(self) -> None:
        self.assertEqual(__version__, Parser().parsestr(wheel().metadata)["Version"])
        self.assertIn("streamr = streamr.cli:main", wheel().scripts)

    def test_the_command_runs(self) -> None:
        program = "from streamr.cli import main; main(['version'])"
        self.assertEqual(f"streamr {__version__}\n", wheel().python("-c", program))

    def test_the_catalogue_reads_its_file(self) -> None:
        program = "from streamr.tmdb.catalogue import load; load(()); print('read')"
        self.assertEqual("read\n", wheel().python("-c", program))

    def test_twistd_finds_the_plugin(self) -> None:
        found = Path(wheel().python("-c", FIND_PLUGIN).strip())
        self.assertIn(wheel().installed, found.parents)
        twistd = "from twisted.scripts.twistd import run; run()"
        said = wheel().python("-c", twistd, "-n", "streamr", "--help")
        self.assertIn("--proxy-port=", said)

    def test_importing_streamr_starts_no_reactor(self) -> None:
        modules = [
            each
            for each in wheel().names
            if each.startswith("streamr/")
            and each.endswith(".py")
            and each != "streamr/__init__.py"
        ]
        self.assertEqual(len(modules), int(wheel().python("-c", IMPORT_ALL)))
