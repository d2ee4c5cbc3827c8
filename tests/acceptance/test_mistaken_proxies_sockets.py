"""An outbound proxy in TMDB_PROXY_URL, where another streamr belongs: said at once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.processes import PATIENCE
from tests.proxies import microsocks, tinyproxy
from tests.stack import Stack

KINDS = {"tinyproxy": "status 400 and without JSON", "microsocks": "not answer in HTTP"}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest_twisted.ensureDeferred
async def test_it_is_named_at_the_start(
    reactor: Any, tmp_path: Path, kind: str
) -> None:
    if shutil.which(kind) is None:
        pytest.skip(f"no {kind} on this machine")
    process, port = tinyproxy(tmp_path) if kind == "tinyproxy" else microsocks()
    stack = Stack(reactor, tmp_path, {"TMDB_PROXY_URL": f"http://127.0.0.1:{port}"})
    said = f"The proxy proxy@127.0.0.1:{port} cannot be used: 127.0.0.1:{port} "
    try:
        await said_within(stack, said, reactor)
    finally:
        await stack.stop()
        process.stop()
    (line,) = (each for each in stack.log.getvalue().splitlines() if said in each)
    assert KINDS[kind] in line
    assert "STREAMR_EGRESS" in line


def said_within(stack: Stack, words: str, reactor: Any) -> Deferred[None]:
    """Until the log has it; only a test that hangs runs out of patience."""

    async def waiting() -> None:
        while words not in stack.log.getvalue():
            await deferLater(reactor, 0.02)

    return Deferred.fromCoroutine(waiting()).addTimeout(PATIENCE, reactor)
