"""The simulator as a process of its own: one JSON line, then until SIGTERM."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from .client import fetch, get

# Each takes less than a second (seconds): only one that hangs takes so long.
PATIENCE = 60
COMMAND = [sys.executable, "-m", "streamr.simulator"]


def test_it_says_where_it_is_serves_and_stops(tmp_path):
    options = ["--directory", str(tmp_path), "--key", "abc", "--control-port", "0"]
    options += ["--fault", "api.tmdb.org=reset-at-accept", "--latency", "none"]
    with subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            places = json.loads(process.stdout.readline())
            assert set(places) == {"ca_file", "pins", "control_url"}
            assert places["control_url"].startswith("http://127.0.0.1:")
            pins = dict(pin.split("=127.0.0.1:") for pin in places["pins"].split(","))
            trust = Path(places["ca_file"])
            good = fetch(
                int(pins["api.themoviedb.org"]), trust, get("/3/movie/13?api_key=abc")
            )
            assert good.status == 200
            assert fetch(int(pins["api.tmdb.org"]), trust).end == "reset"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE)
        assert process.returncode == 0


def test_a_wrong_fault_is_named_before_anything_starts(tmp_path):
    done = subprocess.run(
        [*COMMAND, "--directory", str(tmp_path), "--fault", "explode"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert "; allowed: none, refuse" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_lists_its_faults():
    done = subprocess.run(
        [*COMMAND, "--list-faults"], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0
    assert "reset-after-hello" in done.stdout and "gzip-bomb" in done.stdout
