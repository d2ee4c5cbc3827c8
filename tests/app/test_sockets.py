"""Listening sockets, and one short line about a busy one."""

import errno
import os
import socket
import subprocess
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.app.sockets import CannotListen, adopt, holder, listen
from streamr.config.addresses import url_of

TWISTD_SHOWS = 90
LINUX = Path("/proc/net/tcp").exists()
LONG_V6 = "2001:db8:1111:2222:3333:4444:5555:6666"


def has_v6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def without_v6(family: int, kind: int) -> socket.socket:
    """A socket of a kernel that was started with ipv6.disable=1."""
    if family == socket.AF_INET6:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    return socket.socket(family, kind)


class Url(SynchronousTestCase):
    def test_a_server_is_reached_where_it_is_bound_or_on_loopback(self) -> None:
        for host, url in (
            ("127.0.0.1", "http://127.0.0.1:80"),
            ("0.0.0.0", "http://127.0.0.1:80"),
            ("::", "http://127.0.0.1:80"),
            ("2001:db8::1", "http://[2001:db8::1]:80"),
        ):
            self.assertEqual(url_of(host, 80), url)


class Listen(SynchronousTestCase):
    """A socket, or a sentence."""

    def listening(self, host: str = "127.0.0.1") -> socket.socket:
        found = listen(host, 0, "PORT")
        self.addCleanup(found.close)
        return found

    def problem(self, host: str, port: int, setting: str) -> str:
        with self.assertRaises(CannotListen) as caught:
            listen(host, port, setting).close()
        return str(caught.exception)

    def test_a_socket_listens_and_does_not_block(self):
        found = self.listening()
        self.assertFalse(found.getblocking())
        with closing(
            socket.create_connection(found.getsockname(), timeout=5)
        ) as caller:
            self.assertEqual(caller.getpeername(), found.getsockname())

    def test_every_address_is_of_both_families(self):
        found = self.listening("::")
        for host in ("127.0.0.1", "::1") if has_v6() else ("127.0.0.1",):
            port = found.getsockname()[1]
            socket.create_connection((host, port), timeout=5).close()

    def test_where_the_kernel_has_no_ipv6_every_address_is_of_the_other_family(self):
        found = listen("::", 0, "PORT", without_v6)
        self.addCleanup(found.close)
        self.assertEqual("0.0.0.0", found.getsockname()[0])
        socket.create_connection(("127.0.0.1", found.getsockname()[1]), 5).close()

    def test_no_other_address_of_ipv6_is_widened(self):
        for host in ("::1", "2001:db8::1"):
            with self.assertRaises(CannotListen) as caught:
                listen(host, 0, "PORT", without_v6)
            self.assertIn("change HOST", str(caught.exception))

    def test_one_that_was_passed_on_is_like_one_of_our_own(self):
        passed = socket.dup(self.listening().fileno())
        os.set_inheritable(passed, True)
        adopted = adopt(passed)
        self.addCleanup(adopted.close)
        self.assertEqual(adopted.fileno(), passed)
        self.assertFalse(adopted.getblocking())
        self.assertFalse(adopted.get_inheritable())

    def test_a_port_can_be_had_again_at_once(self):
        found = self.listening()
        where = found.getsockname()
        with closing(socket.create_connection(where, timeout=5)):
            found.setblocking(True)
            accepted, _ = found.accept()
            accepted.close()  # our side closes first, so the port is in TIME_WAIT
            found.close()
        listen(where[0], where[1], "PORT").close()

    def test_a_busy_port_is_named_with_its_holder_and_the_setting(self):
        port = self.listening().getsockname()[1]
        for setting in ("PORT", "PROXY_PORT"):
            problem = self.problem("127.0.0.1", port, setting)
            self.assertIn(f"port {port} is in use", problem)
            self.assertTrue(problem.endswith(f"with {setting}"), problem)
            if LINUX:
                self.assertIn(f"(pid {os.getpid()})", problem)

    def test_apps_come_to_one_port_of_the_door_so_another_address_helps(self):
        port = self.listening().getsockname()[1]
        problem = self.problem("127.0.0.1", port, "DOOR_PORT")
        self.assertIn(f"port {port} is in use", problem)
        self.assertTrue(problem.endswith("choose another DOOR_HOST"), problem)

    def test_the_longest_holder_still_fits_what_twistd_shows(self):
        port = self.listening().getsockname()[1]
        problem = self.problem("127.0.0.1", port, "PROXY_PORT")
        # Linux cuts a name at 15 characters; 4194304 is its largest process id
        who = holder(port) or ""
        longest = len("fifteen-letters (pid 4194304)") - len(who)
        self.assertLessEqual(len(problem) + longest, TWISTD_SHOWS)

    def test_an_address_of_another_machine_points_at_the_host_setting(self):
        for setting, host_setting in (("PORT", "HOST"), ("PROXY_PORT", "PROXY_HOST")):
            problem = self.problem("192.0.2.1", 0, setting)
            self.assertIn("192.0.2.1", problem)
            self.assertTrue(problem.endswith(f"change {host_setting}"), problem)
            self.assertLessEqual(len(problem), TWISTD_SHOWS)

    def test_the_longest_address_still_fits_what_twistd_shows(self):
        problem = self.problem(LONG_V6, 0, "PROXY_PORT")
        self.assertLessEqual(len(problem), TWISTD_SHOWS, problem)

    def test_every_problem_is_one_line(self):
        port = self.listening().getsockname()[1]
        for host, number in (("127.0.0.1", port), ("192.0.2.1", 0)):
            self.assertEqual(len(self.problem(host, number, "PORT").splitlines()), 1)

    def test_the_unspecified_v6_address_takes_v4_callers_too(self):
        found = self.listening("::")
        port = found.getsockname()[1]
        with closing(
            socket.create_connection(("127.0.0.1", port), timeout=5)
        ) as caller:
            self.assertEqual(caller.getpeername()[1], port)

    if not has_v6():
        test_the_longest_address_still_fits_what_twistd_shows.skip = "no IPv6 here"
        test_the_unspecified_v6_address_takes_v4_callers_too.skip = "no IPv6 here"


class Holder(SynchronousTestCase):
    """Who has a port."""

    def test_it_finds_this_process(self):
        with closing(listen("127.0.0.1", 0, "PORT")) as found:
            who = holder(found.getsockname()[1])
        name = Path("/proc/self/comm").read_text().strip()
        self.assertEqual(who, f"{name} (pid {os.getpid()})")

    def test_nobody_holds_a_port_that_is_free(self):
        with closing(listen("127.0.0.1", 0, "PORT")) as found:
            port = found.getsockname()[1]
        self.assertIsNone(holder(port))

    def test_it_finds_another_process(self):
        with closing(listen("127.0.0.1", 0, "PORT")) as found:
            port = found.getsockname()[1]
            child = subprocess.Popen(
                ["cat"], stdin=subprocess.PIPE, pass_fds=[found.fileno()]
            )
        with child:
            who, other = holder(port), holder(port + 1)
        self.assertEqual(who, f"cat (pid {child.pid})")
        self.assertNotEqual(other, who)

    def test_the_port_of_a_caller_has_no_holder(self):
        with (
            closing(listen("127.0.0.1", 0, "PORT")) as found,
            closing(socket.create_connection(found.getsockname(), timeout=5)) as caller,
        ):
            self.assertIsNone(holder(caller.getsockname()[1]))

    if not LINUX:
        test_it_finds_this_process.skip = "only Linux tells"
        test_it_finds_another_process.skip = "only Linux tells"
