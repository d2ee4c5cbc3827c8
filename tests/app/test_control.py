"""The control socket: HTTP, a path for each command, and nothing else."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.control import Command, ControlResource, remove_stale_socket
from streamr.config.state import SOCKET_NAME
from streamr.web.server.site import GatewaySite
from tests.properties import examples

steady = examples(200)


class Broken(Exception):
    """An error of our own."""


def refusing(_given: Mapping[str, str]) -> Any:
    raise ValueError("say what to purge")


def breaking(_given: Mapping[str, str]) -> Any:
    raise Broken("with something secret")


COMMANDS = (
    Command("/echo", lambda found: {"given": dict(found)}, takes=("path", "all")),
    Command("/text", lambda _given: "zwei\nZeilen"),
    Command("/refuse", refusing),
    Command("/broken", breaking),
    Command("/change", lambda _given: {"changed": True}, "POST"),
)


class Answers(SynchronousTestCase):
    """One connection, in memory."""

    def exchange(self, target: str, method: str = "GET") -> tuple[int, dict[str, str]]:
        """Status and body; more of the head in `self.head`."""
        site = GatewaySite(ControlResource(COMMANDS), Clock())
        site.startFactory()
        self.addCleanup(site.stopFactory)
        channel: Any = site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        line = f"{method} {target} HTTP/1.1\r\nHost: streamr\r\n\r\n"
        channel.dataReceived(line.encode("latin-1"))
        self.head, _, body = transport.value().decode().partition("\r\n\r\n")
        return int(self.head.split()[1]), json.loads(body) if body else {}

    def refused(self, target: str, method: str = "GET") -> tuple[int, str]:
        status, told = self.exchange(target, method)
        return status, told["status_message"]

    def test_a_command_is_answered_with_what_it_says(self) -> None:
        self.assertEqual((200, "zwei\nZeilen"), self.exchange("/text"))
        self.assertEqual(
            (200, {"given": {"path": "/movie/550"}}),
            self.exchange("/echo?path=%2Fmovie%2F550"),
        )

    def test_what_a_command_refuses_is_said_in_its_words(self) -> None:
        self.assertEqual((400, "say what to purge"), self.refused("/refuse"))

    def test_an_unknown_path_names_those_that_are_known(self) -> None:
        status, told = self.refused("/shutdown")
        self.assertEqual(404, status)
        for each in COMMANDS:
            self.assertIn(each.path, told)

    def test_an_unknown_parameter_is_refused_with_the_known_ones(self) -> None:
        status, told = self.refused("/echo?pth=/movie")
        self.assertEqual(400, status)
        self.assertEqual("invalid parameter 'pth'; allowed, once each: path, all", told)
        self.assertIn("each: none", self.refused("/text?x=1")[1])

    def test_a_parameter_twice_is_refused(self) -> None:
        self.assertIn("once each", self.refused("/echo?all=1&all=0")[1])

    def test_reading_changes_nothing(self) -> None:
        self.assertEqual(405, self.refused("/change")[0])
        self.assertIn("Allow: POST", self.head)
        self.assertEqual((200, {"changed": True}), self.exchange("/change", "POST"))
        self.assertEqual(405, self.refused("/text", "POST")[0])

    def test_an_error_of_our_own_tells_nothing_of_its_inside(self) -> None:
        status, told = self.refused("/broken")
        self.assertEqual(500, status)
        self.assertNotIn("secret", told)
        self.assertEqual(1, len(self.flushLoggedErrors(Broken)))

    @steady
    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
    @example("?")
    @example("echo?path=%ff")
    @example("echo?&&&=")
    def test_every_path_gets_an_answer_in_json(self, text: str) -> None:
        status, told = self.exchange(f"/{text}")
        self.assertIn(status, (200, 400, 404, 405, 500))
        self.assertTrue(told)
        self.flushLoggedErrors(Broken)


class Stale(SynchronousTestCase):
    """What may stand where the socket is to be."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)
        self.path = self.directory / SOCKET_NAME

    def bound(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        self.addCleanup(made.close)
        made.bind(str(self.path))
        return made

    def test_a_free_place_is_free(self) -> None:
        self.assertTrue(remove_stale_socket(self.path))

    def test_a_dead_daemons_socket_is_removed(self) -> None:
        self.bound().close()
        self.assertTrue(remove_stale_socket(self.path))
        self.assertFalse(self.path.exists())

    def test_a_living_daemons_socket_stays(self) -> None:
        self.bound().listen()
        self.assertFalse(remove_stale_socket(self.path))
        self.assertTrue(self.path.exists())

    def test_a_folder_or_a_file_of_that_name_is_an_error_and_stays(self) -> None:
        for make in (self.path.mkdir, self.path.touch):
            make()
            error = self.assertRaises(OSError, remove_stale_socket, self.path)
            self.assertEqual(
                error.strerror, "the name is taken by something that is not a socket"
            )
            self.assertTrue(self.path.exists())
            (self.path.rmdir if self.path.is_dir() else self.path.unlink)()

    def test_a_path_that_is_too_long_is_no_living_daemon(self) -> None:
        long = self.directory / ("x" * 120)
        error = self.assertRaises(OSError, remove_stale_socket, long / SOCKET_NAME)
        self.assertIn("too long", str(error))
