"""The settings of a command: their flags, and what came of all their sources."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from streamr.config import load
from streamr.config.settings import TABLE, Setting, Settings
from streamr.config.sockets import addresses
from streamr.config.state import no_folder, state_directory
from streamr.errors import SettingsError
from streamr.net.inherited import SOCKETS
from streamr.terminal.exits import EX_CONFIG, give_up
from streamr.terminal.options import Helpful, UsageError


def _default(setting: Setting) -> str:
    return f"default: {setting.default}" if setting.default else "unset by default"


# The flags of all settings, as options are declared.
FLAGS = [
    [each.flag, None, None, f"{each.help} [{each.name}, {_default(each)}]"]
    for each in TABLE
    if each.flag is not None
]
FLAGLESS = {
    each.field.replace("_", "-"): each.name for each in TABLE if each.flag is None
}


class SettingOptions(Helpful):
    """The options of a command that needs settings: each of them is a flag, too."""

    optParameters: ClassVar = FLAGS
    flagless: ClassVar = FLAGLESS
    elsewhere: ClassVar = frozenset(row[0] for row in FLAGS if row[0])
    elsewhere_line: ClassVar = (
        "Every setting is also an option, such as --port 8080: streamr config --help "
        "lists them."
    )

    def given(self) -> dict[str, str | None]:
        """What stood on the command line, by the settings' names."""
        return given(self)


def given(options: Mapping[str, Any]) -> dict[str, str | None]:
    """What stood on a command line, by the settings' names."""
    return {each.name: options[each.flag] for each in TABLE if each.flag is not None}


def read_settings(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str] | None = None,
    *,
    needs_key: bool = True,
) -> Settings:
    """The settings of this process; exits with 78 and all that is wrong with them."""
    source = os.environ if environment is None else environment
    try:
        return load.load(
            flags,
            source,
            Path(".env"),
            needs_key=needs_key,
            sockets=addresses(SOCKETS),
        )
    except SettingsError as error:
        give_up(EX_CONFIG, error.problems)


def state_folder(settings: Settings) -> Path:
    """The folder where streamr keeps its state. Raises UsageError without one."""
    found = state_directory(settings)
    if found is None:
        raise UsageError(no_folder(settings).text)
    return found
