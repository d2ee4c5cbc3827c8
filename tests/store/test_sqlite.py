"""The disk store: what was written comes back, what is not whole does not."""

import contextlib
import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import StoredResponse
from streamr.policy.freshness import DAY, State, state
from streamr.store.sqlite import SCHEMA_VERSION, TIDY_EVERY, DiskStore
from tests.contracts.store import NOW, TierContract, response
from tests.properties import examples

HOUR = 3600.0
KEYS = [f"/movie/{number}" for number in range(8)]
steady = examples(40)


class Clocks:
    """A monotonic clock and a wall clock that can be set; a restart moves the first."""

    def __init__(self) -> None:
        self.monotonic, self.wall = 10_000.0, 1_800_000_000.0

    def pass_by(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds

    def restart(self, seconds: float = 0.0) -> None:
        """The machine starts anew: the monotonic clock begins somewhere else."""
        self.wall += seconds
        self.monotonic = 77.0


class DiskCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clocks = Clocks()
        self.path = Path(self.mktemp())
        self.disks: list[DiskStore] = []
        self.disk = self.opened()
        self.addCleanup(lambda: [each.close() for each in self.disks])

    def opened(self, most_entries: int = 100) -> DiskStore:
        """A disk store as a new process would open it."""
        disk = DiskStore(
            self.path,
            most_entries,
            lambda: self.clocks.monotonic,
            lambda: self.clocks.wall,
        )
        self.disks.append(disk)
        return disk

    def put(self, *keys: str, **more: Any) -> None:
        now = self.clocks.monotonic
        self.disk.write([response(key, now=now, **more) for key in keys], [])

    def loaded(self) -> dict[str, StoredResponse]:
        """What a new process finds."""
        self.disk.close()
        self.disk = self.opened()
        return {each.key: each for each in self.disk.load()}

    def rows(self) -> int:
        """How many records stand in the file, sound or not."""
        with closing(sqlite3.connect(self.path)) as database:
            (count,) = database.execute("SELECT count(*) FROM responses").fetchone()
            return int(count)

    def change(self, statement: str, *values: Any) -> None:
        self.disk.close()
        with closing(sqlite3.connect(self.path)) as database, database:
            self.assertEqual(database.execute(statement, values).rowcount, 1)

    def aside(self) -> list[str]:
        return [each.name for each in self.path.parent.glob("*.unsound")]


class Contract(TierContract, DiskCase):
    """What every tier keeps to."""

    def tier(self) -> DiskStore:
        self.clocks.monotonic = NOW
        return self.disk

    def failing(self) -> DiskStore:
        self.path = self.path / "no" / "such" / "folder"
        return self.opened()


class RoundTrip(DiskCase):
    """What was written comes back."""

    def test_a_new_file_is_empty(self) -> None:
        self.assertEqual(self.disk.load(), [])

    @steady
    @given(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
            st.tuples(
                st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
                st.floats(0, 5000),
                st.sampled_from([200, 404]),
            ),
            max_size=5,
        )
    )
    def test_any_key_and_any_body_come_back(
        self, wanted: dict[str, tuple[str, float, int]]
    ) -> None:
        self.setUp()
        put = {
            key: response(
                key, {"t": text}, age=age, status=status, now=self.clocks.monotonic
            )
            for key, (text, age, status) in wanted.items()
        }
        self.disk.write(put.values(), [])
        found = self.loaded()
        self.assertEqual(found.keys(), put.keys())
        for key, one in found.items():
            self.assertAlmostEqual(one.stored_at, put[key].stored_at, places=3)
            self.assertEqual(replace(one, stored_at=put[key].stored_at), put[key])
        self.disk.close()

    def test_the_newest_come_first(self) -> None:
        for key in KEYS:
            self.put(key)
            self.clocks.pass_by(1.0)
        self.disk.close()
        found = [each.key for each in self.opened().load()]
        self.assertEqual(found, KEYS[::-1])

    def test_of_more_than_the_most_the_oldest_go_every_ten_minutes(self) -> None:
        self.disk = self.opened(most_entries=5)
        for key in KEYS:
            self.put(key)
            self.clocks.pass_by(1.0)
        self.clocks.pass_by(TIDY_EVERY - len(KEYS) - 1)
        self.put(KEYS[-1])
        self.assertEqual(self.rows(), len(KEYS))
        self.clocks.pass_by(1.0)
        self.put(KEYS[-1])
        self.assertEqual(self.rows(), 5)
        self.assertEqual(self.loaded().keys(), set(KEYS[3:]))

    def test_they_go_at_a_start(self) -> None:
        self.put(*KEYS)
        self.opened(most_entries=5).load()
        self.assertEqual(self.rows(), 5)

    def test_what_is_too_old_is_found_without_reading_every_record(self) -> None:
        self.put(*KEYS)
        with closing(sqlite3.connect(self.path)) as other:
            plan = other.execute(
                "EXPLAIN QUERY PLAN DELETE FROM responses WHERE stored_at < 1"
            ).fetchall()
        self.assertIn("INDEX by_age", str(plan))

    def test_what_was_written_is_there_without_a_close(self) -> None:
        """As after kill -9: another process opens the file as it stands."""
        self.put(*KEYS)
        self.assertEqual(len(self.opened().load()), len(KEYS))

    def test_a_batch_that_fails_leaves_what_was_there(self) -> None:
        self.put(*KEYS[:2])
        broken = replace(response("/movie/9"), gzipped=5)  # type: ignore[arg-type]
        self.assertRaises(
            TypeError, self.disk.write, [response("/movie/8"), broken], KEYS[:2]
        )
        self.assertEqual(self.loaded().keys(), set(KEYS[:2]))

    def test_what_was_read_in_one_thread_is_written_in_another(self) -> None:
        """The start reads it in the reactor's, and then it has a thread of its own."""
        self.disk.load()
        thread = threading.Thread(target=self.put, args=KEYS)
        thread.start()
        thread.join()
        self.assertEqual(self.loaded().keys(), set(KEYS))

    def test_a_start_that_finds_all_in_order_writes_nothing(self) -> None:
        self.put(*KEYS)
        with closing(sqlite3.connect(self.path)) as other:
            # changes with what another connection has written (sqlite.org/pragma)
            before = other.execute("PRAGMA data_version").fetchone()
            self.assertEqual(len(self.disk.load()), len(KEYS))
            self.assertEqual(other.execute("PRAGMA data_version").fetchone(), before)
            self.put(KEYS[0])
            self.assertNotEqual(other.execute("PRAGMA data_version").fetchone(), before)

    def test_there_is_no_pickle_in_it(self) -> None:
        self.put("/movie/1")
        self.disk.close()
        with closing(sqlite3.connect(self.path)) as database:
            ((head,),) = database.execute("SELECT head FROM responses").fetchall()
        self.assertEqual(json.loads(head)["path"], "/movie/1")
        source = Path(__file__).parents[2] / "streamr"
        users = [
            each.name
            for each in source.rglob("*.py")
            if any(w in each.read_text() for w in ("import pickle", "import marshal"))
        ]
        self.assertEqual(users, [])


