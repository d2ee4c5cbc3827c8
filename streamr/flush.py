"""Sends what was written at once, not in the reactor's next turn."""

from __future__ import annotations

from twisted.internet.abstract import FileDescriptor


def flush(transport: object) -> None:
    """Hand what a TCP transport has buffered to the kernel, as far as it takes it.

    `write` alone waits for the reactor's next turn, which in a crowd comes tens of
    milliseconds later. The order is kept. What does not fit stays with the reactor; so
    does an error, which it meets again, and the end of a connection that is closing.
    What is no TCP transport is left alone.
    """
    if (
        isinstance(transport, FileDescriptor)
        and transport.connected
        and not transport.disconnecting
    ):
        transport.doWrite()
