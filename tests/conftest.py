"""Order and hygiene for pytest; trial does not read this file."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# A suite that a shell has put behind itself ignores Ctrl-C, and so would all that it
# starts (POSIX: `sh -c 'command &'`).
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A minute each. They are begun before other files with sockets, so that the processes
# of run-tests.sh end at about the same time. None asks how soon by a real clock.
LONG = (
    "test_health_sockets.py",
    "test_fault_table_sockets.py",
    "test_start_sockets.py",
    "test_status_page_sockets.py",
    "test_openapi_sockets.py",
    "test_scenarios_sockets.py",
    "test_daemon_sockets.py",
    "test_networks_sockets.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Trial classes first: after the first pytest-twisted test of a process every later
    asynchronous trial case would fail (docs/facts/twisted.md, "Tests under pytest and
    trial"). Then what is long."""
    rank = {name: number for number, name in enumerate(LONG)}
    items.sort(
        key=lambda item: (
            getattr(item, "cls", None) is None,
            rank.get(item.path.name, len(rank)),
        )
    )


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under trial: what a test writes (`mktemp`) stays out of the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def reactor() -> Iterator[Any]:
    """The real reactor, clean again afterwards: pytest-twisted does not look."""
    from twisted.internet import reactor
    from twisted.internet.tcp import Connection, Port

    before = set(map(id, reactor.getDelayedCalls()))  # type: ignore[attr-defined]
    readers = set(map(id, reactor.getReaders()))  # type: ignore[attr-defined]
    yield reactor
    left: list[Any] = [
        call
        for call in reactor.getDelayedCalls()  # type: ignore[attr-defined]
        if id(call) not in before and call.active()
    ]
    left += [
        reader
        for reader in reactor.getReaders()  # type: ignore[attr-defined]
        if id(reader) not in readers and isinstance(reader, Connection | Port)
    ]
    assert not left, f"left in the reactor: {left}"