class Form(DiskCase):
    """What the file looks like to others, and how long we wait for them."""

    def asked(self, question: str) -> Any:
        with closing(sqlite3.connect(self.path)) as other:
            return other.execute(question).fetchone()

    def test_its_version_is_1_as_long_as_a_record_has_this_shape(self) -> None:
        """Files of another version are set aside: raised without need, it costs every
        user the cache."""
        self.put("/movie/1")
        columns = self.asked(
            "SELECT group_concat(name || ' ' || type, ', ') "
            "FROM pragma_table_info('responses')"
        )
        shape = (
            "key TEXT, head TEXT, gzipped BLOB, checksum BLOB, stored_at REAL",
            1,
        )
        self.assertEqual((*columns, *self.asked("PRAGMA user_version")), shape)

    def test_it_has_a_write_ahead_log(self) -> None:
        """It survives kill -9 whole, and needs no sync for each transaction."""
        self.put("/movie/1")
        self.assertEqual(self.asked("PRAGMA journal_mode"), ("wal",))

    def test_a_transaction_is_not_synced_and_waits_two_seconds_for_a_lock(self) -> None:
        # what only the connection itself can tell
        database = self.disk._open()
        for question, answer in (
            ("synchronous", 1),  # NORMAL
            ("busy_timeout", 2000),  # milliseconds
        ):
            found = database.execute(f"PRAGMA {question}").fetchone()
            self.assertEqual(found, (answer,), question)


