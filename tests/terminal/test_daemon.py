"""What a command asks of the running daemon."""

import socket
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.config.state import SOCKET_NAME
from streamr.terminal.daemon import NoDaemon, ask


def answer(status: str, body: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


class Asking(SynchronousTestCase):
    """Over a real socket in a folder of the test."""

    def setUp(self) -> None:
        # a socket's path has 107 characters at most
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)

    def served(self, told: bytes) -> list[bytes]:
        """A daemon that gives one answer; what it was asked."""
        heard: list[bytes] = []
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.directory / SOCKET_NAME))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, listening, connection.makefile("rb") as reader:
                heard.append(reader.readline())
                while reader.readline().strip():
                    pass
                connection.sendall(told)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 5)
        return heard

    def test_it_asks_for_a_path_and_gives_the_answer(self) -> None:
        heard = self.served(answer("200 OK", '{"entries": 3}'))
        found = ask(self.directory, "/cache/purge", "POST", path="/movie/550")
        self.assertEqual(found, {"entries": 3})
        line = b"POST /cache/purge?path=%2Fmovie%2F550 HTTP/1.1\r\n"
        self.assertEqual(heard, [line])

    def test_what_the_daemon_refused_is_a_value_error_in_its_words(self) -> None:
        body = '{"status_message": "there is no freshness class x"}'
        self.served(answer("400 Bad Request", body))
        error = self.assertRaises(ValueError, ask, self.directory, "/cache/purge")
        self.assertEqual(str(error), "there is no freshness class x")

    def test_without_a_daemon_it_says_where_it_looked(self) -> None:
        error = self.assertRaises(NoDaemon, ask, self.directory, "/routes")
        self.assertIn(str(self.directory / SOCKET_NAME), str(error))

    def test_an_answer_that_is_none_counts_as_no_daemon(self) -> None:
        for told in (b"", b"garbage\n", answer("200 OK", '{"ok": ')):
            self.served(told)
            self.assertRaises(NoDaemon, ask, self.directory, "/routes")
            (self.directory / SOCKET_NAME).unlink()
