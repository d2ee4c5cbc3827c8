"""The control socket: one line of JSON in, one line of JSON out."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.control import (
    ControlFactory,
    ControlProtocol,
)

steady = settings(deadline=None, database=None, derandomize=True, max_examples=200)


def refusing(_request: dict[str, Any]) -> Any:
    raise ValueError("say what to purge")


HANDLERS = {
    "echo": lambda request: request,
    "text": lambda _request: "zwei\nZeilen",
    "refuse": refusing,
}


class Protocol(SynchronousTestCase):
    """One connection, in memory."""

    def exchange(self, *pieces: bytes) -> StringTransport:
        protocol = ControlFactory(HANDLERS).buildProtocol(None)
        self.assertIsInstance(protocol, ControlProtocol)
        transport = StringTransport()
        protocol.makeConnection(transport)
        for piece in pieces:
            protocol.dataReceived(piece)
        return transport

    def answer(self, *pieces: bytes) -> Any:
        value = self.exchange(*pieces).value()
        self.assertEqual(value.count(b"\n"), 1)
        self.assertTrue(value.endswith(b"\n"))
        return json.loads(value)

    def test_a_command_is_answered_with_what_its_handler_says(self) -> None:
        asked = {"command": "echo", "path": "/movie/550"}
        self.assertEqual(self.answer(json.dumps(asked).encode() + b"\n"), {"ok": asked})

    def test_after_the_answer_the_connection_ends(self) -> None:
        transport = self.exchange(b'{"command": "text"}\n')
        self.assertTrue(transport.disconnecting)

    def test_an_answer_is_one_line_whatever_it_holds(self) -> None:
        self.assertEqual(self.answer(b'{"command": "text"}\n'), {"ok": "zwei\nZeilen"})

    def test_what_a_handler_refuses_is_said_in_its_words(self) -> None:
        self.assertEqual(
            self.answer(b'{"command": "refuse"}\n'), {"error": "say what to purge"}
        )

    def test_an_unknown_command_names_those_that_are_known(self) -> None:
        error = self.answer(b'{"command": "shutdown"}\n')["error"]
        for name in HANDLERS:
            self.assertIn(name, error)

    def test_a_line_may_come_in_pieces(self) -> None:
        self.assertEqual(
            self.answer(b'{"comm', b'and": "text"', b"}\n")["ok"][:4], "zwei"
        )

    def test_half_a_line_is_not_answered(self) -> None:
        self.assertEqual(self.exchange(b'{"command": "text"}').value(), b"")

    def test_a_second_command_on_a_connection_is_not_answered(self) -> None:
        self.answer(b'{"command": "text"}\n{"command": "text"}\n')

    def test_a_line_without_end_is_cut_off(self) -> None:
        transport = self.exchange(b"x" * 5000)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(transport.value(), b"")

    @steady
    @given(
        st.binary(max_size=60)
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["command", "x"]), inner, max_size=2)
            ),
            max_leaves=5,
        ).map(lambda value: json.dumps(value).encode())
    )
    @example(b'{"command": ["echo"]}')
    @example(b'{"command": {}}')
    @example(b'"echo"')
    def test_every_line_gets_one_line(self, line: bytes) -> None:
        answer = self.answer(line.replace(b"\n", b" ") + b"\n")
        self.assertIn(set(answer), ({"ok"}, {"error"}))

    def test_a_line_nested_too_deep_gets_its_line_too(self) -> None:
        self.assertIn("error", self.answer(b"[" * 4000 + b"\n"))
