"""The streamr that runs on this machine: how a command finds it without a flag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from streamr.config.settings import Settings
from streamr.config.state import state_directory
from streamr.terminal.daemon import NoDaemon, ask


@dataclass(frozen=True, slots=True)
class Running:
    """What a running daemon says of itself.

    `servers` has their URLs by "main" and "proxy"; `certificate` is the file by which
    a proxy with TLS is known; `door` is the door's URL; `demo` is None when it is no
    demo, else what leads into the demo's network.
    """

    servers: Mapping[str, str]
    certificate: Path | None
    demo: Mapping[str, str] | None
    door: str | None = None


def running(settings: Settings) -> Running | None:
    """The daemon that answers in the folder of state; None when there is none."""
    directory = state_directory(settings)
    if directory is None:
        return None
    try:
        told = ask(directory, "/running")
    except (NoDaemon, ValueError):
        # a version that does not tell, or nobody: the settings say where to look
        return None
    certificate = told.get("proxy_tls_cert")  # an older version has none
    return Running(
        told["servers"],
        Path(certificate) if certificate else None,
        told["demo"],
        told.get("door"),
    )


def as_running(settings: Settings) -> Settings:
    """The settings with the ports of the daemon that runs, where nobody has set any."""
    found = None if given("PORT", settings) else running(settings)
    if found is None or given("PROXY_PORT", settings):
        return settings
    for name, url in found.servers.items():
        settings = _at(settings, name, url)
    settings = replace(settings, proxy_tls_cert=found.certificate)
    if found.door is not None:
        settings = _at(settings, "door", found.door)
    if len(found.servers) == 1:
        settings = replace(settings, only=next(iter(found.servers)))
    return settings


def given(name: str, settings: Settings) -> bool:
    """Whether somebody has set a setting: a flag, the environment, or .env."""
    origins = {each.setting.name: each.origin for each in settings.told}
    return origins[name] != "default"


def _at(settings: Settings, name: str, url: str) -> Settings:
    where = urlsplit(url)
    host, port = where.hostname or settings.host, where.port or settings.port
    if name == "main":
        return replace(settings, host=host, port=port)
    if name == "door":
        return replace(settings, door=True, door_host=host, door_port=port)
    return replace(settings, proxy_host=host, proxy_port=port)
