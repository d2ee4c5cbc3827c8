"""What stands behind and beside streamr where pictures are compared.

The picture host is nginx with files of noise, over plain http on loopback; the peer is
nginx with `proxy_cache` in front of the same host.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from streamr.simulator.pictures.noise import noise

from .bench import US
from .cost import Stage, entered
from .paths import path_of
from .peers import ContestantPlace, Running, configured, running
from .processes import Child, free_ports

NGINX = "nginx"


class PictureHost:
    """The picture host, in a directory of its own."""

    def __init__(self, directory: Path, sizes: Sequence[int]) -> None:
        """`sizes` are those of the pictures that it has, in bytes. The first of them
        is every poster as well (`poster` in paths.py)."""
        self._directory = directory
        self.pictures = {path_of(size): noise(size).data for size in sizes}
        for path, data in self.pictures.items():
            file = directory / "files" / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        [self.port] = free_ports(1)
        words = {
            "directory": str(directory),
            "port": str(self.port),
            "first": path_of(sizes[0]),
        }
        file = configured("picture-host.conf", directory, words)
        self._child = Child(["nginx", "-c", str(file)], directory / "nginx.log")
        self._child.wait_for_port(self.port)

    @property
    def settings(self) -> dict[str, str]:
        """What streamr has to know of it."""
        return {"TMDB_IMAGE_BASE_URL": f"http://127.0.0.1:{self.port}"}

    @property
    def asked(self) -> int:
        """How many requests have come."""
        return len((self._directory / "host.log").read_text().splitlines())

    def stop(self) -> None:
        """End it."""
        self._child.stop()


@asynccontextmanager
async def picture_host(
    stage: Stage, sizes: Sequence[int]
) -> AsyncIterator[PictureHost]:
    """A picture host that is ended whatever happens."""
    host = PictureHost(entered(stage.bench.directory, "pictures"), sizes)
    try:
        yield host
    finally:
        host.stop()


@asynccontextmanager
async def contestant(
    stage: Stage, name: str, host: PictureHost
) -> AsyncIterator[Running]:
    """streamr or nginx in front of a picture host, on the server's core."""
    if name == US:
        async with stage.contestant(US, settings=host.settings) as ours:
            yield ours
        return
    directory = entered(stage.bench.directory, name)
    place = ContestantPlace(directory, stage.upstream, core=stage.core)
    try:
        yield started(place, host)
    finally:
        place.stop()


def started(place: ContestantPlace, host: PictureHost) -> Running:
    """nginx, see peers/pictures.conf."""
    [port] = free_ports(1)
    words = place.words(port=port, upstream_port=host.port)
    file = configured("pictures.conf", place.directory, words)
    child = place.start(NGINX, ["nginx", "-c", str(file)])
    child.wait_for_port(port)
    return running(NGINX, port, child)
