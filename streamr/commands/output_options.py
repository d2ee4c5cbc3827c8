"""What the commands share that print a table for people, or JSON for programs."""

from __future__ import annotations

from typing import ClassVar

from streamr.service import Options


class PrintingOptions(Options):
    """The options of a command that prints what it found."""

    synopsis = "[options]"
    optFlags: ClassVar = [["json", None, "Print JSON, for programs."]]
