"""The ClientHello reader against hellos that real OpenSSL made."""

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.faults.client_hello import NotTls, read_hello

NAME = "api.themoviedb.org"


def hello_bytes(context: SSL.Context, name: str | None = NAME) -> bytes:
    """What a client sends first."""
    connection = SSL.Connection(context, None)
    if name is not None:
        connection.set_tlsext_host_name(name.encode())
    connection.set_connect_state()
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return connection.bio_read(65536)
    raise AssertionError("the handshake cannot end without an answer")


def modern() -> SSL.Context:
    """The library's own settings."""
    return SSL.Context(SSL.TLS_CLIENT_METHOD)


def small() -> SSL.Context:
    """One classic group: no post-quantum key share."""
    context = modern()
    context.set_tmp_ecdh(ec.SECP256R1())
    return context


def old() -> SSL.Context:
    """TLS 1.2 only."""
    context = modern()
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    return context


class ReadHello(SynchronousTestCase):
    """Size, name and version."""

    def test_the_size_is_that_of_all_bytes_of_the_record(self):
        for make in (modern, small, old):
            data = hello_bytes(make())
            self.assertEqual(read_hello(data).size, len(data))

    def test_what_follows_the_hello_is_not_counted(self):
        data = hello_bytes(small())
        self.assertEqual(read_hello(data + b"\x17\x03\x03\0\1x").size, len(data))

    def test_the_default_hello_of_today_is_big_and_a_classic_one_is_not(self):
        self.assertTrue(read_hello(hello_bytes(modern())).big)
        self.assertFalse(read_hello(hello_bytes(small())).big)

    def test_the_name_asked_for(self):
        self.assertEqual(read_hello(hello_bytes(modern())).server_name, NAME)
        self.assertIsNone(read_hello(hello_bytes(modern(), None)).server_name)

    def test_whether_tls_13_is_offered(self):
        self.assertTrue(read_hello(hello_bytes(modern())).tls13)
        self.assertFalse(read_hello(hello_bytes(old())).tls13)

    def test_a_hello_in_pieces_is_unfinished_until_the_last_byte(self):
        data = hello_bytes(modern())
        for cut in (0, 1, 4, 5, 6, 100, len(data) - 1):
            self.assertIsNone(read_hello(data[:cut]), cut)

    def test_a_hello_over_two_records_counts_both_heads(self):
        data = hello_bytes(modern())
        message, half = data[5:], 700
        split = b"".join(
            b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
            for part in (message[:half], message[half:])
        )
        self.assertIsNone(read_hello(split[: half + 5]))
        hello = read_hello(split)
        self.assertEqual((hello.size, hello.server_name), (len(data) + 5, NAME))

    def test_other_protocols_are_not_tls(self):
        for data in (
            b"GET / HTTP/1.1\r\n",
            b"\x17\x03\x03\0\1x",
            b"\x16\x02\x00\0\1x",
            b"\x16\x03\x01\0\4\x02\0\0\0",
            b"\x16\x03\x01\0\4\x01\0\0\0",
            b"S",
        ):
            with self.assertRaises(NotTls):
                read_hello(data)
