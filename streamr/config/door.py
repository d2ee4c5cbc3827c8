"""Where the authority of the door is kept, and who may read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER, CERTIFICATE, KEY = "door", "door-ca.pem", "door-ca.key"


@dataclass(frozen=True, slots=True)
class AuthorityFiles:
    """The two files of an authority, in a state folder."""

    state: Path

    @property
    def folder(self) -> Path:
        """Readable for its owner alone."""
        return self.state / FOLDER

    @property
    def certificate(self) -> Path:
        """What clients are given."""
        return self.folder / CERTIFICATE

    @property
    def key(self) -> Path:
        """What never leaves."""
        return self.folder / KEY

    @property
    def exist(self) -> bool:
        """Whether anything is there in the place of one of them."""
        places = (self.certificate, self.key)
        return any(each.exists() or each.is_symlink() for each in places)
