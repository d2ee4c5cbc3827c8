"""What a command asks of the running daemon."""

import json
import socket
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.config.state import SOCKET_NAME
from streamr.terminal.daemon import NoDaemon, ask


class Asking(SynchronousTestCase):
    """The command's side, over a real socket in a folder of the test."""

    def setUp(self) -> None:
        # a socket's path has 107 characters at most
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)

    def served(self, answer: bytes) -> list[bytes]:
        """A daemon that gives one answer; what it was asked."""
        heard: list[bytes] = []
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.directory / SOCKET_NAME))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, listening, connection.makefile("rb") as reader:
                heard.append(reader.readline())
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 5)
        return heard

    def test_it_asks_in_one_line_and_gives_the_answer(self) -> None:
        heard = self.served(b'{"ok": {"entries": 3}}\n')
        found = ask(self.directory, "cache purge", path="/movie/550")
        self.assertEqual(found, {"entries": 3})
        self.assertEqual(
            json.loads(heard[0]), {"command": "cache purge", "path": "/movie/550"}
        )

    def test_what_the_daemon_refused_is_a_value_error_in_its_words(self) -> None:
        self.served(b'{"error": "there is no class x"}\n')
        error = self.assertRaises(ValueError, ask, self.directory, "cache purge")
        self.assertEqual(str(error), "there is no class x")

    def test_without_a_daemon_it_says_where_it_looked(self) -> None:
        error = self.assertRaises(NoDaemon, ask, self.directory, "routes")
        self.assertIn(str(self.directory / SOCKET_NAME), str(error))

    def test_an_answer_that_is_none_counts_as_no_daemon(self) -> None:
        for answer in (b"", b"garbage\n", b'{"ok": '):
            self.served(answer)
            self.assertRaises(NoDaemon, ask, self.directory, "routes")
            (self.directory / SOCKET_NAME).unlink()
