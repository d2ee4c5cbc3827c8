"""What the commands share that print a table for people, or JSON for programs."""

from __future__ import annotations

from typing import ClassVar

from streamr.terminal.settings import SettingOptions


class PrintingOptions(SettingOptions):
    """The options of a command that prints what it found."""

    optFlags: ClassVar = [["json", None, "Print JSON, for programs."]]
