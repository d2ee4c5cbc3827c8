"""Servers that were just started, asked by their own reactor."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted

from streamr.commands.selfcheck import until_healthy
from tests.idle import IdleTime
from tests.stack import closed_port


@pytest_twisted.ensureDeferred
async def test_what_never_answers_is_told_in_one_sentence(reactor: Any) -> None:
    clock = IdleTime(reactor)
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(TimeoutError) as caught:
        await until_healthy(clock, {"main": url})
    said = str(caught.value)
    assert said.startswith(f"{url}/api/health is not healthy after 10 s: ")
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    clock.stop()
