"""`docs/clients.md` shows what the scripts do, line by line."""

from __future__ import annotations

import json
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.config import load
from streamr.tmdb import catalogue

HERE = Path(__file__).resolve().parent
DOCS = (HERE.parent.parent / "docs/clients.md").read_text(encoding="utf-8")
# | name (registry) | version | code |
ROWS = re.findall(r"^\| (\S+) \(\w+\) \| (\S+) \| (.+) \|$", DOCS, re.M)
MARKED = re.compile(r"^(.*?)\s+(?:#|//) what changes", re.M)


class Clients(SynchronousTestCase):
    """The table and its snippets."""

    def test_each_script_has_a_row_with_the_lines_that_change(self) -> None:
        shown = {name: re.findall(r"`(.+?)`", code) for name, _, code in ROWS}
        scripts = [*HERE.glob("use_*.py"), *HERE.glob("use_*.mjs")]
        changed = {
            path.stem.removeprefix("use_"): MARKED.findall(path.read_text())
            for path in scripts
        }
        self.assertEqual(
            {name.replace("-", "_"): lines for name, lines in shown.items()}, changed
        )
        self.assertTrue(all(changed.values()))

    def test_the_versions_are_those_that_are_installed(self) -> None:
        lines = (HERE / "requirements.txt").read_text().splitlines()
        pinned = dict(line.split("==") for line in lines if "==" in line)
        pinned |= json.loads((HERE / "package.json").read_text())["dependencies"]
        self.assertEqual(len(ROWS), 6)
        for name, version, _ in ROWS:
            self.assertEqual(version, pinned[name], name)

    def test_the_session_is_the_one_that_is_tested(self) -> None:
        [shown] = re.findall(r"```python\n(.+?)```", DOCS, re.S)
        tested = (HERE / "base_url.py").read_text()
        self.assertTrue(tested.endswith(shown), shown)

    def test_the_extra_paths_can_be_set(self) -> None:
        [paths] = re.findall(r"`STREAMR_EXTRA_PATHS=(\S+)`", DOCS)
        given = {"TMDB_API_KEY": "0" * 32, "STREAMR_EXTRA_PATHS": paths}
        known = catalogue.load(load.load({}, given).extra_paths)
        for template in paths.split(","):
            path = re.sub(r"\{\w+\}", "550", template)
            self.assertEqual(known.query(path, []).template, template)
