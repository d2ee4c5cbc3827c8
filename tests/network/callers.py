"""Who asks at home: callers of streamr, and plain curl beside it over one route."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from streamr.simulator.pictures.noise import noise, size_of
from tests.network import places
from tests.network.oracle import Route
from tests.processes import ROOT

MAIN_PORT = 3001
# streamr's own, and curl's
DEADLINE = 8.0
# longer than any deadline in use
PATIENCE = 30.0
AT_ONCE = 20
TOLD = ("Proxy-Status", "Cache-Status", "Server-Timing")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a caller at home got. Status 0: nothing; `said` tells why, or by which
    route."""

    status: int
    seconds: float
    body: bytes = b""
    said: str = ""
    path: str = ""

    @property
    def good(self) -> bool:
        """Is it TMDB's answer, whole? Of a picture, each byte of it?"""
        picture = picture_at(self.path)
        if picture is not None:
            return self.status == 200 and self.body == picture
        with contextlib.suppress(ValueError):
            return self.status == 200 and isinstance(json.loads(self.body), dict)
        return False

    @property
    def direct(self) -> bool:
        """Is it from streamr's direct route?"""
        told = self.said.rpartition("received-")[2]
        return self.good and re.search('route="direct(:pictures)?";', told) is not None


class Callers:
    """Callers of main, each a thread that lives at home."""

    def __init__(self, enter: Callable[[], None]) -> None:
        """`enter` takes a thread home."""
        self._threads = ThreadPoolExecutor(AT_ONCE, initializer=enter)

    def ask(self, paths: Sequence[str], *, at_once: bool = False) -> list[Reply]:
        """Ask for each, one after the other or all together."""
        if at_once:
            return list(self._threads.map(ask, paths))
        return [self._threads.submit(ask, each).result() for each in paths]

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()


def ask(path: str) -> Reply:
    """Ask main on a connection of its own."""
    began = time.monotonic()
    line = http.client.HTTPConnection("127.0.0.1", MAIN_PORT, timeout=PATIENCE)
    try:
        line.request("GET", path)
        response = line.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Reply(0, time.monotonic() - began, said=repr(error), path=path)
    finally:
        line.close()
    headers = response.headers
    said = "; ".join(f"{each}: {headers[each]}" for each in TOLD if each in headers)
    return Reply(response.status, time.monotonic() - began, body, said, path)


@lru_cache
def picture_at(path: str) -> bytes | None:
    """The picture that TMDB has there; None where it is no path of one."""
    size = size_of(path.rpartition("/")[2])
    return None if size is None else noise(size).data


def curl(path: str, route: Route, ca_file: Path, peer: Mapping[str, str]) -> list[str]:
    """The command line that asks TMDB over one route, with streamr's deadline. `peer`
    is what the friend's machine said to set here."""
    base, options = route.curl
    joint = "&" if "?" in path else "?"
    # pictures need no key
    key = f"{joint}api_key={places.KEY}" if picture_at(path) is None else ""
    url = f"{base}{path}{key}"
    command = ["curl", "--silent", "--show-error", "--compressed"]
    command += ["--max-time", f"{DEADLINE:g}", "--cacert", str(ca_file)]
    command += ["--write-out", "%{stderr}%{http_code} %{time_total}\n"]
    if route.proxy == "friend":
        token = peer["STREAMR_PROXY_TOKEN"]
        pin = peer["TMDB_PROXY_URL"].partition("#")[2]
        command += ["--header", f"Authorization: Bearer {token}"]
        # the pin alone says who it is, as streamr takes it
        command += ["--insecure", "--pinnedpubkey", pin]
    return [*command, *options, url]


def run(commands: Iterable[Sequence[str]], *, at_once: bool = False) -> list[Reply]:
    """Run curls, one after the other or all together."""
    begun = (_begin(each) for each in commands)
    return [_finish(each) for each in (list(begun) if at_once else begun)]


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the developer's own but the path."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}


def _begin(command: Sequence[str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, env=clean({}))


def _finish(child: subprocess.Popen[bytes]) -> Reply:
    body, errors = child.communicate()
    *said, last = errors.decode().strip().splitlines()
    status, seconds = last.split()
    return Reply(int(status), float(seconds), body, " ".join(said))
