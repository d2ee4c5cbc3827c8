"""The dashboard and the alert rules: they ask for what is there, and rules fire."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from streamr.cli import CommandLine
from streamr.observe.measures import NO_FAILURE, TABLE, Measure

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy/grafana/streamr.json"
PROMETHEUS = ROOT / "deploy/prometheus"
RULES = PROMETHEUS / "streamr.rules.yml"
MAXIMUM = 60  # seconds for promtool; it takes less than one
# What Prometheus adds to every series, and what a histogram's buckets have.
ALWAYS = {"job", "instance"}
NAME = re.compile(r"\b(?:streamr|process)_[a-z0-9_]+")
SELECTED = re.compile(r"\b(streamr_[a-z0-9_]+)\{([^}]*)\}")
GROUPED = re.compile(r"by \(([^)]*)\)")
LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")


def expressions(node: Any) -> Iterator[str]:
    """Every PromQL text of a dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(node, list):
        for each in node:
            yield from expressions(each)


def asked() -> list[str]:
    """Every PromQL text of the dashboard, and the rules as one."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    rules = RULES.read_text(encoding="utf-8").splitlines()
    told = [line for line in rules if "description:" not in line and "#" not in line]
    return [*expressions(dashboard), "\n".join(told)]


def measure_of(name: str) -> Measure | None:
    """The metric that a sample's name belongs to."""
    for measure in TABLE:
        histogram = ("_bucket", "_count", "_sum")
        endings = histogram if measure.kind == "histogram" else ("",)
        if name in [f"{measure.name}{ending}" for ending in endings]:
            return measure
    return None


class Asking(SynchronousTestCase):
    def test_every_metric_that_is_asked_for_is_in_the_table(self) -> None:
        names = {name for text in asked() for name in NAME.findall(text)}
        ours = {name for name in names if name.startswith("streamr_")}
        self.assertGreater(len(ours), 15)
        self.assertEqual({name for name in ours if measure_of(name) is None}, set())

    def test_every_label_that_is_asked_for_is_the_metrics_own(self) -> None:
        for text in asked():
            for name, selected in SELECTED.findall(text):
                measure = measure_of(name)
                assert measure is not None
                strange = {*LABEL.findall(selected)} - {*measure.labels} - ALWAYS
                self.assertEqual(strange, set(), f"{name}{{{selected}}}")

    def test_every_grouping_is_by_labels_of_its_metric(self) -> None:
        dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        for text in expressions(dashboard):
            known = {"le"} | ALWAYS
            for name in NAME.findall(text):
                measure = measure_of(name)
                known |= {*measure.labels} if measure is not None else set()
            for group in GROUPED.findall(text):
                self.assertEqual({*group.split(", ")} - known, set(), text)

    def test_every_metric_is_on_the_dashboard(self) -> None:
        dashboard = DASHBOARD.read_text(encoding="utf-8")
        missing = [each.name for each in TABLE if each.name not in dashboard]
        self.assertEqual(missing, [])

    def test_failures_are_what_the_docs_call_so(self) -> None:
        dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        [panel] = [
            each for each in dashboard["panels"] if each["title"] == "Failed attempts"
        ]
        none = "|".join(NO_FAILURE)
        self.assertIn(f'cause!~"{none}"', panel["targets"][0]["expr"])


class Dashboard(SynchronousTestCase):
    def setUp(self) -> None:
        self.dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        self.panels = self.dashboard["panels"]

    def test_the_data_source_is_a_variable(self) -> None:
        first = self.dashboard["templating"]["list"][0]
        self.assertEqual((first["name"], first["type"]), ("datasource", "datasource"))
        for panel in self.panels:
            for asking in panel.get("targets", []):
                self.assertEqual(asking["datasource"]["uid"], "${datasource}")

    def test_panels_have_a_place_and_a_word_of_their_own(self) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in self.panels:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            self.assertFalse(taken & cells, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            taken |= cells
            if panel["type"] != "row":
                self.assertTrue(panel["description"], panel["title"])
        numbers = [panel["id"] for panel in self.panels]
        self.assertEqual(len(numbers), len(set(numbers)))


class Rules(SynchronousTestCase):
    def test_every_alert_names_a_command_that_there_is(self) -> None:
        text = RULES.read_text(encoding="utf-8")
        commands = re.findall(r"^ +command: streamr (\S+)", text, re.MULTILINE)
        self.assertEqual(len(commands), text.count("- alert: "))
        known = {name for name, *_rest in CommandLine.subCommands}
        self.assertEqual({*commands} - known, set())

    def test_they_are_valid(self) -> None:
        promtool("check", "rules", str(RULES))

    def test_the_scrape_example_is_valid(self) -> None:
        promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))

    def test_they_fire_when_they_should_and_not_before(self) -> None:
        told = Path(__file__).with_name("streamr.rules.test.yml")
        promtool("test", "rules", str(told))


def promtool(*arguments: str) -> None:
    """Let Prometheus' own tool look; without it the test is skipped."""
    command = shutil.which("promtool")
    if command is None:
        raise SkipTest("no promtool here; Debian has it in its package prometheus")
    done = subprocess.run(
        [command, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=MAXIMUM,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
