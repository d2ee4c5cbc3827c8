"""The contestants: how each is configured and started in front of the same simulator.

The configurations under peers/ are templates; words between at signs are filled in
here. A contestant lives for one measurement, in a directory of its own.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

from .client import LoadClient
from .cores import pinned
from .processes import ROOT, Child, DidNotStart, free_ports
from .world import DIRECT, KEY, SECOND, Clock

CONFIGURATIONS = Path(__file__).with_name("peers")
STREAMR = Path(sys.executable).with_name("streamr")
_WORD = re.compile(r"@([a-z_]+)@")


class Upstream(Protocol):
    """What stands behind a contestant: TMDB's two names over TLS."""

    ca_file: str

    @property
    def pins(self) -> str:
        """Which name is to be found at which address and port."""

    def port(self, host: str) -> int:
        """Where a name is to be found."""


@dataclass(frozen=True, slots=True)
class ContestantPlace:
    """Where a contestant runs: its directory, what stands behind it, its clock.

    `inter` is how often HAProxy and Varnish check their servers. `settings` are
    streamr's own, as environment. `core` is the only one that it may use.
    """

    directory: Path
    simulator: Upstream
    clock: Clock | None = None
    core: int | None = None
    inter: str = "1s"
    settings: Mapping[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def words(self, **more: object) -> dict[str, str]:
        """What templates may name."""
        known = {
            "directory": self.directory,
            "ca_file": self.simulator.ca_file,
            "direct_port": self.simulator.port(DIRECT),
            "second_port": self.simulator.port(SECOND),
            "key": KEY,
            "inter": self.inter,
        }
        return {name: str(value) for name, value in {**known, **more}.items()}

    def start(
        self, name: str, arguments: Sequence[str], more: Mapping[str, str] | None = None
    ) -> Child:
        """Start a process under the clock; it will be ended even if it fails us."""
        environment = dict(self.clock.environment) if self.clock else {}
        log = self.directory / f"{name}.log"
        command = pinned(arguments, self.core)
        child = Child(command, log, {**environment, **(more or {})})
        self.children.append(child)
        return child

    def stop(self) -> None:
        """End what was started here, the one that answers first."""
        for child in reversed(self.children):
            child.stop()


def fill(template: str, words: Mapping[str, str]) -> str:
    """The template with its words filled in; KeyError names one that is unknown."""
    return _WORD.sub(lambda found: words[found[1]], template)


def configured(name: str, directory: Path, words: Mapping[str, str]) -> Path:
    """A filled copy of a configuration in a directory."""
    text = (CONFIGURATIONS / name).read_text()
    copy = directory / name
    copy.write_text(fill(text, words))
    return copy


@dataclass(frozen=True, slots=True)
class Running:
    """A contestant that answers on a port; the child is the one that callers reach."""

    name: str
    port: int
    child: Child
    client: LoadClient


def running(name: str, port: int, child: Child) -> Running:
    """A contestant, with a client of its own."""
    return Running(name, port, child, LoadClient(port))


def start_streamr(place: ContestantPlace) -> Running:
    """Main and proxy in one process; the second route is its own proxy."""
    port, proxy_port = free_ports(2)
    environment = streamr_environment(place, port, proxy_port)
    child = place.start("streamr", [str(STREAMR), "run"], environment)
    child.wait_for(r"main server listens on")
    return running("streamr", port, child)


def streamr_environment(
    place: ContestantPlace, port: int, proxy_port: int
) -> dict[str, str]:
    """The settings of a daemon in front of what stands behind this place."""
    return {
        "TMDB_API_KEY": KEY,
        "TMDB_PINS": place.simulator.pins,
        "TMDB_CA_FILE": place.simulator.ca_file,
        "PORT": str(port),
        "PROXY_PORT": str(proxy_port),
        "PYTHONPATH": str(ROOT),
        # whatever it keeps on disk stays in this directory
        "HOME": str(place.directory),
        "XDG_STATE_HOME": str(place.directory),
        "STATE_DIRECTORY": str(place.directory),
        **place.settings,
    }


def start_nginx(place: ContestantPlace) -> Running:
    """nginx, see peers/nginx.conf."""
    (port,) = free_ports(1)
    file = configured("nginx.conf", place.directory, place.words(port=port))
    child = place.start("nginx", ["nginx", "-c", str(file)])
    child.wait_for_port(port)
    return running("nginx", port, child)


def start_haproxy(place: ContestantPlace) -> Running:
    """HAProxy, see peers/haproxy.cfg."""
    (port,) = free_ports(1)
    file = configured("haproxy.cfg", place.directory, place.words(port=port))
    child = place.start("haproxy", ["haproxy", "-db", "-f", str(file)])
    child.wait_for_port(port)
    return running("haproxy", port, child)


def start_varnish(place: ContestantPlace) -> Running:
    """Varnish, and behind it a TLS tunnel towards TMDB: see peers/varnish.vcl."""
    (port,) = free_ports(1)
    tunnel = configured("tls-hop.cfg", place.directory, place.words())
    place.start("tls-hop", ["haproxy", "-db", "-f", str(tunnel)]).wait_for_file(
        place.directory / "second.sock"
    )
    file = configured("varnish.vcl", place.directory, place.words())
    arguments = ["varnishd", "-F", "-j", "none", "-f", str(file)]
    arguments += ["-a", f"127.0.0.1:{port}", "-s", "malloc,128m"]
    # the configuration is compiled as C; the compiler is not to run under our clock
    arguments += ["-p", "cc_command=unset LD_PRELOAD; exec gcc -fPIC -shared -o %o %s"]
    arguments += ["-n", str(place.directory / "varnish"), "-T", "none"]
    child = place.start("varnish", arguments)
    child.wait_for_port(port)
    return running("varnish", port, child)


def start_express(place: ContestantPlace) -> Running:
    """Two Express servers with axios, see peers/express/."""
    port, proxy_port = free_ports(2)
    more = {"MAIN_PORT": str(port), "PROXY_PORT": str(proxy_port)}
    proxy = start_script("proxy", place, more)
    main = start_script("main", place, more)
    proxy.wait_for_port(proxy_port)
    main.wait_for_port(port)
    return running("express", port, main)


def start_res_json(place: ContestantPlace) -> Running:
    """One Express 4 server that keeps everything, see peers/express/cached.js."""
    (port,) = free_ports(1)
    child = start_script("cached", place, {"MAIN_PORT": str(port)})
    child.wait_for_port(port)
    return running(RES_JSON, port, child)


def start_script(name: str, place: ContestantPlace, more: Mapping[str, str]) -> Child:
    """Start one of the scripts under peers/express/."""
    environment = {
        "DIRECT_PORT": str(place.simulator.port(DIRECT)),
        "SECOND_PORT": str(place.simulator.port(SECOND)),
        "CA_FILE": place.simulator.ca_file,
        "KEY": KEY,
        **more,
    }
    script = CONFIGURATIONS / "express" / f"{name}.js"
    return place.start(name, ["node", str(script)], environment)


NAMES = ("streamr", "nginx", "haproxy", "varnish", "express")
# Express once more, with a cache; only where the cost of a hit is compared.
RES_JSON = "express res.json"
STARTERS = {
    "streamr": start_streamr,
    "nginx": start_nginx,
    "haproxy": start_haproxy,
    "varnish": start_varnish,
    "express": start_express,
    RES_JSON: start_res_json,
}


def start(name: str, place: ContestantPlace) -> Running:
    """Start a contestant; once more if that fails, say because its port was taken."""
    try:
        return STARTERS[name](place)
    except DidNotStart:
        place.stop()
        return STARTERS[name](place)


@asynccontextmanager
async def contest(
    names: Sequence[str], directory: Path, simulator: Upstream, **more: Any
) -> AsyncIterator[list[Running]]:
    """The contestants, started side by side, and ended whatever happens.

    `more` is for their places: clock, core, inter, settings.
    """
    directories = [
        Path(mkdtemp(prefix=f"{name.split()[0]}-", dir=directory)) for name in names
    ]
    places = [ContestantPlace(own, simulator, **more) for own in directories]
    for own in directories:
        own.chmod(0o755)
    jobs = [
        asyncio.to_thread(start, name, place)
        for name, place in zip(names, places, strict=True)
    ]
    try:
        results = await asyncio.gather(*jobs, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        contestants = [one for one in results if isinstance(one, Running)]
        yield contestants
        for one in contestants:
            one.client.close()
    finally:
        await asyncio.gather(*(asyncio.to_thread(place.stop) for place in places))
