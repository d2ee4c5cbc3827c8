"""The disk store: SQLite, off the reactor, written behind, read once at the start.

It only fills the memory store. Each record carries a checksum; a record that does not
match is dropped, and a file that is no sound database is set aside under another name
and begun again. Whatever goes wrong here costs a line in the log (one a minute) and
never an answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from twisted.logger import Logger

from streamr.boundaries import StoredResponse
from streamr.interfaces import Tier
from streamr.policy import representation
from streamr.policy.freshness import MOST_KEPT
from streamr.store.record import decode, encode

_log = Logger()

# Raised when the shape of a record changes; files of another version are set aside.
SCHEMA_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, head TEXT NOT NULL, gzipped BLOB NOT NULL,
    checksum BLOB NOT NULL, stored_at REAL NOT NULL
) WITHOUT ROWID
"""
# What expires, and what is trimmed, is found without reading the bodies: at 15,000
# records a scan took 10 ms (docs/facts/performance.md, "Writing behind").
_INDEX = "CREATE INDEX IF NOT EXISTS by_age ON responses (stored_at)"
# The newest come first into memory.
_ALL = (
    "SELECT key, head, gzipped, checksum, stored_at FROM responses "
    "ORDER BY stored_at DESC"
)
# Result codes that speak of access to the file, not of the file (sqlite.org/rescode).
_NO_ACCESS = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
)
# How long another's lock is waited for (seconds): a backup, or a second daemon. It is
# the thread that waits, and what has not been written is written later.
MOST_LOCKED = 2.0
# How often the oldest records are looked for (seconds). Memory gives up what is too old
# or too much by itself, and the disk follows: this is for what was there before.
TIDY_EVERY = 600.0


class DiskStore:
    """Stored responses in one SQLite file. Blocking: used in a thread of its own.

    `monotonic` and `wall` are read together, to turn the one kind of time into the
    other: on disk stands the wall clock, in memory the monotonic one.
    """

    def __init__(
        self,
        path: Path,
        most_entries: int,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._path = path
        self._most_entries = most_entries
        self._monotonic = monotonic
        self._wall = wall
        self._database: sqlite3.Connection | None = None
        self._tidied_at: float | None = None

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What its methods raise when the file cannot be used."""
        return sqlite3.Error, OSError

    def load(self) -> list[StoredResponse]:
        """All sound records, newest first. Sets an unsound file aside.

        Raises sqlite3.Error or OSError when the file cannot be reached.
        """
        try:
            found = list(self._read(self._open()))
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NO_ACCESS:
                raise
            self._set_aside(error)
            return []
        self._bring_back(found)
        return [self._not_from_the_future(each) for each in found]

    def replace(self, responses: Iterable[StoredResponse]) -> None:
        """Keep these and nothing else."""
        keys = self._open().execute("SELECT key FROM responses").fetchall()
        self.write(responses, [key for (key,) in keys])

    def write(
        self, responses: Iterable[StoredResponse], dropped: Iterable[str]
    ) -> None:
        """Keep responses and forget keys, in one transaction."""
        database = self._open()
        now = self._wall() - self._monotonic()
        rows = [encode(each, each.stored_at + now) for each in responses]
        with database:
            database.executemany(
                "DELETE FROM responses WHERE key = ?", [(key,) for key in dropped]
            )
            database.executemany(
                "INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?)", rows
            )
            self._tidy(database)

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            # the start reads in the reactor's thread, all else has a thread of its own
            database = sqlite3.connect(
                self._path, timeout=MOST_LOCKED, check_same_thread=False
            )
            try:
                _prepare(database)
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database

    def _read(self, database: sqlite3.Connection) -> Iterator[StoredResponse]:
        offset = self._monotonic() - self._wall()
        oldest = self._wall() - MOST_KEPT
        with closing(database.execute(_ALL)) as rows:
            for row in rows:
                response = decode(row, offset)
                if response is not None and row[4] > oldest:
                    yield response

    def _bring_back(self, found: list[StoredResponse]) -> None:
        """Write what a clock that was ahead has written with the time that is now:
        else it would outlive every other record. What is too old goes with it."""
        ahead = [each for each in found if each.stored_at > self._monotonic()]
        self.write([self._not_from_the_future(each) for each in ahead], ())

    def _not_from_the_future(self, response: StoredResponse) -> StoredResponse:
        """A record from the future is stale, and not immortal."""
        now = self._monotonic()
        return (
            representation.aged(response, now) if response.stored_at > now else response
        )

    def _tidy(self, database: sqlite3.Connection) -> None:
        """What is too old goes, and the oldest when there are too many."""
        now = self._monotonic()
        if self._tidied_at is not None and now - self._tidied_at < TIDY_EVERY:
            return
        self._tidied_at = now
        oldest = self._wall() - MOST_KEPT
        database.execute("DELETE FROM responses WHERE stored_at < ?", (oldest,))
        database.execute(
            "DELETE FROM responses WHERE key IN (SELECT key FROM responses "
            "ORDER BY stored_at <= ? DESC, stored_at DESC LIMIT -1 OFFSET ?)",
            (self._wall(), self._most_entries),
        )

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        _log.warn(
            "The cache {path} cannot be used ({error}): a new one is started, and the "
            "old file is kept as {path}.unsound",
            path=str(self._path),
            error=str(error),
            code="cache-set-aside",
        )
        self.close()
        # SQLite takes a log away itself whose file is gone
        self._path.replace(self._path.with_name(f"{self._path.name}.unsound"))


def _prepare(database: sqlite3.Connection) -> None:
    """Journal, version and table. Raises sqlite3.DatabaseError for an unsound file."""
    # a write-ahead log survives kill -9 whole, and needs no sync for each transaction
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"schema version {version}")
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(str(verdict))
    database.execute(_TABLE)
    database.execute(_INDEX)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


_conforms: type[Tier] = DiskStore
