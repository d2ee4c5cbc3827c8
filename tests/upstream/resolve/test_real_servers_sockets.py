"""The resolvers against unbound and dnsmasq, where these are installed."""

from __future__ import annotations

import getpass
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
import trustme
from twisted.internet.defer import Deferred

from benchmarks.processes import free_ports
from streamr.config.resolvers import resolver
from streamr.interfaces import Reactor
from streamr.upstream.dial.tls import MODERN, ProfilePolicy
from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.failures import (
    NoSuchName,
    Refused,
    ServerFailed,
    Unverified,
)
from streamr.upstream.resolve.resolvers import find_of
from streamr.upstream.resolve.system import Lookups
from tests.processes import Process
from tests.upstream.resolve.servers import HOST, NAME, V4, V6, held, let_go

# More addresses than a datagram of 512 bytes has room for.
MANY = [f"198.51.100.{number}" for number in range(1, 60)]
LONG, REFUSED, FAILS = "long.test.invalid", "x.refused.invalid", "x.fails.invalid"
MISSING = "missing.test.invalid"
SECONDS = 20.0


def unbound(folder: Path, ports: list[int]) -> list[str]:
    """unbound with names of its own, over UDP, TCP, TLS and HTTPS. It asks nobody: a
    server on loopback, which it would have to ask for one zone, is forbidden to it."""
    plain, tls, https = ports
    long = "\n".join(f'  local-data: "{LONG}. A {each}"' for each in MANY)
    file = folder / "unbound.conf"
    file.write_text(
        f"""server:
  interface: 127.0.0.1@{plain}
  interface: 127.0.0.1@{tls}
  interface: 127.0.0.1@{https}
  tls-port: {tls}
  https-port: {https}
  tls-service-key: "{folder}/key.pem"
  tls-service-pem: "{folder}/chain.pem"
  chroot: ""
  username: ""
  pidfile: ""
  directory: "{folder}"
  use-syslog: no
  logfile: ""
  verbosity: 1
  do-daemonize: no
  num-threads: 1
  module-config: "iterator"
  local-zone: "test.invalid." static
  local-data: "{NAME}. A {V4[1]}"
  local-data: "{NAME}. AAAA {V6[1]}"
{long}
  local-zone: "refused.invalid." refuse
  local-zone: "fails.invalid." transparent
remote-control:
  control-enable: no
forward-zone:
  name: "fails.invalid."
  forward-addr: 127.0.0.1
"""
    )
    return [str(shutil.which("unbound")), "-d", "-p", "-c", str(file)]


def dnsmasq(folder: Path, ports: list[int]) -> list[str]:
    """dnsmasq with names of its own, over UDP and TCP."""
    long = [f"--host-record={LONG},{each}" for each in MANY]
    return [
        str(shutil.which("dnsmasq")),
        *("--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null"),
        *("--no-resolv", "--no-hosts", "--pid-file="),
        *(f"--user={getpass.getuser()}", "--group="),
        *("--listen-address=127.0.0.1", "--bind-interfaces", f"--port={ports[0]}"),
        f"--host-record={NAME},{V4[1]},{V6[1]}",
        "--local=/test.invalid/",
        *long,
    ]


class Running:
    """A real server, and how it is asked."""

    def __init__(self, name: str, folder: Path) -> None:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed on this machine")
        authority = trustme.CA()
        leaf = authority.issue_cert(HOST)
        leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
        for each in leaf.cert_chain_pems:
            each.write_to_path(str(folder / "chain.pem"), append=True)
        self._ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self._ca_file))
        self.ports = free_ports(3)
        make, up = {
            "unbound": (unbound, "start of service"),
            "dnsmasq": (dnsmasq, "started, version"),
        }[name]
        self._process = Process(make(folder, self.ports), directory=folder)
        self._process.wait_for(up)

    def find(self, reactor: Reactor, kind: str, host: str = HOST) -> Find:
        plain, tls, https = self.ports
        text = {
            "udp": f"127.0.0.1:{plain}",
            "tcp": f"tcp://127.0.0.1:{plain}",
            "tls": f"tls://127.0.0.1:{tls}#{host}",
            "https": f"https://{host}:{https}/dns-query#127.0.0.1",
        }[kind]
        return find_of(
            resolver(text),
            reactor,
            Lookups(reactor, lambda name: []),
            lambda alpn: ProfilePolicy(MODERN, self._ca_file, alpn),
            SECONDS,
        )

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture(scope="module")
def real_unbound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running("unbound", tmp_path_factory.mktemp("unbound"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def real_dnsmasq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running("dnsmasq", tmp_path_factory.mktemp("dnsmasq"))
    yield running
    running.stop()


@pytest.fixture
def clean(reactor: Reactor) -> Iterator[Reactor]:
    """The reactor, without the connections that are kept."""
    before = held(reactor)
    yield reactor
    pytest_twisted.blockon(Deferred.fromCoroutine(let_go(reactor, before)))


async def asked(find: Find) -> None:
    """What every server says of these names."""
    assert await find(NAME) == [V4, V6]
    found = await find(LONG)
    assert sorted(found) == sorted((socket.AF_INET, each) for each in MANY)
    with pytest.raises(NoSuchName):
        await find(MISSING)


@pytest.mark.parametrize("kind", ["udp", "tcp", "tls", "https"])
@pytest_twisted.ensureDeferred
async def test_unbound(clean: Reactor, real_unbound: Running, kind: str) -> None:
    find = real_unbound.find(clean, kind)
    await asked(find)
    with pytest.raises(Refused):
        await find(REFUSED)
    with pytest.raises(ServerFailed):
        await find(FAILS)


@pytest.mark.parametrize("kind", ["tls", "https"])
@pytest_twisted.ensureDeferred
async def test_unbound_by_another_name(
    clean: Reactor, real_unbound: Running, kind: str
) -> None:
    with pytest.raises(Unverified):
        await real_unbound.find(clean, kind, "other.test.invalid")(NAME)


@pytest.mark.parametrize("kind", ["udp", "tcp"])
@pytest_twisted.ensureDeferred
async def test_dnsmasq(clean: Reactor, real_dnsmasq: Running, kind: str) -> None:
    find = real_dnsmasq.find(clean, kind)
    await asked(find)
    # it has nobody to ask for the names of others
    with pytest.raises(Refused):
        await find("other.invalid")
