"""SIGHUP: files are read again while it serves; on a terminal it is the end."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import trustme
from twisted.internet.task import deferLater

from streamr.boundaries import Dimensions
from tests.processes import (
    PATIENCE,
    ROOT,
    STREAMR,
    TWISTD,
    Simulator,
    ask,
    wait_until,
)
from tests.stack import DIRECT, KEY, Stack

WRONG = "deadbeef00deadbeef00deadbeef0000"
OLD, NEW = "canary-old-token-0123", "canary-new-token-0123"
TOKENS = ("STREAMR_PROXY_TOKEN", "STREAMR_ADMIN_TOKEN")


@pytest_twisted.async_yield_fixture
async def stack(reactor: Any, tmp_path: Path) -> AsyncIterator[Stack]:
    """Its key is one that TMDB refuses; all secrets are in files."""
    files = {"TMDB_API_KEY": WRONG, **dict.fromkeys(TOKENS, OLD)}
    files["STREAMR_EGRESS"] = "direct"
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    paths = {f"{name}_FILE": str(tmp_path / name) for name in files}
    made = Stack(reactor, tmp_path, {"TMDB_API_KEY": "", **paths})
    await made.settle()
    yield made
    await made.stop()
    assert "Traceback" not in made.log.getvalue()
    for secret in (KEY, WRONG, OLD, NEW):
        assert secret not in made.log.getvalue()


async def reload(stack: Stack) -> None:
    stack.daemon.parts.reloader.reload()
    # until the probes that it begins are over
    await deferLater(stack.reactor, 1.0)


@pytest_twisted.ensureDeferred
async def test_a_new_key_is_used_at_once(stack: Stack, tmp_path: Path) -> None:
    assert (await stack.get("/3/movie/550")).status == 401
    (tmp_path / "TMDB_API_KEY").write_text(f"{KEY}\n")
    await reload(stack)
    assert (await stack.get("/3/movie/550")).status == 200
    assert " reloaded: " in stack.log.getvalue()


@pytest_twisted.ensureDeferred
async def test_new_tokens_are_asked_for_and_sent(stack: Stack, tmp_path: Path) -> None:
    async def statuses(token: str) -> tuple[int, int]:
        bearer = {"Authorization": f"Bearer {token}"}
        proxy = await stack.get("/3/nothing", bearer, server="proxy")
        metrics = await stack.get("/metrics", {**bearer, "X-Forwarded-For": "1.2.3.4"})
        return proxy.status, metrics.status

    assert await statuses(OLD) == (404, 200)
    assert await statuses(NEW) == (401, 403)
    for name in TOKENS:
        (tmp_path / name).write_text(NEW)
    (tmp_path / "TMDB_API_KEY").write_text(KEY)
    await reload(stack)
    assert await statuses(NEW) == (404, 200)
    assert await statuses(OLD) == (401, 403)
    # and neither is written into the log
    for token in (OLD, NEW):
        assert (await stack.get(f"/{token}")).status == 404
    # main's own way to its proxy has the new one
    stack.simulator.set_fault(DIRECT, "html")
    answer = await stack.get("/3/movie/550")
    assert answer.status == 200 and "x-proxy-source" in answer.headers


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda file: file.write_text("no key at all"), "TMDB_API_KEY has an invalid"),
        (lambda file: file.write_text(""), "is empty"),
        (lambda file: file.unlink(), "cannot be read"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_bad_file_leaves_the_old_value_and_says_so(
    stack: Stack, tmp_path: Path, spoil: Any, told: str
) -> None:
    (tmp_path / "TMDB_API_KEY").write_text(KEY)
    await reload(stack)
    spoil(tmp_path / "TMDB_API_KEY")
    (tmp_path / "STREAMR_PROXY_TOKEN").write_text(NEW)
    await reload(stack)
    assert (await stack.get("/3/movie/550")).status == 200
    [line] = [each for each in stack.log.getvalue().splitlines() if told in each]
    assert " warn " in line and "not reloaded, the old value stays in use" in line
    # what is good is used all the same
    bearer = {"Authorization": f"Bearer {NEW}"}
    assert (await stack.get("/3/movie/550", bearer, server="proxy")).status == 200


@pytest_twisted.ensureDeferred
async def test_another_outbound_proxy_needs_a_restart_and_says_so(
    stack: Stack, tmp_path: Path
) -> None:
    await reload(stack)
    assert "needs a restart" not in stack.log.getvalue()
    (tmp_path / "STREAMR_EGRESS").write_text(f"socks5://anna:{NEW}@127.0.0.1:1")
    (tmp_path / "TMDB_API_KEY").write_text(KEY)
    await reload(stack)
    log = stack.log.getvalue()
    assert "STREAMR_EGRESS_FILE names other outbound proxies than before" in log
    # directly, as at the start, and with what else was in files
    assert (await stack.get("/3/movie/550")).status == 200


@pytest_twisted.ensureDeferred
async def test_a_new_password_of_the_same_outbound_proxy_is_used_at_once(
    reactor: Any, tmp_path: Path
) -> None:
    file = tmp_path / "egress"

    def write(password: str) -> None:
        file.write_text(f"socks5://anna:{password}@127.0.0.1:1#there")

    write(OLD)
    key = tmp_path / "key"
    key.write_text(KEY)
    stack = Stack(
        reactor,
        tmp_path,
        {
            "TMDB_API_KEY": "",
            "TMDB_API_KEY_FILE": str(key),
            "STREAMR_EGRESS_FILE": str(file),
        },
    )
    await stack.settle()
    try:
        upstream = stack.daemon.parts.upstream
        outlet = upstream._outlet(Dimensions("a.test", "modern", "auto", "there"))
        assert outlet is not None and outlet.egress.password == OLD
        write(NEW)
        await reload(stack)
        assert outlet.egress.password == NEW
        log = stack.log.getvalue()
        assert "reloaded: TMDB_API_KEY_FILE, STREAMR_EGRESS_FILE, TMDB_CA_FILE" in log
        assert OLD not in log and NEW not in log
    finally:
        await stack.stop()


@pytest_twisted.ensureDeferred
async def test_certificates_are_read_again_and_a_bad_file_changes_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / "TMDB_API_KEY").write_text(KEY)
    file = Path(stack.simulator.ca_file)
    right = file.read_text()
    for spoilt in ("no certificate", None):
        file.unlink() if spoilt is None else file.write_text(spoilt)
        await reload(stack)
    log = stack.log.getvalue()
    assert "contains no PEM certificate" in log and "is not there" in log
    # a new connection is verified with what was kept
    await stack.daemon.parts.upstream.clients[0].close()
    assert (await stack.get("/3/movie/550")).status == 200
    file.write_text(right)
    await reload(stack)
    assert " reloaded: " in stack.log.getvalue()


@pytest_twisted.ensureDeferred
async def test_a_new_authority_is_trusted_at_once(reactor: Any, tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    stack = Stack(reactor, tmp_path, {"TMDB_CA_FILE": str(file)})
    try:
        await stack.settle()
        refused = await stack.get("/3/movie/550")
        assert set(refused.causes) == {"tls_certificate_error"}
        file.write_text(Path(stack.simulator.ca_file).read_text())
        await reload(stack)
        assert (await stack.get("/3/movie/550")).status == 200
    finally:
        await stack.stop()


@pytest.mark.parametrize(
    "command",
    [
        [STREAMR, "run"],
        [STREAMR, "demo"],
        [TWISTD, "--nodaemon", "--pidfile=", "streamr"],
    ],
)
def test_on_a_terminal_it_ends_with_a_drain(tmp_path: Path, command: list[str]) -> None:
    terminal, other = pty.openpty()
    log = tmp_path / "server.log"
    environment = {
        **os.environ,
        "TMDB_API_KEY": Simulator.KEY,
        "PORT": "0",
        "PROXY_PORT": "0",
        "STREAMR_LOG_LEVEL": "info",
        "STREAMR_LOG_FILE": str(log),
        "STREAMR_STATE_DIR": str(tmp_path / "state"),
        "STREAMR_WARM": "none",
        "PYTHONPATH": str(ROOT),
    }
    child = subprocess.Popen(
        command,
        stdin=other,
        stdout=other,
        stderr=other,
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
    )
    os.close(other)
    try:
        said = b""
        while (at := re.search(rb"main server listens on (\S+)\s", said)) is None:
            said += os.read(terminal, 4096)
        # who answers has set up its handlers of signals
        assert ask(at[1].decode(), "/readyz").status == 200
        # the window is closed
        os.close(terminal)
        child.send_signal(signal.SIGHUP)
        assert child.wait(PATIENCE) == 0
    finally:
        child.kill()
    wait_until(lambda: "streamr has stopped" in log.read_text())
    assert "Traceback" not in log.read_text()
