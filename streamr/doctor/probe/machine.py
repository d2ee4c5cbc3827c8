"""This machine: settings with their origins, our ports, the disk, the twistd plugin."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

from streamr.app import sockets
from streamr.config.load import Found
from streamr.config.settings import Settings
from streamr.config.state import state_directory
from streamr.doctor.evidence import House, PortState, SettingRow
from streamr.terminal.door import door
from streamr.terminal.findings import Mark
from streamr.terminal.health import ServerPlace, is_up, places

# An address of each family that is on the internet and nobody's (RFC 5737, RFC 3849).
Beyond = tuple[socket.AddressFamily, str]
_BEYOND: Mapping[str, Beyond] = {
    "IPv4": (socket.AF_INET, "203.0.113.1"),
    "IPv6": (socket.AF_INET6, "2001:db8::1"),
}
# The settings of the servers' ports.
_PORTS = {"main": "PORT", "proxy": "PROXY_PORT"}
# Less than this and the cache's writes begin to fail.
LEAST_FREE = 32 * 1024 * 1024


def inspect(settings: Settings, stock: Iterable[Found]) -> House:
    """All that can be seen without the network (blocking, some milliseconds)."""
    state, problem = _state(settings)
    return House(
        rows(stock),
        _ports(settings),
        state,
        problem,
        "streamr" in _plugin_names(),
        families(),
    )


def families(beyond: Mapping[str, Beyond] = _BEYOND) -> tuple[str, ...]:
    """The address families for which this machine has a route to the internet.

    A UDP socket that is connected sends nothing: the system only looks for the route.
    """
    return tuple(name for name, where in beyond.items() if _has_route(*where))


def _has_route(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 53))
    except OSError:
        return False
    return True


def gateway(proc: Path = Path("/proc/net")) -> bool | None:
    """Whether the first hop of the default route answers, as Linux has noted when it
    last sent something there; None where that is not known.

    `route` has addresses in the byte order of the machine, in hexadecimal; `arp` has 0
    in its flags for an address that has not answered (proc_net(5), arp(7)).
    """
    try:
        routes = [line.split() for line in (proc / "route").read_text().splitlines()]
        known = [line.split() for line in (proc / "arp").read_text().splitlines()]
    except OSError:
        return None
    hops = {_address(each[2]) for each in routes[1:] if each[1:2] == ["00000000"]}
    flags = {each[2] for each in known[1:] if each[:1] and each[0] in hops}
    return None if not flags else flags != {"0x0"}


def _address(text: str) -> str:
    return socket.inet_ntoa(int(text, 16).to_bytes(4, sys.byteorder))


def rows(stock: Iterable[Found]) -> tuple[SettingRow, ...]:
    """The settings that somebody has set, secrets masked."""
    return tuple(
        SettingRow(each.setting.name, each.shown or "", each.origin)
        for each in stock
        if each.origin != "default"
    )


def _ports(settings: Settings) -> tuple[PortState, ...]:
    own = tuple(_port(place) for place in places(settings) if place.port)
    return (*own, _door(settings)) if settings.door and settings.door_port else own


def _door(settings: Settings) -> PortState:
    """The door's port; who holds it is asked as an app asks."""
    setting, port = "DOOR_PORT", settings.door_port
    try:
        sockets.listen(settings.door_host, port, setting).close()
    except sockets.CannotListen as error:
        problem = str(error)
    else:
        return PortState(setting, port)
    for found in door(settings, state_directory(settings)):
        if found.mark is Mark.OK:
            return PortState(setting, port, "streamr", found.told)
    return PortState(setting, port, sockets.holder(port) or "unknown", problem)


def _port(place: ServerPlace) -> PortState:
    setting, port = _PORTS[place.name], place.port
    try:
        sockets.listen(place.host, port, setting).close()
    except sockets.CannotListen as error:
        if is_up(place):
            return PortState(setting, port, "streamr")
        return PortState(setting, port, sockets.holder(port) or "unknown", str(error))
    return PortState(setting, port)


def _state(settings: Settings) -> tuple[str, str]:
    directory = state_directory(settings)
    if directory is None:
        return "", "there is no writable folder for state"
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE:
        return str(directory), f"only {free // 1024} kB are free"
    return _shortened(directory), ""


def _shortened(directory: Path) -> str:
    home = os.path.expanduser("~")  # noqa: PTH111 - no RuntimeError without a home
    return str(directory).replace(home, "~", 1) if home != "/" else str(directory)


def _plugin_names() -> set[str]:
    return {each.tapname for each in getPlugins(IServiceMaker)}
