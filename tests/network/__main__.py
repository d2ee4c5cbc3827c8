"""A command at home in one of the lab's networks, with streamr's settings for it:

python -m tests.network                                   # the networks
python -m tests.network portal+socks streamr doctor
"""

from __future__ import annotations

import subprocess
import sys

from tests.network.callers import clean
from tests.network.lab import Lab, end_on_signals
from tests.network.namespaces import HOME, missing
from tests.network.networks import NETWORKS


def main() -> int:
    """Run it; its exit status."""
    name, command = "".join(sys.argv[1:2]), sys.argv[2:] or ["bash", "--norc"]
    if not name:
        lines = (f"{each.name:32}{each.does}\n" for each in NETWORKS)
        sys.stdout.writelines(lines)
        return 0
    reason = missing()
    if reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    end_on_signals()
    with Lab(name) as lab:
        here = lab.spaces.command(HOME, command)
        environment = clean(lab.environment())
        return subprocess.run(here, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
