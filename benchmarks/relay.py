"""Stands between nodes and their engine, and swallows everything when it is told to.

    python -m benchmarks.relay PORT     # prints the port that it listens on

SIGUSR1: swallow from now on. SIGUSR2: let through again. A process of its own, so that
whoever measures adds nothing to what is measured.
"""

from __future__ import annotations

import asyncio
import signal
import sys


class Relay:
    """Carries bytes both ways, or to nowhere."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.swallows = False

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection."""
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self.pump(reader, back), self.pump(there, writer))

    async def pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One direction, to its end."""
        try:
            while data := await reader.read(65536):
                if not self.swallows:
                    writer.write(data)
        except OSError:
            pass  # the other side is told by the close below
        finally:
            writer.close()


async def main() -> None:
    """Serve until it is ended."""
    relay = Relay(int(sys.argv[1]))
    loop = asyncio.get_running_loop()
    for number, swallows in ((signal.SIGUSR1, True), (signal.SIGUSR2, False)):
        loop.add_signal_handler(number, setattr, relay, "swallows", swallows)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"listens on {port}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
