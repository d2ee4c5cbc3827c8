"""Readers of single settings: what they accept, and what they say of the rest."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.config import values
from streamr.net.networks import is_loopback
from streamr.tmdb.hosts import OFFICIAL_HOSTS
from tests.properties import examples

steady = examples()
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"
KEY = "0123456789abcdefABCDEF0123456789"
NOBODY = 65534

PIN = "sha256//" + "x" * 43 + "="


class Readers(SynchronousTestCase):
    """Helpers for all of them."""

    def reads(self, read: Callable[[str], Any], pairs: dict[str, Any]) -> None:
        for text, value in pairs.items():
            self.assertEqual(read(text), value, text)

    def refuses(self, read: Callable[[str], Any], *texts: str) -> None:
        for text in texts:
            self.assertRaises(ValueError, read, text)


class Secrets(Readers):
    """Keys and tokens."""

    def test_a_key_is_32_hexadecimal_digits_or_a_pasted_token(self):
        self.reads(values.key, {KEY: KEY, JWT: JWT, "": None})
        self.refuses(values.key, KEY[:-1], KEY + "0", "g" * 32, f"{KEY}\n", "eyJ")

    def test_a_token_has_three_parts(self):
        self.reads(values.token, {JWT: JWT, "": None})
        self.refuses(values.token, KEY, "eyJa.b", "eyJa.b.c.d", "eyJa.b.", "eyJa.b.c d")

    def test_what_is_wrong_with_a_secret_never_shows_it(self):
        for read, said in ((values.key, "not a TMDB key"), (values.token, "token")):
            with self.assertRaises(ValueError) as caught:
                read("secret")
            self.assertIn(said, str(caught.exception))
        for read in (values.key, values.token, values.shared_token):
            for text in ("eyJ secret", "short-secret", "se cret" * 5):
                with self.assertRaises(ValueError) as caught:
                    read(text)
                self.assertNotIn("cret", str(caught.exception))

    def test_a_shared_token_is_long_and_without_spaces(self):
        self.reads(values.shared_token, {"": None, "x" * 16: "x" * 16})
        self.reads(values.shared_token, {"!" * 200: "!" * 200})
        self.refuses(values.shared_token, "x" * 15, "x" * 201, "x" * 16 + " ", "é" * 16)


class Simple(Readers):
    """Numbers, words and addresses."""

    def test_ports(self):
        self.reads(values.port, {"0": 0, "3001": 3001, "65535": 65535})
        self.refuses(values.port, "65536", "-1", "", "80x", "1e3", "²", "8 0")

    @steady
    @given(st.text(max_size=8) | st.integers().map(str))
    def test_a_port_that_is_read_is_a_port(self, text):
        with contextlib.suppress(ValueError):
            self.assertIn(values.port(text), range(65536))

    def test_addresses(self):
        self.reads(
            values.address,
            {
                "127.0.0.1": "127.0.0.1",
                "localhost": "127.0.0.1",
                "0.0.0.0": "0.0.0.0",
                "[::1]": "::1",
                "0:0:0:0:0:0:0:1": "::1",
            },
        )
        self.refuses(
            values.address, "", "example.org", "127.0.0.1:80", "127.1", "1.2.3.4.5"
        )

    def test_an_address_is_one_machines_and_needs_no_interface(self):
        for text, said in (
            ("224.0.0.1", "multicast or broadcast address"),
            ("ff02::1", "multicast or broadcast address"),
            ("255.255.255.255", "multicast or broadcast address"),
            ("fe80::1", "without the name of an interface"),
            ("fe80::1%eth0", "without the name of an interface"),
        ):
            url = f"http://[{text}]" if ":" in text else f"http://{text}"
            for read, given_text in (
                (values.address, text),
                (values.proxy_url, url.replace("%", "%25")),
                (values.pins, f"a=[{text}]" if ":" in text else f"a={text}"),
            ):
                with self.assertRaises(ValueError, msg=given_text) as caught:
                    read(given_text)
                self.assertIn(said, str(caught.exception), given_text)

    def test_a_choice_ignores_case_and_nothing_else(self):
        read = values.choice("auto", "ipv4")
        self.reads(read, {"auto": "auto", "IPv4": "ipv4"})
        self.refuses(read, "ipv6", "", "auto ")

    def test_seconds_stay_within_bounds(self):
        read = values.seconds(0.5, 60)
        self.reads(read, {"0.5": 0.5, "8": 8.0, "60": 60.0})
        self.refuses(read, "0.4", "60.1", "-1", "", "nan", "inf", "8s", "1e1", ".5")

    def test_numbers_stay_within_bounds(self):
        read = values.number(1, 1000)
        self.reads(read, {"1": 1, "2": 2, "1000": 1000, "007": 7})
        self.refuses(read, "0", "1001", "-1", "", "1.0", "1e2", " 1", "1\n", "²")
        huge = values.number(0, 10**10)
        self.reads(huge, {"0": 0, "999999999": 999_999_999})
        self.refuses(huge, "1000000000")

    def test_a_word_has_forty_characters_at_most(self):
        self.reads(values.word, {"x": "x", "x" * 40: "x" * 40})

    def test_the_name_that_was_meant_is_the_nearest(self):
        known = ("STREAMR_PORT", "STREAMR_PROXY_PORT", "TMDB_API_KEY")
        for wanted, meant in (
            ("STREAMR_PROT", "STREAMR_PORT"),
            ("TMDB_APIKEY", "TMDB_API_KEY"),
            ("HOME", None),
            ("", None),
        ):
            self.assertEqual(values.closest(wanted, known), meant, wanted)
        self.assertIsNone(values.closest("STREAMR_PORT", ()))

    def test_a_path_to_keep_warm_is_one_of_tmdbs_or_none(self):
        self.reads(
            values.tmdb_path,
            {
                "none": "",
                "/movie/popular": "/movie/popular",
                "/3/movie/popular": "/movie/popular",
                "/discover/tv?page=2&with_genres=1|2": (
                    "/discover/tv?page=2&with_genres=1|2"
                ),
            },
        )
        self.refuses(
            *(values.tmdb_path, "", "/", "movie", "/Movie", "/a b", "/a\n", "/é"),
            *("NONE", "/3", "/3/", "/3movie", "/3/3/movie"),
        )

    def test_lists_lose_empty_entries_and_repetitions(self):
        read = values.listed(values.port)
        self.reads(read, {"": (), " , ": (), "2, 1,,2 ,": (2, 1)})
        self.refuses(read, "1,x")

    def test_words(self):
        self.reads(values.word, {"production": "production", "a_B-1": "a_B-1"})
        self.refuses(values.word, "", "a b", "x" * 41, 'a"', "é", "a\n")


class Switches(Readers):
    """What is on or off, and what may be left out."""

    def test_a_switch_is_one_or_nought(self):
        self.reads(values.switch, {"1": True, "0": False})
        self.refuses(values.switch, "", "2", "01", "yes", "true", "on", " 1")

    def test_what_is_optional_may_be_empty_and_nothing_else(self):
        read = values.optional(values.number(0, 9))
        self.reads(read, {"": None, "0": 0, "9": 9})
        self.refuses(read, "10", "x", " ")

    def test_a_size_is_one_of_tmdbs_form(self):
        self.reads(values.image_size, {"w342": "w342", "original": "original"})
        for text in ("", "342", "w0", "w342/..", "huge"):
            with self.assertRaises(ValueError) as caught:
                values.image_size(text)
            self.assertIn(repr(text), str(caught.exception))


class Urls(Readers):
    """Where requests go."""

    def test_the_key_goes_to_the_official_hosts_and_to_loopback(self):
        for url in (
            "https://api.themoviedb.org/3",
            "https://api.tmdb.org/3",
            "https://API.TMDB.ORG:443/3",
            "https://127.0.0.1:8443/3",
            "https://localhost:8443/3",
            "http://127.0.0.1:8080/3",
            "http://[::1]:8080/3",
            "http://localhost/3",
        ):
            self.reads(values.tmdb_url, {url: url})

    def test_the_key_goes_nowhere_else(self):
        self.refuses(
            values.tmdb_url,
            "https://example.org/3",
            "https://api.themoviedb.org.evil.example/3",
            "https://evil-api.tmdb.org/3",
            "https://api.themoviedb.org@evil.example/3",
            "https://api.themoviedb.org\\@evil.example/3",
            "https://10.0.0.1/3",
            "https://127.0.0.1.nip.io/3",
            "https://tmdb.org/3",
            "https://api.tmdb.org./3",
            "https://localhost.evil.example/3",
        )

    def test_the_refusal_names_the_host(self):
        with self.assertRaises(ValueError) as caught:
            values.tmdb_url("https://example.org/3")
        self.assertIn("example.org", str(caught.exception))

    def test_plain_http_to_tmdb_is_refused(self):
        self.refuses(
            values.tmdb_url, "http://api.themoviedb.org/3", "http://api.tmdb.org/3"
        )

    def test_pictures_are_asked_of_their_host_and_of_loopback(self):
        for url in (
            "https://image.tmdb.org",
            "https://IMAGE.TMDB.ORG:443",
            "https://127.0.0.1:8443",
            "http://localhost:8080",
            "http://[::1]:8080",
        ):
            self.reads(values.image_url, {url: url, f"{url}/": url})

    def test_pictures_are_asked_of_nobody_else(self):
        for url, said in (
            ("https://api.tmdb.org", "api.tmdb.org is not TMDB's picture host"),
            ("https://images.example.org", "images.example.org"),
            ("https://image.tmdb.org.evil.example", "evil.example"),
            ("https://10.0.0.1", "10.0.0.1"),
            ("http://image.tmdb.org", "plain http"),
            ("https://image.tmdb.org/t/p", "/t/p is put behind it"),
            ("http://localhost/x/", "/t/p is put behind it"),
        ):
            with self.assertRaises(ValueError) as caught:
                values.image_url(url)
            self.assertIn(said, str(caught.exception), url)
        self.refuses(values.image_url, "https://image.tmdb.org.")

    def test_what_is_no_base_url(self):
        for read in (values.tmdb_url, values.image_url, values.proxy_url):
            self.refuses(
                read,
                "",
                "127.0.0.1:5001",
                "ftp://127.0.0.1",
                "http://",
                "http:///3",
                "http://user@127.0.0.1",
                "http://user:pw@127.0.0.1",
                "http://127.0.0.1/?x=1",
                "http://127.0.0.1/#x",
                "http://127.0.0.1:0",
                "http://127.0.0.1:65536",
                "http://127.0.0.1:x",
                "http://a..b",
                "http://a b",
                "http://a%2eb",
                # letters that only look like some of ASCII
                "http://\u017ftreamr.local",
                "http://proxy.\u017flan.lan",
            )

    def test_a_url_cannot_end_in_an_empty_query_or_fragment(self):
        """A path is put behind it: `…/3?` + `/movie/550` would ask for `/3`."""
        for read in (values.tmdb_url, values.image_url, values.proxy_url):
            self.refuses(read, "http://127.0.0.1?", "http://127.0.0.1#")
        for read in (values.tmdb_url, values.proxy_url):
            self.refuses(read, "http://127.0.0.1/3?", "http://127.0.0.1/3#")

    def test_a_url_holds_no_white_space(self):
        self.refuses(values.tmdb_url, "https://api.\tthemoviedb.org/3")
        self.refuses(values.proxy_url, "http://127.0.0.1/\n", "http://127.0.0.1/a b")

    def test_a_slash_at_the_end_is_taken_off(self):
        self.reads(values.tmdb_url, {"http://localhost/3/": "http://localhost/3"})
        self.reads(values.proxy_url, {"http://proxy:5001//": "http://proxy:5001"})

    def test_a_proxy_is_anywhere_over_https_and_near_over_http(self):
        for url in (
            "https://proxy.example.org",
            "https://203.0.113.9:8443/streamr",
            "http://127.0.0.1:5001",
            "http://10.1.2.3:5001",
            "http://192.168.1.2",
            "http://172.16.0.9",
            "http://100.64.0.9:5001",
            "http://169.254.1.1:5001",
            "http://[fd00::1]:5001",
            "http://proxy.internal:5001",
            "http://streamr.media.svc.cluster.local:5001",
            "http://nas.lan",
            "http://proxy:5001",
            "http://streamr_proxy:5001",
        ):
            self.reads(values.proxy_url, {url: url})

    def test_a_proxy_over_https_may_have_pins(self):
        for url in (
            f"https://proxy.example:5001#{PIN}",
            f"https://203.0.113.9/streamr#{PIN};{PIN}",
            f"https://localhost#{PIN}",
        ):
            self.reads(values.proxy_url, {url: url})
        self.reads(values.proxy_url, {f"https://a/#{PIN}": f"https://a#{PIN}"})

    def test_no_other_url_has_a_pin(self):
        for read in (values.tmdb_url, values.public_url):
            self.refuses(read, f"https://127.0.0.1/3#{PIN}")

    def test_an_outbound_proxy_belongs_in_another_setting(self):
        for read, text, said in (
            (values.proxy_url, "socks5://proxy:1080", "another streamr"),
            (values.proxy_url, "SOCKS5H://anna:canary@proxy", "another streamr"),
            (values.proxy_url, "socks4a://proxy", "SOCKS5 and HTTP ones only"),
            (values.proxy_url, "http://anna:canary@proxy:8080", "user and password"),
            (values.proxy_url, "https://anna@proxy.example", "user and password"),
            (values.address, "http://proxy:8080", "TMDB_PROXY_URL"),
            (values.address, "socks5://anna:canary@proxy", "a URL, not an address"),
        ):
            with self.assertRaises(ValueError) as caught:
                read(text)
            self.assertIn("STREAMR_EGRESS", str(caught.exception), text)
            self.assertIn(said, str(caught.exception), text)
            self.assertNotIn("canary", str(caught.exception))

    def test_plain_http_over_the_internet_is_refused(self):
        self.refuses(
            values.proxy_url,
            "http://proxy.example.org:5001",
            "http://1.1.1.1:5001",
            "http://[::ffff:1.1.1.1]:5001",
        )

    def test_an_ipv6_address_is_no_container_name(self):
        self.refuses(values.proxy_url, "http://[2001:4860:4860::8888]:5001")

    def test_a_number_is_no_container_name(self):
        """134744072 is how inet_aton spells 8.8.8.8."""
        self.refuses(values.proxy_url, "http://134744072", "http://0x08080808")

    def test_plain_http_beyond_this_machine_is_recognised(self):
        for url, beyond in (
            ("http://proxy:5001", True),
            ("http://10.0.0.1", True),
            ("http://127.0.0.1:5001", False),
            ("http://localhost:5001", False),
            ("http://[::1]:5001", False),
            ("https://proxy.example", False),
        ):
            self.assertEqual(values.is_plain_beyond_loopback(url), beyond, url)

    def test_what_is_wrong_with_a_url_is_told(self):
        for read, url, said in (
            (values.tmdb_url, "https://example.org/3", "never sent to example.org"),
            (values.tmdb_url, "http://api.tmdb.org/3", "plain http"),
            (values.tmdb_url, "https://api.tmdb.org/4", "end in /3"),
            (values.tmdb_url, "https://api.tmdb.org", "end in /3"),
            (values.proxy_url, "http://proxy.example", "proxy.example is on the"),
            (values.proxy_url, "http://a b", "white space"),
            (values.proxy_url, "http://a\x01b", "white space"),
            (values.proxy_url, "ftp://a", "not an http or https URL"),
            (values.proxy_url, "http://", "not an http or https URL"),
            (values.proxy_url, "http://user@a", "has no user and password"),
            (values.proxy_url, "http://a?", "a user, query"),
            (values.proxy_url, "http://a#", "is not a pin"),
            (values.proxy_url, "https://a#sha256//", "is not a pin"),
            (values.proxy_url, f"https://u@a#{PIN}", "has no user and password"),
            (values.proxy_url, f"https://a?b#{PIN}", "a user, query"),
            (values.proxy_url, f"http://proxy:5001#{PIN}", "a pin needs https"),
            (values.proxy_url, f"https://api.tmdb.org#{PIN}", "TMDB's own host"),
            (values.tmdb_url, f"https://api.tmdb.org/3#{PIN}", "is for proxies"),
            (values.tmdb_url, f"https://localhost/3#{PIN}", "is for proxies"),
            (values.proxy_url, "http://a..b", "not a valid host name"),
            (values.proxy_url, "http://[::1]:0", "port 0"),
            (values.proxy_url, "http://a:0", "port 0"),
            (values.proxy_url, "http://a:", "not a port number"),
            (values.proxy_url, "http://[::1]:x", "not a port number"),
        ):
            with self.assertRaises(ValueError, msg=url) as caught:
                read(url)
            self.assertIn(said, str(caught.exception), url)

    def test_the_first_and_the_last_port_can_be_reached(self):
        for url in (
            "http://a:1",
            "http://a:65535",
            "http://[::1]:1",
            "http://[::1]",
            "http://[::1]:65535/x:0",
        ):
            self.reads(values.proxy_url, {url: url})

    def test_a_host_name_has_253_characters_at_most(self):
        for length, good in ((252, True), (253, True), (254, False)):
            url = f"https://{'a.' * (length // 2)}{'b' * (length % 2)}".rstrip(".")
            url += "c" * (length - len(url) + len("https://"))
            if good:
                self.reads(values.proxy_url, {url: url})
            else:
                self.refuses(values.proxy_url, url)

    @steady
    @given(st.text(max_size=40) | st.text("htps:/@[]?#.10-a\\%", max_size=30))
    def test_no_text_but_a_near_or_official_host_gets_the_key(self, text):
        for url in (text, f"https://{text}", f"https://api.tmdb.org{text}"):
            try:
                read = values.tmdb_url(url)
            except ValueError:
                continue
            host = (values.urlsplit(read).hostname or "").lower()
            near = is_loopback(host)
            self.assertTrue(near or host in OFFICIAL_HOSTS, url)


class Files(Readers):
    """Paths."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.file = self.folder / "ca.pem"
        self.file.write_text("x")

    def test_a_file_must_be_there(self):
        self.reads(values.existing_file, {"": None, str(self.file): self.file})
        self.refuses(values.existing_file, str(self.folder), f"{self.file}.missing")

    def test_a_log_files_folder_must_be_there(self):
        new = self.folder / "server.log"
        self.reads(values.log_file, {"": None, str(new): new})
        self.assertFalse(new.exists())
        self.refuses(
            values.log_file, str(self.folder), str(self.folder / "no" / "server.log")
        )

    def test_the_missing_folder_is_named(self):
        with self.assertRaises(ValueError) as caught:
            values.log_file(str(self.folder / "no" / "server.log"))
        self.assertIn(f"there is no folder {self.folder / 'no'}", str(caught.exception))

    def test_a_folder_is_there_or_can_be_made(self):
        new = self.folder / "a" / "b"
        self.reads(
            values.folder, {"": None, str(self.folder): self.folder, str(new): new}
        )
        self.assertFalse(new.exists())
        self.reads(values.folder, {"kept": Path.cwd() / "kept"})

    def test_what_cannot_be_a_folder_is_told(self):
        for text, said in (
            (str(self.file), "it is a file, not a folder"),
            (f"{self.folder}/a\nb", "control characters"),
            (f"{self.folder}/a\0b", "control characters"),
        ):
            with self.assertRaises(ValueError, msg=text) as caught:
                values.folder(text)
            self.assertIn(said, str(caught.exception))

    def test_a_folder_that_cannot_be_written_stops_nothing(self):
        for text in (f"{self.folder}/kept", "/proc/nothing/kept"):
            self.assertEqual(values.folder(text), Path(text))

    def test_a_log_file_in_a_folder_that_cannot_be_written_is_told(self):
        place = self.folder / "place"
        place.mkdir()
        self.folder.chmod(0o777)
        for mode, kept_out in ((0o777, False), (0o555, True)):
            place.chmod(mode)
            problem = _problem_of_somebody(values.log_file, place / "new")
            said = "it is not writable" if kept_out else None
            self.assertEqual(problem, said, mode)

    def test_a_log_file_that_is_there_is_used_again(self):
        self.reads(values.log_file, {str(self.file): self.file})

    def test_what_is_wrong_with_a_file_is_told(self):
        for read, path, said in (
            (values.existing_file, self.folder, "no such file"),
            (values.existing_file, self.folder / "none", "no such file"),
            (values.log_file, self.folder, "it is a folder"),
        ):
            with self.assertRaises(ValueError, msg=path) as caught:
                read(str(path))
            self.assertIn(said, str(caught.exception))

    def test_a_files_relative_path_becomes_absolute(self):
        found = values.existing_file(os.path.relpath(self.file))
        self.assertIsNotNone(found)
        self.assertEqual(found, Path(os.path.relpath(self.file)).absolute())

    def test_a_relative_path_becomes_absolute_before_a_daemon_changes_its_folder(self):
        found = values.log_file("server.log")
        self.assertEqual(found, Path.cwd() / "server.log")

    def test_a_file_that_cannot_be_read_or_written_is_refused(self):
        self.folder.chmod(0o777)
        for mode, unread, unwritten in (
            (0o666, None, None),
            (0o444, None, "it is not writable"),
            (0o111, "the file cannot be read", "it is not writable"),
        ):
            self.file.chmod(mode)
            self.assertEqual(
                (
                    _problem_of_somebody(values.existing_file, self.file),
                    _problem_of_somebody(values.log_file, self.file),
                ),
                (unread, unwritten),
                mode,
            )

    def test_a_file_in_a_folder_that_is_closed_to_us_is_refused_with_a_sentence(self):
        self.folder.chmod(0)
        self.addCleanup(self.folder.chmod, 0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        try:
            with self.assertRaises(ValueError) as caught:
                values.existing_file(str(self.folder / "ca.pem"))
        finally:
            if root:
                os.seteuid(0)
        self.assertIn("its folder cannot be read", str(caught.exception))

    def test_a_log_file_that_is_there_needs_no_folder_that_can_be_written(self):
        self.file.chmod(0o666)
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o700)
        self.assertIsNone(_problem_of_somebody(values.log_file, self.file))