class Unsound(DiskCase):
    """Torn, flipped, foreign: found, set aside, never fatal."""

    def test_a_flipped_byte_in_any_field_drops_that_record_alone(self) -> None:
        for statement in (
            "UPDATE responses SET gzipped = zeroblob(length(gzipped)) WHERE key = ?",
            "UPDATE responses SET head = replace(head, '200', '404') WHERE key = ?",
            "UPDATE responses SET checksum = zeroblob(16) WHERE key = ?",
            "UPDATE responses SET stored_at = stored_at + 1 WHERE key = ?",
            "UPDATE responses SET key = '/movie/999' WHERE key = ?",
            "UPDATE responses SET gzipped = 'text' WHERE key = ?",
            "UPDATE responses SET head = x'00ff' WHERE key = ?",
            "UPDATE responses SET stored_at = 'soon' WHERE key = ?",
        ):
            self.put(*KEYS)
            self.change(statement, "/movie/3")
            self.assertEqual(self.loaded().keys(), set(KEYS) - {"/movie/3"}, statement)
            self.disk.write([], ["/movie/999"])

    def test_a_flipped_byte_in_the_file_never_gives_a_wrong_record(self) -> None:
        self.put(*KEYS)
        good = self.loaded()
        self.disk.close()
        whole = self.path.read_bytes()
        for place in range(100, len(whole), 211):
            flipped = bytearray(whole)
            flipped[place] ^= 0x55
            self.path.write_bytes(bytes(flipped))
            for key, found in self.loaded().items():
                self.assertEqual(found.body, good[key].body, place)
            self.disk.close()
            for file in self.path.parent.glob(f"{self.path.name}*"):
                file.unlink()

    def test_a_torn_file_is_set_aside_and_begun_again(self) -> None:
        for part in (0.3, 0.5, 0.9):
            self.put(*KEYS)
            self.disk.close()
            whole = self.path.read_bytes()
            self.path.write_bytes(whole[: int(len(whole) * part)])
            found = self.loaded()
            self.assertLessEqual(found.keys(), set(KEYS))
            self.put("/movie/50")
            self.assertIn("/movie/50", self.loaded())

    def test_garbage_is_set_aside_under_another_name_and_kept_there(self) -> None:
        garbage = b"this is no database at all" * 100
        self.path.write_bytes(garbage)
        self.assertEqual(self.disk.load(), [])
        (name,) = self.aside()
        self.assertEqual((self.path.parent / name).read_bytes(), garbage)
        self.put("/movie/1")
        self.assertIn("/movie/1", self.loaded())

    def test_what_is_set_aside_is_told_with_the_reason(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.put("/movie/1")
        self.loaded()
        self.assertEqual(events, [])
        self.disk.close()
        self.path.write_bytes(b"garbage" * 1000)
        self.loaded()
        (event,) = events
        self.assertEqual(event["code"], "cache-set-aside")
        told = eventAsText(event)
        for word in (f"{self.path} cannot", "not a database", f"{self.path}.unsound"):
            self.assertIn(word, told)

    def test_a_second_unsound_file_does_not_stop_it_either(self) -> None:
        for _ in range(2):
            self.disk.close()
            self.path.write_bytes(b"garbage" * 1000)
            self.disk = self.opened()
            self.assertEqual(self.disk.load(), [])
            self.put("/movie/1")

    def test_another_schema_version_is_set_aside(self) -> None:
        for version in (SCHEMA_VERSION + 1, SCHEMA_VERSION - 1, 77):
            self.put("/movie/1")
            self.disk.close()
            with closing(sqlite3.connect(self.path)) as database:
                database.execute(f"PRAGMA user_version = {version}")
            self.assertEqual(self.loaded(), {}, version)
            self.assertTrue(self.aside(), version)

    def test_a_database_of_someone_else_is_set_aside(self) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("CREATE TABLE theirs (a)")
        self.assertEqual(self.disk.load(), [])
        self.assertTrue(self.aside())

    def test_a_table_of_another_shape_under_our_version_is_set_aside(self) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("CREATE TABLE responses (key)")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self.assertEqual(self.disk.load(), [])
        self.assertTrue(self.aside())
        self.put("/movie/1")
        self.assertIn("/movie/1", self.loaded())

    def test_a_file_that_fails_sqlites_own_check_is_set_aside(self) -> None:
        self.put(*KEYS)
        self.disk.close()
        whole = bytearray(self.path.read_bytes())
        whole[36:40] = (7).to_bytes(4)  # free pages (sqlite.org/fileformat, 1.3.8)
        self.path.write_bytes(bytes(whole))
        self.assertEqual(self.loaded(), {})
        self.assertTrue(self.aside())

    def test_a_file_that_was_refused_is_let_go(self) -> None:
        """Its last connection takes the log away, and would take that of the next."""
        self.put("/movie/1")
        self.disk.close()
        with closing(sqlite3.connect(self.path)) as database:
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        try:
            self.put("/movie/2")
        except sqlite3.DatabaseError as error:
            self.assertIsNotNone(error.__traceback__)  # holds what was not closed
            log = self.path.with_name(f"{self.path.name}-wal")
            self.assertFalse(log.exists())
        else:
            self.fail("written into a file of another version")

    def test_an_error_of_access_says_nothing_of_the_file(self) -> None:
        class Refused(DiskStore):
            """SQLite cannot get at the file."""

            code = 0

            def _open(self) -> sqlite3.Connection:
                error = sqlite3.OperationalError("no access")
                error.sqlite_errorcode = self.code
                raise error

        self.put(*KEYS)
        self.disk.close()
        disk = Refused(self.path, 100, lambda: 0.0, lambda: 0.0)
        for code in (
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_PROTOCOL,
        ):
            for extended in (0, 1 << 8):
                disk.code = code | extended
                self.assertRaises(sqlite3.OperationalError, disk.load)
                self.assertEqual(self.aside(), [], code)
        self.assertEqual(self.loaded().keys(), set(KEYS))

    def test_a_sound_file_that_is_busy_is_not_set_aside(self) -> None:
        """A backup or another daemon holds it for a while: it is sound all the same."""
        self.put(*KEYS)
        self.disk.close()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            busy = self.opened()
            with contextlib.suppress(sqlite3.Error):  # it may well say that it cannot
                busy.load()
            busy.close()
            other.execute("ROLLBACK")
        self.assertEqual(self.aside(), [])
        self.assertEqual(self.loaded().keys(), set(KEYS))

    def test_one_that_cannot_be_set_aside_is_a_failure_that_it_names(self) -> None:
        self.path.write_bytes(b"garbage" * 1000)
        taken = self.path.with_name(f"{self.path.name}.unsound")
        taken.mkdir()
        error = self.assertRaises(self.disk.failures, self.disk.load)
        self.assertIsInstance(error, OSError)


class Clockwork(DiskCase):
    """On disk stands the wall clock, in memory the monotonic one."""

    def put_and_restart(self, seconds: float) -> StoredResponse | None:
        """A record of now, seen by a process that starts so much later."""
        self.put("/movie/1")
        self.clocks.restart(seconds)
        return self.loaded().get("/movie/1")

    def test_after_a_restart_it_is_as_old_as_the_wall_clock_says(self) -> None:
        found = self.put_and_restart(1000.0)
        assert found is not None
        self.assertAlmostEqual(self.clocks.monotonic - found.stored_at, 1000.0, 3)
        self.assertIs(state(found, self.clocks.monotonic), State.FRESH)
        self.assertIs(state(found, self.clocks.monotonic + 2601), State.REVALIDATE)

    def test_the_age_it_came_with_counts_after_a_restart_too(self) -> None:
        self.put("/movie/1", age=500.0)
        self.clocks.restart(100.0)
        found = self.loaded()["/movie/1"]
        self.assertAlmostEqual(self.clocks.monotonic - found.stored_at, 600.0, 3)

    def test_a_wall_clock_that_jumps_while_it_runs_changes_no_age_in_memory(
        self,
    ) -> None:
        for jump in (-DAY, DAY, -HOUR, HOUR):
            self.put("/movie/1")
            self.clocks.wall += jump
            self.put("/movie/2")
            found = self.opened().load()
            two = next(each for each in found if each.key == "/movie/2")
            self.assertAlmostEqual(two.stored_at, self.clocks.monotonic, 3)

    def test_a_restart_after_a_jump_serves_all_it_had(self) -> None:
        """± 1 h and ± 1 day: no mass expiry, and nothing that is fresh for ever."""
        for jump in (-DAY, -HOUR, HOUR, DAY):
            self.setUp()
            self.put(*KEYS)
            self.clocks.restart(jump)
            found = self.loaded()
            self.assertEqual(found.keys(), set(KEYS), jump)
            now = self.clocks.monotonic
            for one in found.values():
                self.assertIsNot(state(one, now), State.GONE, jump)
                self.assertIsNot(state(one, now + 3601), State.FRESH, jump)
                self.assertIs(state(one, now + 40 * DAY), State.GONE, jump)

    def test_a_record_from_the_future_is_to_be_renewed(self) -> None:
        for ahead in (1.0, DAY, 3650 * DAY):
            self.setUp()
            found = self.put_and_restart(-ahead)
            assert found is not None
            self.assertIs(state(found, self.clocks.monotonic), State.REVALIDATE)

    def test_a_record_from_the_future_is_not_kept_over_all_restarts(self) -> None:
        """Written under a clock that was ten years ahead; a restart every week."""
        self.put("/movie/1")
        self.clocks.restart(-3650 * DAY)
        for _week in range(27):
            self.loaded()
            self.clocks.restart(7 * DAY)
        self.assertEqual(self.loaded(), {})

    def test_records_from_the_future_do_not_push_out_those_of_today(self) -> None:
        self.disk = self.opened(most_entries=4)
        self.put(*KEYS[:4])
        self.clocks.restart(-30 * DAY)
        for key in KEYS[4:]:
            self.put(key)
            self.clocks.pass_by(1.0)
        self.assertLessEqual(set(KEYS[4:]), self.loaded().keys())

    def test_nothing_is_served_from_disk_after_180_days(self) -> None:
        self.put("/movie/1")
        self.clocks.restart(180 * DAY - 1)
        self.assertIn("/movie/1", self.loaded())
        self.clocks.restart(1.0)
        self.assertEqual(self.loaded(), {})

    def test_nothing_is_kept_on_disk_beyond_180_days(self) -> None:
        """TMDB's terms speak of keeping, not of serving."""
        self.put("/movie/1")
        self.clocks.restart(181 * DAY)
        self.loaded()
        self.disk.close()
        self.assertEqual(self.rows(), 0)
