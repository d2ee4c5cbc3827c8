"""The listening sockets that a supervisor passes on: sd_listen_fds(3).

They are looked for when the package is imported, in front of every other module of
ours. Later may be too late: importing Twisted's endpoints deletes the variables
(docs/facts/twisted.md, "Sockets from systemd"), and a twistd that forks is no longer
the process that LISTEN_PID names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

# The number of the first descriptor that is passed on.
FIRST = 3
# What systemd calls a socket that has no name.
UNNAMED = "unknown"

# Names and descriptors, in the order in which they were passed on.
Passed = tuple[tuple[str, int], ...]


def passed(environment: Mapping[str, str], pid: int) -> Passed:
    """What the environment says was passed on to this process."""
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(pid) or not count.isdecimal():
        return ()
    names = [
        each or UNNAMED for each in environment.get("LISTEN_FDNAMES", "").split(":")
    ]
    names += [UNNAMED] * (int(count) - len(names))
    return tuple((names[each], FIRST + each) for each in range(int(count)))


SOCKETS = passed(os.environ, os.getpid())