def _problem_of_somebody(read: Callable[[str], Any], path: Path) -> str | None:
    """What is wrong with a path for one whom its permissions keep out. Root is asked as
    somebody else: access(2) goes by the real user, and leaves the effective one."""
    root = os.getuid() == 0
    if root:
        os.setreuid(NOBODY, -1)
    try:
        read(str(path))
    except ValueError as error:
        return str(error)
    finally:
        if root:
            os.setreuid(0, -1)
    return None


class Others(Readers):
    """Pins, origins, templates."""

    def test_pins(self):
        self.reads(
            values.pins,
            {
                "": {},
                "api.tmdb.org=127.0.0.1": {"api.tmdb.org": (("127.0.0.1", None),)},
                "A.example=127.0.0.1:443, a.example=[::1]:8443,": {
                    "a.example": (("127.0.0.1", 443), ("::1", 8443))
                },
                "a=::1,b=[::2]": {"a": (("::1", None),), "b": (("::2", None),)},
            },
        )
        self.refuses(
            values.pins,
            "api.tmdb.org",
            "=127.0.0.1",
            "a=",
            "a=example.org",
            "a=1.2.3.4:x",
            "a=1.2.3.4:65536",
            "a=[::1",
            "a=1.2.3.4:0",
            "a=[::1]:0",
            "a=224.0.0.1",
            "a=fe80::1",
            "a=fe80::1%eth0",
            "a b=1.2.3.4",
            "https://a=1.2.3.4",
        )

    def test_origins(self):
        self.reads(
            values.origin,
            {
                "*": "*",
                "https://app.example": "https://app.example",
                "http://LOCALHOST:3000": "http://localhost:3000",
            },
        )
        self.refuses(
            values.origin,
            "",
            "null",
            "app.example",
            "https://app.example/",
            "https://app.example/x",
            "ftp://app.example",
            "file://",
            "https://",
        )

    def test_an_origin_is_spelt_as_browsers_spell_it(self):
        self.reads(
            values.origin,
            {
                "https://app.example:443": "https://app.example",
                "http://app.example:80": "http://app.example",
                "http://app.example:443": "http://app.example:443",
                "https://app.example:08443": "https://app.example:8443",
                "http://[0:0:0:0:0:0:0:1]:3000": "http://[::1]:3000",
                "http://[::ffff:127.0.0.1]": "http://[::ffff:7f00:1]",
            },
        )
        self.refuses(values.origin, "http://127.1", "http://1", "https://a.example.1")

    def test_apps_and_extensions_have_origins(self):
        for text in (
            *("tauri://localhost", "capacitor://localhost", "ionic://localhost"),
            *("app://.", "app://-", "app://obsidian.md", "http://tauri.localhost"),
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0e9f9c0f-1b1c-4f0e-9b0a-0a1b2c3d4e5f",
        ):
            self.reads(values.origin, {text: text})
        self.refuses(
            values.origin,
            "chrome-extension://*",
            "app://",
            "tauri://localhost/",
            "x://a",
        )

    def test_one_label_of_an_origin_may_be_a_star(self):
        for text in (
            *("https://*.vercel.app", "https://*.app.example:8443"),
            *("http://*.localhost:5173", "http://*.lan"),
        ):
            self.reads(values.origin, {text: text})
        self.refuses(
            values.origin,
            *(
                "https://*",
                "https://*.app",
                "https://*.*.example",
                "https://a.*.example",
            ),
            *("https://a*.vercel.app", "https://*a.vercel.app", "https://*."),
            *("http://*.127.0.0.1", "https://**.vercel.app", "*.vercel.app"),
        )

    def test_what_is_wrong_with_an_origin_is_told(self):
        for text, said in (
            ("https://app.example/", "nothing may follow the host and port"),
            ("app.example", "is not a web origin"),
            ("ftp://app.example", "is not a web origin"),
            ("https://a..b", "is not a host name"),
            ("https://*.app", "two labels must follow the star"),
            ("app://a*", "not a valid host for an app"),
            ("https://app.example:0", "port 0"),
        ):
            with self.assertRaises(ValueError, msg=text) as caught:
                values.origin(text)
            self.assertIn(said, str(caught.exception), text)

    def test_an_origin_is_a_name_or_an_address_with_a_port_or_without(self):
        for text in (
            "http://127.0.0.1",
            "http://[::1]",
            "http://[::1]:3000",
            "https://app.example:1",
            "https://app.example:65535",
            "https://a_b.example",
        ):
            self.reads(values.origin, {text: text})
        self.refuses(
            values.origin,
            "http://[:::1]",
            "http://[::1",
            "http://::1",
            "https://app.example:",
            "https://app.example:65536",
            "https://a..b",
            "https://-a.example",
            "https://a-.example",
        )

    def test_what_is_wrong_with_a_pin_is_told(self):
        for text, said in (
            ("a", "'a' does not have the form host=address"),
            ("a b=1.2.3.4", "does not have the form host=address"),
            ("a=1.2.3.4:65536", "not a port number"),
            ("a=1.2.3.4:0", "port 0 cannot be reached"),
            ("a=b", "'b'"),
        ):
            with self.assertRaises(ValueError, msg=text) as caught:
                values.pins(text)
            self.assertIn(said, str(caught.exception), text)

    def test_nothing_stands_behind_an_origins_port(self):
        self.refuses(
            values.origin,
            "https://app.example?x=1",
            "https://app.example#x",
            "https://app.example:99999",
            "https://a b",
        )

    def test_nobody_stands_before_an_origins_host(self):
        self.refuses(values.origin, "https://user:pw@app.example")

    def test_templates_may_begin_with_the_version(self):
        self.reads(
            values.template,
            {
                "/movie/{movie_id}/new": "/movie/{movie_id}/new",
                "/3/movie/{movie_id}/new": "/movie/{movie_id}/new",
            },
        )
        self.refuses(values.template, "movie", "/3/../4", "/movie/{x", "/{x}", "/a?b")

    def test_the_refusal_of_a_template_is_one_sentence(self):
        with self.assertRaises(ValueError) as caught:
            values.template("Movie")
        self.assertIn("'Movie'", str(caught.exception))
        self.assertEqual(str(caught.exception).count("look"), 1)

    def test_the_refusal_names_what_was_given(self):
        for text in ("Movie", "/3", "/3d/movie"):
            with self.assertRaises(ValueError) as caught:
                values.template(text)
            self.assertIn(f"{text!r} is not a path template", str(caught.exception))
