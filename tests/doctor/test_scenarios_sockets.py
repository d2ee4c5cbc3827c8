"""The doctor against networks that another process has drawn from a seed.

Each is put up with the simulator, a resolver and boxes; the doctor gets what a machine
in that network would have (settings, resolver, clock) and reads only the wire. The
truth is asked for after it has spoken.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from streamr.doctor.diagnosis.diagnose import Diagnosis, judge
from streamr.doctor.probe.examination import DoctorReactor
from tests.doctor.examining import CHANCE, examine

ROOT = Path(__file__).resolve().parent.parent.parent
SEED = int(os.environ.get("STREAMR_TEST_SEED", "20"))
# How many networks a seed draws; the last test sees that there are no more.
COUNT = 74
# "This machine was too busy" names no network: it is run again then, as it asks for.
# Nor does a slow line on loopback: the other process was busy.
BUSY = {"machine_busy", "line_slow"}
MOST_EXAMINATIONS = 3


class Drawer:
    """The other process."""

    def __init__(self, directory: Path) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.doctor.drawer", str(SEED), str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )

    def ask(self, word: str) -> Any:
        """One line in, one line out."""
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdin.write(f"{word}\n".encode())
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def end(self) -> None:
        """Close its input, and it ends."""
        assert self.child.stdin is not None
        self.child.stdin.close()
        self.child.wait(10)


@pytest.fixture(scope="module")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drawer]:
    made = Drawer(tmp_path_factory.mktemp("drawer"))
    yield made
    made.end()


def wrong(diagnosis: Diagnosis, truth: Any) -> str | None:
    """How a diagnosis misses the truth, or None."""
    named = diagnosis.codes
    missed = set(truth["codes"]) - named
    invented = named - set(truth["codes"]) - set(truth["may"]) - CHANCE
    if missed or invented or diagnosis.sound != truth["sound"]:
        said = "; ".join(each.sentence for each in diagnosis.verdicts)
        return (
            f"{truth['name']}: missed {sorted(missed)}, invented {sorted(invented)}, "
            f"sound {diagnosis.sound} for {truth['sound']}: {said}"
        )
    return None


@pytest.mark.parametrize("number", range(COUNT))
@pytest_twisted.ensureDeferred
async def test_every_network_is_named_right_and_no_sound_one_is_called_broken(
    reactor: DoctorReactor, drawer: Drawer, tmp_path: Path, number: int
) -> None:
    place = drawer.ask("next")
    began = time.monotonic()
    for _ in range(MOST_EXAMINATIONS):
        evidence = await examine(
            reactor,
            place["settings"],
            place["dns"],
            tmp_path,
            place["roads"],
            tuple(place["internet"]),
            place["ahead"],
        )
        diagnosis = judge(evidence)
        if not BUSY & diagnosis.codes:
            break
    took = time.monotonic() - began
    truth = drawer.ask("truth")
    print(f"{took:.1f} s  {truth['name']}")
    assert wrong(diagnosis, truth) is None


def test_all_networks_of_the_seed_were_drawn(drawer: Drawer) -> None:
    assert drawer.ask("next") is None
    assert COUNT >= 30
