"""How a command ends: exit statuses, and the last sentence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

EX_USAGE = 2
# A setting that cannot be used (EX_CONFIG of sysexits.h).
EX_CONFIG = 78
# What a shell makes of a program that SIGINT has ended.
EX_INTERRUPTED = 130


def give_up(code: int, problems: Sequence[str]) -> NoReturn:
    """End the process with a sentence for each problem."""
    for problem in problems:
        print(f"streamr: {problem}", file=sys.stderr)
    raise SystemExit(code)
